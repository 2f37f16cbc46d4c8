//! The walk with shared models that run several pictures together, as on a GPU; here on the CPU.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod agreement;

use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use agreement::{assert_every_picture_agrees, assert_the_portrait_agrees, pipeline, terms};
use liveness::{Device, Pipeline, Report, Settings};
use onnx::{Grouping, Runtime};

fn batching() -> Runtime {
    let number = |number| NonZeroUsize::new(number).unwrap();
    let wait = Duration::from_millis(2);
    testbed::runtime().grouping(Grouping { max_pictures: number(4), wait, lanes: number(1) })
}

#[test]
fn the_portrait_agrees_with_the_recorded_numbers() {
    assert_the_portrait_agrees(&batching(), Device::Cpu);
}

#[test]
fn every_picture_agrees_with_the_reference_on_every_pack() {
    assert_every_picture_agrees(&batching(), Device::Cpu);
}

/// The portrait, and some pictures of `../shared`.
fn pictures() -> Vec<Vec<u8>> {
    let mut pictures = vec![std::fs::read(testbed::portrait()).unwrap()];
    let Some(shared) = testbed::shared() else {
        testbed::left_out("selfies that are checked at once");
        return pictures;
    };
    let mut files: Vec<_> = std::fs::read_dir(shared.join("selfies")).unwrap().collect();
    files.sort_by_key(|entry| entry.as_ref().unwrap().path());
    for entry in files.into_iter().take(8) {
        let path = entry.unwrap().path();
        pictures.extend(path.is_file().then(|| std::fs::read(&path).unwrap()));
    }
    pictures
}

/// Compares the reports on a picture alone and in a run group. Scores may differ by rounding.
fn assert_the_same(alone: &Report, grouped: &Report, what: &str) {
    assert_eq!(alone.judgement.verdict, grouped.judgement.verdict, "{what}");
    assert_eq!(alone.faces.len(), grouped.faces.len(), "{what}");
    for (a, b) in alone.faces.iter().zip(&grouped.faces) {
        assert!(a.face.rect.iou(&b.face.rect) > 0.999, "{what}: {a:?} {b:?}");
    }
    let scores =
        |report: &Report| report.judgement.models().iter().map(|model| model.live.get()).collect();
    let (a, b): (Vec<f64>, Vec<f64>) = (scores(alone), scores(grouped));
    assert_eq!(a.len(), b.len(), "{what}");
    for (a, b) in a.iter().zip(&b) {
        assert!((a - b).abs() <= 1e-4, "{what}: {a} {b}");
    }
}

#[test]
fn pictures_checked_at_once_get_the_reports_that_they_get_alone() {
    let pictures = pictures();
    for name in testbed::packs() {
        let mut own = pipeline(testbed::runtime(), name, Device::Cpu);
        let alone: Vec<Option<Report>> =
            pictures.iter().map(|picture| own.check(picture, &terms(), &|| false).ok()).collect();
        let runtime = batching();
        let load = |_| pipeline(&runtime, name, Device::Cpu);
        let mut pipelines: Vec<Pipeline> = (0..6).map(load).collect();
        let before = runtime.tally();
        thread::scope(|scope| {
            for (i, pipeline) in pipelines.iter_mut().enumerate() {
                let (pictures, alone) = (&pictures, &alone);
                scope.spawn(move || {
                    // Each thread begins with another picture, so that different pictures share
                    // runs.
                    for j in (0..pictures.len()).map(|j| (i + j) % pictures.len()) {
                        let found = pipeline.check(&pictures[j], &terms(), &|| false).ok();
                        assert_eq!(alone[j].is_some(), found.is_some());
                        if let (Some(alone), Some(found)) = (&alone[j], &found) {
                            assert_the_same(alone, found, &format!("{name}, picture {j}"));
                        }
                    }
                });
            }
        });
        let done = runtime.tally().since(before);
        assert!(done.runs < done.pictures, "no run had two pictures: {done:?}");
    }
}

#[test]
fn all_pipelines_report_the_providers_of_their_shared_models() {
    let runtime = batching();
    let pack = testbed::pack("starter");
    let mut first = None;
    for _ in 0..3 {
        let settings = Settings::default();
        let loaded = Pipeline::load_watched(&runtime, &pack, Device::Cpu, settings).unwrap();
        let (pipeline, watched) = loaded;
        let watched = watched.unwrap();
        assert_eq!(watched.len(), 1 + usize::from(pack.manifest.landmarker.is_some()) + 1);
        let (_kept, before) = first.get_or_insert((pipeline, watched.clone()));
        assert_eq!(*before, watched);
    }
}

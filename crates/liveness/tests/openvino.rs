//! The walk with its scorers on OpenVINO. It has a process of its own, as a process can load one
//! ONNX Runtime.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod agreement;
mod score_ledger;

use agreement::{assert_every_picture_agrees, assert_the_portrait_agrees, pipeline, terms};
use liveness::{Device, LoadError, Pipeline, Report, Settings};
use model_pack::{Manifest, Pack};
use score_ledger::assert_unmoved;

/// The vectors were recorded on the CPU, so a pack that serves here gives the same results.
#[test]
fn every_pack_reproduces_its_golden_vectors() {
    let Some(runtime) = testbed::openvino_runtime() else { return };
    for name in testbed::packs() {
        let pack = testbed::pack(name);
        Pipeline::load(runtime, &pack, Device::OpenVino, Settings::default()).unwrap();
    }
}

#[test]
fn scorers_run_on_openvino_and_detectors_do_not() {
    let Some(runtime) = testbed::openvino_runtime() else { return };
    for name in testbed::packs() {
        let (pack, settings) = (testbed::pack(name), Settings::default());
        let loaded = Pipeline::load_watched(runtime, &pack, Device::OpenVino, settings);
        for model in loaded.unwrap().1.unwrap() {
            let providers: Vec<&str> = model.providers.keys().map(String::as_str).collect();
            let is_scorer = pack.manifest.scorers.iter().any(|scorer| scorer.id == model.id);
            let device = if is_scorer { Device::OpenVino } else { Device::Cpu };
            assert_eq!(providers, [device.provider()], "{}", model.id);
        }
    }
}

#[test]
fn the_portrait_agrees_with_the_recorded_numbers() {
    let Some(runtime) = testbed::openvino_runtime() else { return };
    assert_the_portrait_agrees(runtime, Device::OpenVino);
}

#[test]
fn every_picture_agrees_with_the_reference_on_every_pack() {
    let Some(runtime) = testbed::openvino_runtime() else { return };
    assert_every_picture_agrees(runtime, Device::OpenVino);
}

/// Most that a score on another device may differ from the recorded one (docs/GPU.md).
const MAX_SCORE_ERROR: f64 = 0.005;

#[test]
fn no_score_verdict_or_box_is_another_than_the_ledgers() {
    let Some(runtime) = testbed::openvino_runtime() else { return };
    assert_unmoved(runtime, Device::OpenVino, MAX_SCORE_ERROR);
}

/// The portrait, and all pictures of `../shared`.
fn pictures() -> Vec<Vec<u8>> {
    let mut pictures = vec![std::fs::read(testbed::portrait()).unwrap()];
    let Some(shared) = testbed::shared() else {
        testbed::left_out("selfies on both devices");
        return pictures;
    };
    for entry in std::fs::read_dir(shared.join("selfies")).unwrap() {
        let path = entry.unwrap().path();
        pictures.extend(path.is_file().then(|| std::fs::read(&path).unwrap()));
    }
    pictures
}

#[test]
fn real_pictures_are_scored_as_on_the_cpu() {
    let Some(runtime) = testbed::openvino_runtime() else { return };
    let pictures = pictures();
    let mut compared = 0;
    for pack in testbed::packs() {
        let mut pipelines =
            [Device::Cpu, Device::OpenVino].map(|device| pipeline(runtime, pack, device));
        for picture in &pictures {
            let reports =
                pipelines.each_mut().map(|it| it.check(picture, &terms(), &|| false).ok());
            let [Some(cpu), Some(openvino)] = reports else { continue };
            assert_eq!((cpu.device, openvino.device), (Device::Cpu, Device::OpenVino));
            // Detector and landmarker are on the CPU in both.
            let faces =
                |report: &Report| -> Vec<_> { report.faces.iter().map(|it| it.face).collect() };
            assert_eq!(faces(&cpu), faces(&openvino));
            let scores = |report: &Report| -> Vec<_> {
                let fused = report.judgement.assessment.as_ref().map(|it| it.fused);
                report.judgement.models().iter().map(|model| model.live).chain(fused).collect()
            };
            let (cpu, openvino) = (scores(&cpu), scores(&openvino));
            assert_eq!(cpu.len(), openvino.len());
            for (cpu, openvino) in cpu.into_iter().zip(openvino) {
                let probability = (cpu.get() - openvino.get()).abs();
                // A probability rounded to 0 or 1 has no odds to compare.
                let log_odds = (cpu.log_odds() - openvino.log_odds()).abs();
                let is_sure = cpu.log_odds().abs() > 12.0;
                assert!(probability <= 1e-4, "{pack}: {cpu:?} {openvino:?}");
                assert!(log_odds <= 0.01 || is_sure, "{pack}: {cpu:?} {openvino:?}");
                compared += 1;
            }
        }
    }
    assert!(compared >= testbed::packs().len());
}

#[test]
fn a_wrong_setting_is_named_here_too() {
    let Some(runtime) = testbed::openvino_runtime() else { return };
    let pack = testbed::pack("starter");
    let text = pack.manifest.to_toml();
    let models: Vec<&[u8]> = pack.models().collect();
    for (right, wrong, fault) in [
        ("live_class = 0", "live_class = 2", "`live_class = 0`: the live class"),
        (
            "min_confidence = 0.7",
            "min_confidence = 0.99999",
            "the confidence in pack.toml is wrong",
        ),
    ] {
        assert!(text.contains(right), "{text}");
        let manifest = Manifest::parse(&text.replacen(right, wrong, 1)).unwrap();
        let pack = Pack::unsaved(manifest, &models);
        let error =
            Pipeline::load(runtime, &pack, Device::OpenVino, Settings::default()).unwrap_err();
        assert!(matches!(error, LoadError::Golden(_)));
        let message = std::error::Error::source(&error).unwrap().to_string();
        assert!(message.contains(fault), "{message}");
    }
}

//! Boxes and scores agree with the Python reference (Pillow, OpenCV, onnxruntime).
//!
//! Limits on PNG are an IoU of 0.98 and a difference of scores of 0.01; on JPEG and WebP 0.95 and
//! 0.05. `data/golden.json` has the starter pack's numbers for the portrait; `../shared` has those
//! of every pack and many more pictures.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod agreement;

use agreement::{assert_every_picture_agrees, assert_the_portrait_agrees, pipeline, terms};
use anti_spoof::{Classifier, Scorer};
use frame::{Limits, Rect};
use liveness::Device;

#[test]
fn the_portrait_agrees_with_the_recorded_numbers() {
    assert_the_portrait_agrees(testbed::runtime(), Device::Cpu);
}

#[test]
fn every_picture_agrees_with_the_reference_on_every_pack() {
    assert_every_picture_agrees(testbed::runtime(), Device::Cpu);
}

#[test]
fn the_score_is_fused_and_calibrated_as_the_manifest_describes() {
    let portrait = std::fs::read(testbed::portrait()).unwrap();
    let log_odds = |p: f64| (p / (1.0 - p)).ln();
    for &pack in testbed::packs() {
        let manifest = testbed::pack(pack).manifest;
        let report = pipeline(testbed::runtime(), pack, Device::Cpu)
            .check(&portrait, &terms(), &|| false)
            .unwrap();
        let assessment = report.judgement.assessment.as_ref().unwrap();
        let models: Vec<f64> = assessment.models.iter().map(|model| model.live.get()).collect();
        let held = |p: f64| log_odds(p.clamp(1e-9, 1.0 - 1e-9)).clamp(-7.0, 7.0);
        let fused = match pack {
            "silent-face" => (2.0 * held(models[0]) + held(models[1])) / 3.0,
            "silent-face-plus" => (held(models[0]) + held(models[1]) + held(models[2])) / 3.0,
            // The other packs have one model.
            _ => log_odds(models[0]),
        };
        assert!((log_odds(assessment.fused.get()) - fused).abs() < 1e-6, "{pack}");
        let log_odds = fused * manifest.calibration.slope + manifest.calibration.offset;
        let expected = 1.0 / (1.0 + (-log_odds).exp());
        assert!((assessment.score.get() - expected).abs() < 1e-9, "{pack}");
    }
}

#[test]
fn scorers_that_see_the_same_crop_answer_as_each_does_alone() {
    let portrait = std::fs::read(testbed::portrait()).unwrap();
    let portrait = frame::decode(&portrait, &Limits::default()).unwrap();
    let (width, height) = (portrait.size().width as f32, portrait.size().height as f32);
    for &name in testbed::packs() {
        let pack = testbed::pack(name);
        let classifiers = || -> Vec<Classifier> {
            let scorers = pack.manifest.scorers.iter().zip(pack.scorer_models());
            let load = scorers.map(|(scorer, model)| {
                let runtime = testbed::runtime();
                Classifier::load(runtime, &scorer.id, model, Device::Cpu, &scorer.spec).unwrap()
            });
            load.collect()
        };
        let (mut alone, manifest) = (classifiers(), &pack.manifest);
        let mut all = Scorer::new(classifiers(), manifest.fusion.clone(), manifest.calibration);
        // A near face leaves room for one crop only, a far one for both of `silent-face`.
        for share in [0.6, 0.2, 0.5] {
            let rest = (1.0 - share) / 2.0;
            let face = Rect::new(rest * width, rest * height, share * width, share * height);
            let found = all.score(&portrait, &face, &|| false).unwrap().models;
            let expected = alone.iter_mut().map(|it| it.classify(&portrait, &face).unwrap());
            assert_eq!(found, expected.collect::<Vec<_>>(), "{name}, {share}");
            let shares_a_crop = found.windows(2).any(|pair| pair[0].crop == pair[1].crop);
            assert!(name != "silent-face" || shares_a_crop == (share > 0.4), "{share}");
        }
    }
}

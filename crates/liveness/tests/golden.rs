//! Boxes and scores agree with the Python reference (Pillow, OpenCV, onnxruntime).
//!
//! Limits on PNG are an IoU of 0.98 and a difference of scores of 0.01; on JPEG and WebP 0.95 and
//! 0.05. `data/golden.json` has the starter pack's numbers for the portrait; `../shared` has those
//! of every pack and many more pictures.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod agreement;

use agreement::{assert_every_picture_agrees, assert_the_portrait_agrees, pipeline, terms};
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
        let report =
            pipeline(testbed::runtime(), pack, Device::Cpu).check(&portrait, &terms()).unwrap();
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

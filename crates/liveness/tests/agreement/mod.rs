//! Compares reports to the results of the Python reference.

use std::collections::BTreeMap;

use liveness::{
    CheckError, Consequence, Device, JudgedFace, Pipeline, Report, Settings, Severities, Terms,
    Verdict,
};
use onnx::Runtime;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(untagged)]
enum Golden {
    Unreadable {
        #[serde(rename = "unreadable")]
        _why: String,
    },
    Picture {
        width: usize,
        height: usize,
        detectors: BTreeMap<String, Vec<GoldenFace>>,
    },
}

#[derive(Deserialize)]
struct GoldenFace {
    top_left: [f32; 2],
    delta: [f32; 2],
    confidence: f32,
    live: BTreeMap<String, f64>,
}

impl GoldenFace {
    fn rect(&self) -> frame::Rect {
        frame::Rect::new(self.top_left[0], self.top_left[1], self.delta[0], self.delta[1])
    }
}

fn golden(text: &str) -> BTreeMap<String, Golden> {
    serde_json::from_str(text).unwrap()
}

/// Scores even the smallest picture and any number of faces.
pub(crate) fn pipeline(runtime: &Runtime, pack: &str, device: Device) -> Pipeline {
    let off = Consequence::Off;
    let severity = Severities {
        too_many_faces: off,
        face_too_small: off,
        face_angle_too_large: off,
        ..Severities::default()
    };
    let settings = Settings { severity, ..Settings::default() };
    Pipeline::load(runtime, &testbed::pack(pack), device, settings).unwrap()
}

pub(crate) fn terms() -> Terms {
    Terms { min_picture_side_px: 1, exact: true, ..Terms::default() }
}

fn assert_agrees(name: &str, golden: &Golden, checked: Result<Report, CheckError>, detector: &str) {
    let (width, height, detectors) = match golden {
        Golden::Unreadable { .. } => {
            let error = checked.unwrap_err();
            assert!(matches!(error, CheckError::UnreadablePicture(_)), "{name}: {error:?}");
            return;
        }
        Golden::Picture { width, height, detectors } => (*width, *height, detectors),
    };
    let report = checked.unwrap();
    assert_eq!((report.picture.width, report.picture.height), (width, height), "{name}");
    let expected = &detectors[detector];
    assert_eq!(report.faces.len(), expected.len(), "{name}");
    let (min_iou, max_error) = if name.ends_with("png") { (0.98, 0.01) } else { (0.95, 0.05) };
    for JudgedFace { face, .. } in &report.faces {
        // Faces of similar size may have another order.
        let closest = expected
            .iter()
            .max_by(|a, b| face.rect.iou(&a.rect()).total_cmp(&face.rect.iou(&b.rect())));
        let closest = closest.unwrap();
        let iou = face.rect.iou(&closest.rect());
        assert!(iou >= min_iou, "{name}: IoU {iou} of {face:?}");
        assert!(
            (face.confidence - closest.confidence).abs() <= max_error as f32,
            "{name}: {face:?}"
        );
    }
    let Some(JudgedFace { face: first, .. }) = report.faces.first() else {
        assert_eq!(report.judgement.verdict, Verdict::NotAssessed);
        return;
    };
    let closest = expected
        .iter()
        .max_by(|a, b| first.rect.iou(&a.rect()).total_cmp(&first.rect.iou(&b.rect())));
    assert!(!report.judgement.models().is_empty());
    for model in report.judgement.models() {
        let expected = closest.unwrap().live[&*model.id];
        let error = (model.live.get() - expected).abs();
        assert!(error <= max_error, "{name}: {model:?}, expected {expected}");
    }
}

pub(crate) fn assert_the_portrait_agrees(runtime: &Runtime, device: Device) {
    let golden = golden(include_str!("../data/golden.json"));
    let portrait = std::fs::read(testbed::portrait()).unwrap();
    let report = pipeline(runtime, "starter", device).check(&portrait, &terms(), &|| false);
    assert_agrees("portrait.png", &golden["portrait.png"], report, "ultralight");
}

pub(crate) fn assert_every_picture_agrees(runtime: &Runtime, device: Device) {
    let Some(shared) = testbed::shared() else {
        testbed::left_out("the pictures of reference/golden.json, on three packs");
        return;
    };
    let golden = golden(&std::fs::read_to_string(shared.join("reference/golden.json")).unwrap());
    assert!(golden.len() > 10);
    for &pack in testbed::packs() {
        let detector = testbed::pack(pack).manifest.detector.id.clone();
        let mut pipeline = pipeline(runtime, pack, device);
        for (name, golden) in &golden {
            let bytes = testbed::selfie(name).unwrap();
            assert_agrees(name, golden, pipeline.check(&bytes, &terms(), &|| false), &detector);
        }
    }
}

//! Searches for the fault in `pack.toml` that explains a missed golden vector.
//!
//! The search loads the model again with one setting changed at a time. It takes some tenths of a
//! second, for a pack that does not serve anyway.

use anti_spoof::{Activation, Classifier, Crop};
use face_detector::{Detector, Fit};
use frame::{Channels, Filter, TensorSpec};
use model_pack::{Pack, inline_toml};
use onnx::{Device, Runtime};
use serde::Serialize;

use crate::golden_error::{Diagnosis, GoldenError, Mismatch};
use crate::models::finders_device;
use crate::self_test::{MAX_LOG_ODDS_ERROR, faces_agree, log_odds_error};

/// A description with one setting changed.
struct Variation<S> {
    fault: &'static str,
    setting: String,
    spec: S,
}

/// A variation of `spec` for each of `values` that is not the stated one of `field`.
fn vary<S: Clone, V: PartialEq + Serialize>(
    spec: &S,
    fault: &'static str,
    key: &str,
    values: impl IntoIterator<Item = V>,
    field: impl Fn(&mut S) -> &mut V,
) -> Vec<Variation<S>> {
    let vary = |value: V| {
        let mut spec = spec.clone();
        let stated = field(&mut spec);
        if *stated == value {
            return None;
        }
        let setting = format!("{key} = {}", inline_toml(&value));
        *stated = value;
        Some(Variation { fault, setting, spec })
    };
    values.into_iter().filter_map(vary).collect()
}

/// The variation with the least error. `error` is none where a golden vector is missed, or a model
/// fails. Several variations may meet the vectors by chance.
fn nearest<S>(variations: Vec<Variation<S>>, error: impl Fn(&S) -> Option<f64>) -> Diagnosis {
    let meeting = variations.into_iter().filter_map(|it| Some((error(&it.spec)?, it)));
    let nearest = meeting.min_by(|(a, _), (b, _)| a.total_cmp(b));
    nearest.map_or(Diagnosis::Unexplained, |(_, Variation { fault, setting, .. })| {
        Diagnosis::Setting { fault, setting }
    })
}

/// Searches for the fault in `pack.toml` that explains `error`, and adds it.
pub(crate) fn explain(
    error: GoldenError,
    runtime: &Runtime,
    pack: &Pack,
    device: Device,
) -> GoldenError {
    let GoldenError::Missed { mismatch, .. } = error else {
        return error;
    };
    let diagnosis = match &mismatch {
        Mismatch::Faces { .. } | Mismatch::FaceLandmarks { .. } => {
            Some(detector(runtime, pack, device))
        }
        Mismatch::NoProbability { scorer, .. } | Mismatch::LogOdds { scorer, .. } => {
            Some(classifier(runtime, pack, device, scorer))
        }
        Mismatch::Landmarks { .. } => None,
    };
    GoldenError::Missed { mismatch, diagnosis }
}

fn detector(runtime: &Runtime, pack: &Pack, device: Device) -> Diagnosis {
    let device = finders_device(device);
    let error = |spec: &face_detector::Spec| {
        let mut detector = Detector::load(runtime, pack.detector_model(), device, spec).ok()?;
        let mut worst: f32 = 0.0;
        for golden in &pack.manifest.golden {
            let found = detector.detect(&golden.picture.frame()).ok()?;
            if !faces_agree(&found, &golden.faces) {
                return None;
            }
            for (found, expected) in found.iter().zip(&golden.faces) {
                let apart = 1.0 - found.rect.iou(&expected.rect);
                worst = worst.max(apart + (found.confidence - expected.confidence).abs());
            }
        }
        Some(f64::from(worst))
    };
    nearest(detector_variations(&pack.manifest.detector.spec), error)
}

fn classifier(runtime: &Runtime, pack: &Pack, device: Device, id: &str) -> Diagnosis {
    let mut scorers = pack.manifest.scorers.iter().zip(pack.scorer_models());
    let Some((scorer, model)) = scorers.find(|(scorer, _)| scorer.id == id) else {
        return Diagnosis::Unexplained;
    };
    let error = |spec: &anti_spoof::Spec| {
        let mut classifier = Classifier::load(runtime, id, model, device, spec).ok()?;
        let mut worst: f64 = 0.0;
        for golden in &pack.manifest.golden {
            let face = golden.faces.first()?;
            let found = classifier.classify(&golden.picture.frame(), &face.rect).ok()?;
            worst = worst.max(log_odds_error(golden, id, found.live));
        }
        (worst <= MAX_LOG_ODDS_ERROR).then_some(worst)
    };
    nearest(scorer_variations(&scorer.spec), error)
}

fn detector_variations(spec: &face_detector::Spec) -> Vec<Variation<face_detector::Spec>> {
    let mut variations = tensor_variations(spec, |spec| &mut spec.tensor);
    if matches!(spec.fit, Fit::Letterbox { .. }) {
        let sides = [320, 480, 512, 640, 960, 1280];
        let fits = sides.map(|longer_side| Fit::Letterbox { longer_side });
        let fault = "the detector's input size";
        variations.extend(vary(spec, fault, "fit", fits, |spec| &mut spec.fit));
    }
    let confidences = [0.5, 0.6, 0.7, 0.8, 0.9];
    variations.extend(vary(spec, "the confidence", "min_confidence", confidences, |spec| {
        &mut spec.min_confidence
    }));
    variations
}

fn scorer_variations(spec: &anti_spoof::Spec) -> Vec<Variation<anti_spoof::Spec>> {
    let scales = [1.0, 1.2, 1.3, 1.5, 2.0, 2.7, 3.0, 4.0];
    let crops = scales.map(|scale| [Crop::Shifted { scale }, Crop::SquareReflected { scale }]);
    let activations = [Activation::Softmax, Activation::Probabilities];
    let filters = [Filter::Linear, Filter::AreaOrLanczos4];
    let mut variations = tensor_variations(spec, |spec| &mut spec.tensor);
    variations.extend(vary(spec, "the live class", "live_class", 0..spec.classes, |spec| {
        &mut spec.live_class
    }));
    variations.extend(vary(spec, "the activation", "activation", activations, |spec| {
        &mut spec.activation
    }));
    variations.extend(vary(spec, "the crop", "crop", crops.concat(), |spec| &mut spec.crop));
    variations.extend(vary(spec, "the resizing", "resize", filters, |spec| &mut spec.resize));
    variations
}

/// The usual ways to make numbers of pixels.
fn tensor_variations<S: Clone>(
    spec: &S,
    tensor: impl Fn(&mut S) -> &mut TensorSpec,
) -> Vec<Variation<S>> {
    let TensorSpec { channels, .. } = *tensor(&mut spec.clone());
    // Means and deviations of ImageNet's pictures, red first.
    let (mut mean, mut std) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    if channels == Channels::Bgr {
        mean.reverse();
        std.reverse();
    }
    let scales = [
        (1.0, [0.0; 3], [1.0; 3]),
        (1.0 / 255.0, [0.0; 3], [1.0; 3]),
        (1.0, [127.5; 3], [127.5; 3]),
        (1.0, [127.5; 3], [128.0; 3]),
        (1.0, [127.0; 3], [128.0; 3]),
        (1.0 / 255.0, mean, std),
    ];
    let tensors = scales.map(|(scale, mean, std)| TensorSpec { channels, scale, mean, std });
    let orders = [Channels::Rgb, Channels::Bgr];
    let mut variations =
        vary(spec, "the colour order", "channels", orders, |spec| &mut tensor(spec).channels);
    variations.extend(vary(spec, "the pixel scale", "tensor", tensors, &tensor));
    variations
}

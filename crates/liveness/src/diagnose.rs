//! Why a pack misses its golden vectors: whether one of the usual slips in `pack.toml` explains it.
//!
//! The model is loaded again with one thing of its description changed at a time, and asked again. That
//! takes some tenths of a second, once, in a pack that does not serve anyway.

use anti_spoof::{Activation, Classifier, Crop};
use face_detector::{Detector, Fit};
use frame::{Channels, Filter, TensorSpec};
use model_pack::{Pack, inline_toml};
use onnx::{Device, Runtime};

use crate::pipeline::finders_device;
use crate::self_test::{GoldenError, MAX_LOG_ODDS_ERROR, faces_agree, log_odds_error};

/// What explains that a golden vector is missed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Diagnosis {
    /// With another setting, the recorded answer comes.
    Setting {
        /// What is wrong in `pack.toml`.
        fault: &'static str,
        /// What it would have to be, as `pack.toml` has it.
        setting: String,
    },
    /// None of the usual slips explains it.
    Unexplained,
}

impl std::fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Setting { fault, setting } => {
                write!(f, "it gives the recorded answer with `{setting}`: {fault} in pack.toml is wrong")
            }
            Self::Unexplained => f.write_str(
                "no usual colour order, pixel scale, input size, crop, resizing, class, activation or \
                 confidence explains it: the model is another one, or more than one setting is wrong, or \
                 the vectors were recorded with other code",
            ),
        }
    }
}

/// A description with one thing changed.
struct Variation<S> {
    fault: &'static str,
    setting: String,
    spec: S,
}

/// Which of `variations` comes nearest to what was recorded, of those that meet it: more than one may, by
/// chance. `error` is none for one that does not, or fails.
fn nearest<S>(variations: Vec<Variation<S>>, error: impl Fn(&S) -> Option<f64>) -> Diagnosis {
    let meeting = variations.into_iter().filter_map(|it| Some((error(&it.spec)?, it)));
    let nearest = meeting.min_by(|(a, _), (b, _)| a.total_cmp(b));
    nearest.map_or(Diagnosis::Unexplained, |(_, Variation { fault, setting, .. })| {
        Diagnosis::Setting { fault, setting }
    })
}

/// `error`, with what explains it where that can be found.
pub(crate) fn explain(
    error: GoldenError,
    runtime: &Runtime,
    pack: &Pack,
    device: Device,
) -> GoldenError {
    match error {
        GoldenError::Faces { expected, found, .. } => {
            let diagnosis = detector(runtime, pack, device);
            GoldenError::Faces { expected, found, diagnosis }
        }
        GoldenError::FaceLandmarks { expected, found, .. } => {
            let diagnosis = detector(runtime, pack, device);
            GoldenError::FaceLandmarks { expected, found, diagnosis }
        }
        GoldenError::NoProbability { scorer, found, .. } => {
            let diagnosis = classifier(runtime, pack, device, &scorer);
            GoldenError::NoProbability { scorer, found, diagnosis }
        }
        GoldenError::LogOdds { scorer, expected, found, .. } => {
            let diagnosis = classifier(runtime, pack, device, &scorer);
            GoldenError::LogOdds { scorer, expected, found, diagnosis }
        }
        other => other,
    }
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
            let live = classifier.classify(&golden.picture.frame(), &face.rect).ok()?;
            worst = worst.max(log_odds_error(golden, id, live));
        }
        (worst <= MAX_LOG_ODDS_ERROR).then_some(worst)
    };
    nearest(scorer_variations(&scorer.spec), error)
}

fn detector_variations(spec: &face_detector::Spec) -> Vec<Variation<face_detector::Spec>> {
    let mut variations = Vec::new();
    let mut add = |fault, setting, spec| variations.push(Variation { fault, setting, spec });
    for (fault, setting, tensor) in tensor_variations(&spec.tensor) {
        add(fault, setting, face_detector::Spec { tensor, ..spec.clone() });
    }
    if let Fit::Letterbox { longer_side: stated } = spec.fit {
        for longer_side in [320, 480, 512, 640, 960, 1280].into_iter().filter(|&s| s != stated) {
            let fit = Fit::Letterbox { longer_side };
            let setting = format!("fit = {}", inline_toml(&fit));
            add("the detector's input size", setting, face_detector::Spec { fit, ..spec.clone() });
        }
    }
    for min_confidence in [0.5, 0.6, 0.7, 0.8, 0.9] {
        if min_confidence != spec.min_confidence {
            let setting = format!("min_confidence = {}", inline_toml(&min_confidence));
            let spec = face_detector::Spec { min_confidence, ..spec.clone() };
            add("the confidence", setting, spec);
        }
    }
    variations
}

fn scorer_variations(spec: &anti_spoof::Spec) -> Vec<Variation<anti_spoof::Spec>> {
    let mut variations = Vec::new();
    let mut add = |fault, setting, spec| variations.push(Variation { fault, setting, spec });
    for (fault, setting, tensor) in tensor_variations(&spec.tensor) {
        add(fault, setting, anti_spoof::Spec { tensor, ..spec.clone() });
    }
    for live_class in (0..spec.classes).filter(|&class| class != spec.live_class) {
        let setting = format!("live_class = {live_class}");
        add("the live class", setting, anti_spoof::Spec { live_class, ..spec.clone() });
    }
    for activation in [Activation::Softmax, Activation::Probabilities] {
        if activation != spec.activation {
            let setting = format!("activation = {}", inline_toml(&activation));
            let fault = "the activation";
            add(fault, setting, anti_spoof::Spec { activation, ..spec.clone() });
        }
    }
    for scale in [1.0, 1.2, 1.3, 1.5, 2.0, 2.7, 3.0, 4.0] {
        for crop in [Crop::Shifted { scale }, Crop::SquareReflected { scale }] {
            if crop != spec.crop {
                let setting = format!("crop = {}", inline_toml(&crop));
                add("the crop", setting, anti_spoof::Spec { crop, ..spec.clone() });
            }
        }
    }
    for resize in [Filter::Linear, Filter::AreaOrLanczos4] {
        if resize != spec.resize {
            let setting = format!("resize = {}", inline_toml(&resize));
            add("the resizing", setting, anti_spoof::Spec { resize, ..spec.clone() });
        }
    }
    variations
}

/// The usual ways of making numbers of pixels, but for the one that is stated.
fn tensor_variations(stated: &TensorSpec) -> Vec<(&'static str, String, TensorSpec)> {
    let channels = match stated.channels {
        Channels::Rgb => Channels::Bgr,
        Channels::Bgr => Channels::Rgb,
    };
    let setting = format!("channels = {}", inline_toml(&channels));
    let mut variations = vec![("the colour order", setting, TensorSpec { channels, ..*stated })];
    // Means and deviations of the pictures of ImageNet, red first.
    let (mut mean, mut std) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    if stated.channels == Channels::Bgr {
        mean.reverse();
        std.reverse();
    }
    for (scale, mean, std) in [
        (1.0, [0.0; 3], [1.0; 3]),
        (1.0 / 255.0, [0.0; 3], [1.0; 3]),
        (1.0, [127.5; 3], [127.5; 3]),
        (1.0, [127.5; 3], [128.0; 3]),
        (1.0, [127.0; 3], [128.0; 3]),
        (1.0 / 255.0, mean, std),
    ] {
        let tensor = TensorSpec { channels: stated.channels, scale, mean, std };
        if tensor != *stated {
            let setting = format!("tensor = {}", inline_toml(&tensor));
            variations.push(("the pixel scale", setting, tensor));
        }
    }
    variations
}

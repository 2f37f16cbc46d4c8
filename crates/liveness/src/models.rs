//! Loads the models of a pack.

use std::sync::atomic::{AtomicBool, Ordering};

use anti_spoof::{Classifier, ScoreError, Scorer};
use face_detector::{DetectError, Detector, Finder, Landmarker};
use model_pack::Pack;
use onnx::{Device, Runtime};

use crate::error::LoadError;

/// Set by the pipeline that logs the progress of loading, so that one pipeline a process does.
static PROGRESS_IS_LOGGED: AtomicBool = AtomicBool::new(false);

/// Loads the models of `pack` and checks their graphs: scorers run on `device`, the detector and
/// the landmarker on [`finders_device`].
pub(crate) fn load_models(
    runtime: &Runtime,
    pack: &Pack,
    device: Device,
) -> Result<(Finder, Scorer), LoadError> {
    let manifest = &pack.manifest;
    let finders_device = finders_device(device);
    // Compiling for a GPU takes minutes. Later pipelines reuse what the first one compiled.
    let logs = device.is_gpu() && !PROGRESS_IS_LOGGED.swap(true, Ordering::Relaxed);
    let count = pack.models().count();
    let mut number = 0;
    let mut log = |id: &str| {
        number += 1;
        if logs {
            tracing::info!("model {number} of {count} is loaded on {device}: {id}");
        }
    };
    let failed = |id: &str| {
        let id = id.to_owned();
        move |source: DetectError| LoadError::Detector { id, source }
    };

    let detector = &manifest.detector;
    log(&detector.id);
    let detector = Detector::load(runtime, pack.detector_model(), finders_device, &detector.spec)
        .map_err(failed(&detector.id))?;
    let landmarker = manifest.landmarker.as_ref().zip(pack.landmarker_model());
    let landmarker = landmarker
        .map(|(landmarker, model)| {
            log(&landmarker.id);
            Landmarker::load(runtime, model, finders_device, landmarker.spec)
                .map_err(failed(&landmarker.id))
        })
        .transpose()?;
    let classifiers = manifest
        .scorers
        .iter()
        .zip(pack.scorer_models())
        .map(|(scorer, model)| {
            log(&scorer.id);
            Classifier::load(runtime, &scorer.id, model, device, &scorer.spec)
        })
        .collect::<Result<_, ScoreError>>()
        .map_err(LoadError::Scorer)?;
    let scorer = Scorer::new(classifiers, manifest.fusion.clone(), manifest.calibration);
    Ok((Finder::new(detector, landmarker), scorer))
}

/// The device that runs the detector and the landmarker where scorers run on `device`. It is the
/// CPU for OpenVINO, which runs detectors slower than ONNX Runtime's CPU provider
/// (docs/PERFORMANCE.md).
pub(crate) fn finders_device(device: Device) -> Device {
    match device {
        Device::Cpu | Device::OpenVino => Device::Cpu,
        Device::Cuda | Device::TensorRt => device,
    }
}

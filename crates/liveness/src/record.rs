//! Golden vectors for a pack that is being made.

use std::collections::BTreeMap;

use model_pack::{Golden, GoldenPicture, Pack};
use onnx::{Device, Runtime};

use crate::error::LoadError;
use crate::pipeline::load_models;
use crate::self_test::GoldenError;

/// What `pack` answers on the drawn face, here and now.
///
/// A pack that is held to this shows later that nothing has changed since, and nothing else: whether its
/// models are fed as they were in training, only whoever trained them can tell.
///
/// # Errors
/// When a model is not what the pack says, fails, or finds no face.
pub fn record(runtime: &Runtime, pack: &Pack, device: Device) -> Result<Golden, LoadError> {
    let (mut finder, mut scorer) = load_models(runtime, pack, device)?;
    let picture = GoldenPicture::DrawnFace;
    let frame = picture.frame();
    let failed = |error: GoldenError| LoadError::Golden(error);
    let mut faces = finder.detector().detect(&frame).map_err(|error| failed(error.into()))?;
    let face = faces.first_mut().ok_or(LoadError::NoFace)?;
    if let Some(landmarker) = finder.landmarker() {
        let marked = landmarker.mark(&frame, &face.rect).map_err(|error| failed(error.into()))?;
        face.landmarks = Some(marked.landmarks);
    }
    let assessment = scorer.score(&frame, &face.rect).map_err(|error| failed(error.into()))?;
    let log_odds: BTreeMap<String, f64> = assessment
        .models
        .iter()
        .map(|model| (model.id.to_string(), (model.live.log_odds() * 1e4).round() / 1e4))
        .collect();
    Ok(Golden { picture, faces, log_odds })
}

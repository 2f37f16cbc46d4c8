//! Records the golden vectors of a new pack.

use std::collections::BTreeMap;

use model_pack::{Golden, GoldenPicture, Pack};
use onnx::{Device, Runtime};

use crate::error::LoadError;
use crate::golden_error::GoldenError;
use crate::models::load_models;

/// The results of `pack` for the drawn face on this machine.
///
/// They show later that nothing has changed. They do not show that `pack.toml` feeds the models as
/// in training: only the person who trained them can tell.
///
/// # Errors
/// When a model does not match the manifest, fails, or finds no face.
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
    let assessment =
        scorer.score(&frame, &face.rect, &|| false).map_err(|error| failed(error.into()))?;
    let log_odds: BTreeMap<String, f64> = assessment
        .models
        .iter()
        .map(|model| (model.id.to_string(), (model.live.log_odds() * 1e4).round() / 1e4))
        .collect();
    Ok(Golden { picture, faces, log_odds })
}

//! What the numbers of a manifest may be. A pack comes from anywhere, and its numbers become sizes of
//! buffers.

use anti_spoof::Crop;
use frame::TensorSpec;

use crate::artifact::Artifact;
use crate::manifest::{Manifest, ManifestError};

/// Longest side of a model's input, pixels: a tensor of 200 MB.
const MOST_INPUT_SIDE: usize = 4096;
/// Most classes that a scorer may tell apart.
const MOST_CLASSES: usize = 1000;
/// Most scorers of a pack; each costs its time for every picture.
const MOST_SCORERS: usize = 16;
/// Largest model file, bytes: where protobuf ends, and with it ONNX.
pub(crate) const MOST_MODEL_BYTES: u64 = 1 << 31;

impl Manifest {
    /// Whether every number of the preprocessing is one that can be meant. Parsing sees to this; whoever puts
    /// a manifest together asks before running a model by it.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check_bounds(&self) -> Result<(), ManifestError> {
        check(self)
    }
}

fn check(manifest: &Manifest) -> Result<(), ManifestError> {
    let is_room = manifest.max_face_share > 0.0 && manifest.max_face_share <= 1.0;
    holds(is_room, "max_face_share", "above 0 and at most 1")?;
    let detector = &manifest.detector;
    artifact(&detector.artifact)?;
    detector.spec.check().map_err(ManifestError::Input)?;
    tensor(&detector.spec.tensor, "detector.spec.tensor")?;
    let is_share = |share: f32| (0.0..=1.0).contains(&share);
    let (confidence, overlap) = (detector.spec.min_confidence, detector.spec.max_overlap_iou);
    holds(is_share(confidence), "detector.spec.min_confidence", "from 0 to 1")?;
    holds(is_share(overlap), "detector.spec.max_overlap_iou", "from 0 to 1")?;
    if let Some(landmarker) = &manifest.landmarker {
        artifact(&landmarker.artifact)?;
        landmarker.spec.check().map_err(ManifestError::Input)?;
    }
    holds(manifest.scorers.len() <= MOST_SCORERS, "scorers", "16 at most")?;
    for scorer in &manifest.scorers {
        artifact(&scorer.artifact)?;
        let spec = &scorer.spec;
        let (Crop::Shifted { scale } | Crop::SquareReflected { scale }) = spec.crop;
        let is_scale = scale.is_finite() && scale > 0.0 && scale <= 16.0;
        holds(is_scale, "scorers.spec.crop", "above 0 and at most 16 times the face")?;
        let is_input = is_side(spec.input.width) && is_side(spec.input.height);
        holds(is_input, "scorers.spec.input", SIDE)?;
        tensor(&spec.tensor, "scorers.spec.tensor")?;
        // With one class, its probability is 1 whatever the picture.
        let is_choice = (2..=MOST_CLASSES).contains(&spec.classes);
        holds(is_choice, "scorers.spec.classes", "from 2 to 1000")?;
    }
    Ok(())
}

const SIDE: &str = "from 1 to 4096 pixels a side";

fn is_side(pixels: usize) -> bool {
    (1..=MOST_INPUT_SIDE).contains(&pixels)
}

fn artifact(artifact: &Artifact) -> Result<(), ManifestError> {
    let is_size = (1..=MOST_MODEL_BYTES).contains(&artifact.size_bytes);
    holds(is_size, "artifact.size_bytes", "from 1 to 2147483648 (2 GiB)")
}

fn tensor(tensor: &TensorSpec, key: &'static str) -> Result<(), ManifestError> {
    let TensorSpec { scale, mean, std, .. } = tensor;
    let numbers_are_finite = mean.iter().chain(std).chain([scale]).all(|number| number.is_finite());
    let divisors_are_some = std.iter().chain([scale]).all(|number| *number != 0.0);
    let must_be = "finite numbers, with a scale and deviations that are not 0";
    holds(numbers_are_finite && divisors_are_some, key, must_be)
}

fn holds(holds: bool, key: &'static str, must_be: &'static str) -> Result<(), ManifestError> {
    if holds { Ok(()) } else { Err(ManifestError::Bounds { key, must_be }) }
}

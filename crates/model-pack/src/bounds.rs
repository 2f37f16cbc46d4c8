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
/// Largest model file, bytes: 256 MiB. The largest of the packs that Livegate knows has 2 MB.
pub const MOST_MODEL_BYTES: u64 = 1 << 28;
/// Most that the models of a pack may have together, bytes: 1 GiB. All of them are held in memory.
const MOST_PACK_BYTES: u64 = 1 << 30;

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
    // Each is bounded by now, and so is how many there are.
    let pack_bytes: u64 = manifest.artifacts().map(|artifact| artifact.size_bytes).sum();
    let must_be = "at most 1073741824 (1 GiB) for all models together";
    holds(pack_bytes <= MOST_PACK_BYTES, "artifact.size_bytes", must_be)
}

const SIDE: &str = "from 1 to 4096 pixels a side";

fn is_side(pixels: usize) -> bool {
    (1..=MOST_INPUT_SIDE).contains(&pixels)
}

fn artifact(artifact: &Artifact) -> Result<(), ManifestError> {
    let is_size = (1..=MOST_MODEL_BYTES).contains(&artifact.size_bytes);
    holds(is_size, "artifact.size_bytes", "from 1 to 268435456 (256 MiB)")
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;

    #[test]
    fn a_model_has_256_mib_at_most_and_a_pack_1_gib() {
        let (mut manifest, _) = catalog().remove(1);
        manifest.landmarker = None;
        let sizes = |manifest: &mut Manifest, sizes: &[u64]| {
            let scorer = manifest.scorers[0].clone();
            manifest.detector.artifact.size_bytes = sizes[0];
            manifest.scorers.clear();
            for &size_bytes in &sizes[1..] {
                manifest.scorers.push(scorer.clone());
                manifest.scorers.last_mut().unwrap().artifact.size_bytes = size_bytes;
            }
            manifest.check_bounds().map_err(|error| error.to_string())
        };
        assert_eq!(sizes(&mut manifest, &[MOST_MODEL_BYTES; 4]), Ok(()));
        let said = sizes(&mut manifest, &[MOST_MODEL_BYTES + 1, 1]).unwrap_err();
        assert!(said.contains("256 MiB"), "{said}");
        let [full, one] = [MOST_MODEL_BYTES, 1];
        let said = sizes(&mut manifest, &[full, full, full, full, one]).unwrap_err();
        assert!(said.contains("1 GiB") && said.contains("together"), "{said}");
    }
}

//! Ranges of a manifest's numbers. A pack may come from a stranger, and its numbers become buffer
//! sizes.

use anti_spoof::Crop;
use frame::TensorSpec;

use crate::manifest::{Manifest, ManifestError};

/// Maximum side of a model's input, pixels: a tensor of 200 MB.
const MOST_INPUT_SIDE: usize = 4096;
/// Maximum number of a scorer's classes.
const MOST_CLASSES: usize = 1000;
/// Maximum number of a pack's scorers. Each costs time for every picture.
const MOST_SCORERS: usize = 16;
/// Maximum length of a model file, bytes: 256 MiB. The largest in the catalogue has 2 MB.
pub const MOST_MODEL_BYTES: u64 = 1 << 28;
/// Maximum length of a pack's models together, bytes: 1 GiB. All of them are kept in memory.
const MOST_PACK_BYTES: u64 = 1 << 30;

impl Manifest {
    /// Checks that numbers are in their ranges. [`Manifest::parse`] does it too; a
    /// manifest that was composed in memory needs it before a model runs.
    ///
    /// # Errors
    /// The first number that is out of range.
    pub fn check_bounds(&self) -> Result<(), ManifestError> {
        let is_room = self.max_face_share > 0.0 && self.max_face_share <= 1.0;
        holds(is_room, "max_face_share", "above 0 and at most 1")?;
        for artifact in self.artifacts() {
            let is_size = (1..=MOST_MODEL_BYTES).contains(&artifact.size_bytes);
            holds(is_size, "artifact.size_bytes", "from 1 to 268435456 (256 MiB)")?;
        }
        let detector = &self.detector;
        detector.spec.check().map_err(ManifestError::Unusable)?;
        tensor(&detector.spec.tensor, "detector.spec.tensor")?;
        let is_share = |share| (0.0..=1.0).contains(&share);
        let (confidence, overlap) = (detector.spec.min_confidence, detector.spec.max_overlap_iou);
        holds(is_share(confidence.into()), "detector.spec.min_confidence", "from 0 to 1")?;
        holds(is_share(overlap.into()), "detector.spec.max_overlap_iou", "from 0 to 1")?;
        if let Some(landmarker) = &self.landmarker {
            landmarker.spec.check().map_err(ManifestError::Unusable)?;
        }
        holds(self.scorers.len() <= MOST_SCORERS, "scorers", "16 at most")?;
        for scorer in &self.scorers {
            let spec = &scorer.spec;
            let (Crop::Shifted { scale } | Crop::SquareReflected { scale }) = spec.crop;
            let is_scale = scale.is_finite() && scale > 0.0 && scale <= 16.0;
            holds(is_scale, "scorers.spec.crop", "above 0 and at most 16 times the face")?;
            let is_input = is_side(spec.input.width) && is_side(spec.input.height);
            holds(is_input, "scorers.spec.input", SIDE)?;
            tensor(&spec.tensor, "scorers.spec.tensor")?;
            // The probability of a single class is always 1.
            let is_choice = (2..=MOST_CLASSES).contains(&spec.classes);
            holds(is_choice, "scorers.spec.classes", "from 2 to 1000")?;
        }
        if let Some(evaluation) = &self.evaluation {
            for (key, share) in [
                ("evaluation.auc", evaluation.auc),
                ("evaluation.eer", evaluation.eer),
                ("evaluation.apcer_at_half", evaluation.apcer_at_half),
                ("evaluation.bpcer_at_half", evaluation.bpcer_at_half),
            ] {
                holds(is_share(share), key, "from 0 to 1")?;
            }
        }
        // The sum cannot overflow: the length of each and their number are checked above.
        let pack_bytes: u64 = self.artifacts().map(|artifact| artifact.size_bytes).sum();
        let must_be = "at most 1073741824 (1 GiB) for all models together";
        holds(pack_bytes <= MOST_PACK_BYTES, "artifact.size_bytes", must_be)
    }
}

const SIDE: &str = "from 1 to 4096 pixels a side";

fn is_side(pixels: usize) -> bool {
    (1..=MOST_INPUT_SIDE).contains(&pixels)
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
    fn a_model_has_at_most_256_mib_and_a_pack_1_gib() {
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
        let message = sizes(&mut manifest, &[MOST_MODEL_BYTES + 1, 1]).unwrap_err();
        assert!(message.contains("256 MiB"), "{message}");
        let full = MOST_MODEL_BYTES;
        let message = sizes(&mut manifest, &[full, full, full, full, 1]).unwrap_err();
        assert!(message.contains("1 GiB") && message.contains("together"), "{message}");
    }
}

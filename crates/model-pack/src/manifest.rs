//! `pack.toml`: all that is to be known about a pack.

use serde::Deserialize;

use crate::artifact::Artifact;
use crate::golden::Golden;

/// `pack.toml`: all that is to be known about a pack.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The pack's name, which is also its directory's.
    pub name: String,
    /// One sentence for whoever chooses a pack.
    pub summary: String,
    /// What must be known before using it, beyond the licences (data terms, say).
    #[serde(default)]
    pub caveat: Option<String>,
    /// The face detector.
    pub detector: Detector,
    /// The anti-spoof models, at least one.
    pub scorers: Vec<Scorer>,
    /// How several scorers' answers become one.
    pub fusion: anti_spoof::Fusion,
    /// How that one is placed so that 0.5 is the measured operating point.
    pub calibration: anti_spoof::Calibration,
    /// How it did on labelled pictures.
    pub evaluation: Evaluation,
    /// What it must answer before it may serve, at least one.
    pub golden: Vec<Golden>,
}

/// The face detector of a pack.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detector {
    /// Its name in answers and metrics.
    pub id: String,
    /// Its ONNX file.
    pub artifact: Artifact,
    /// How it wants to be fed and read.
    pub spec: face_detector::Spec,
}

/// An anti-spoof model of a pack.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scorer {
    /// Its name in answers and metrics.
    pub id: String,
    /// Its ONNX file.
    pub artifact: Artifact,
    /// How it wants to be fed and read.
    pub spec: anti_spoof::Spec,
}

/// How a pack did on labelled pictures (ISO/IEC 30107-3). Shares, 0 to 1.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// Which pictures.
    pub pictures: String,
    /// Area under the ROC curve.
    pub auc: f64,
    /// Equal error rate.
    pub eer: f64,
    /// Attacks taken for living people at a score of 0.5, as calibrated.
    pub apcer_at_half: f64,
    /// Living people taken for attacks at a score of 0.5, as calibrated.
    pub bpcer_at_half: f64,
}

/// Why a `pack.toml` is not one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Not TOML, or not these keys and types.
    #[error(transparent)]
    Toml(#[from] toml::de::Error),
    /// A file name would leave the pack's directory.
    #[error("`{0}` is not a plain file name")]
    FileName(String),
    /// The pack's name cannot be a directory's.
    #[error("`{0}` is not a pack name: use letters, digits, `-`, `_` and `.`")]
    Name(String),
    /// Two models, or a model and the manifest, share a name.
    #[error("`{0}` is used twice")]
    Twice(String),
    /// Something that a pack cannot do without.
    #[error("the pack has no {0}")]
    Missing(&'static str),
    /// The calibration would turn scores around or give none.
    #[error("the calibration needs a slope above 0 and finite numbers")]
    Calibration,
}

impl Manifest {
    /// The manifest in the text of a `pack.toml`.
    ///
    /// # Errors
    /// When it is not one; unknown keys are not passed over.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self = toml::from_str(text)?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), ManifestError> {
        if !is_plain(&self.name) {
            return Err(ManifestError::Name(self.name.clone()));
        }
        let mut seen = vec!["pack.toml"];
        for name in self.artifacts().map(|artifact| artifact.file.as_str()) {
            if !is_plain(name) {
                return Err(ManifestError::FileName(name.to_owned()));
            }
            if seen.contains(&name) {
                return Err(ManifestError::Twice(name.to_owned()));
            }
            seen.push(name);
        }
        for (i, scorer) in self.scorers.iter().enumerate() {
            if self.scorers[..i].iter().any(|earlier| earlier.id == scorer.id) {
                return Err(ManifestError::Twice(scorer.id.clone()));
            }
        }
        if self.scorers.is_empty() {
            return Err(ManifestError::Missing("scorer"));
        }
        if self.golden.is_empty() {
            return Err(ManifestError::Missing("golden vector"));
        }
        for golden in &self.golden {
            if golden.faces.is_empty() {
                return Err(ManifestError::Missing("face in a golden vector"));
            }
            if !self.scorers.iter().all(|scorer| golden.log_odds.contains_key(&scorer.id)) {
                return Err(ManifestError::Missing("golden answer for one of its scorers"));
            }
        }
        let anti_spoof::Calibration { slope, offset } = self.calibration;
        if !(slope.is_finite() && slope > 0.0 && offset.is_finite()) {
            return Err(ManifestError::Calibration);
        }
        Ok(())
    }

    /// Every file of the pack beside `pack.toml`.
    pub fn artifacts(&self) -> impl Iterator<Item = &Artifact> {
        std::iter::once(&self.detector.artifact)
            .chain(self.scorers.iter().map(|scorer| &scorer.artifact))
    }
}

/// Whether `name` stays in the directory it is put into, and is not hidden there.
fn is_plain(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && !name.starts_with('.') && name.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STARTER: &str = include_str!("../../../models/packs/starter.toml");

    fn refused(from: &str, to: &str) -> String {
        assert!(STARTER.contains(from), "{from}");
        Manifest::parse(&STARTER.replacen(from, to, 1)).unwrap_err().to_string()
    }

    #[test]
    fn a_manifest_with_a_flaw_is_refused_by_name() {
        assert!(refused("fusion =", "fussion =").contains("fussion"));
        assert!(refused("fr_detect.onnx", "../fr_detect.onnx").contains("not a plain file name"));
        assert!(refused("\"starter\"", "\"star/ter\"").contains("not a pack name"));
        assert!(refused("\"fr_liveness.onnx\"", "\"fr_detect.onnx\"").contains("used twice"));
        assert!(refused("slope = 1.0", "slope = 0.0").contains("slope"));
        assert!(refused("slope = 1.0", "slope = nan").contains("slope"));
        assert!(refused("fr_liveness = ", "other = ").contains("golden answer"));
    }
}

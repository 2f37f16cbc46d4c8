//! The content of a `pack.toml`.

use serde::{Deserialize, Serialize};

use crate::artifact::Artifact;
use crate::golden::Golden;
use crate::levels::Levels;

/// The content of a `pack.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The pack's name, which is also its directory's.
    pub name: String,
    /// One sentence for an operator who chooses a pack.
    pub summary: String,
    /// Conditions of its use beyond the licences (data terms, say).
    #[serde(default)]
    pub caveat: Option<String>,
    /// The face detector.
    pub detector: Detector,
    /// The landmark model, for a detector that gives no landmarks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landmarker: Option<Landmarker>,
    /// The anti-spoof models, at least one.
    pub scorers: Vec<Scorer>,
    /// Maximum share of the picture's width or height that a face may take. Above it the scorers
    /// are not reliable, and the picture is not assessed (`FACE_TOO_CLOSE`).
    #[serde(default = "whole_picture")]
    pub max_face_share: f64,
    /// The rule that fuses the scorers' probabilities into one.
    pub fusion: anti_spoof::Fusion,
    /// Moves the fused score so that 0.5 is the measured operating point.
    pub calibration: anti_spoof::Calibration,
    /// Its error rates on labelled pictures. A new pack has none.
    #[serde(default)]
    pub evaluation: Option<Evaluation>,
    /// Named operating points. An operator can choose only these.
    #[serde(default)]
    pub levels: Levels,
    /// The results that it must reproduce before it may serve, at least one.
    pub golden: Vec<Golden>,
}

fn whole_picture() -> f64 {
    1.0
}

/// A model of a pack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model<S> {
    /// Its name in results and metrics.
    pub id: String,
    /// Its ONNX file.
    pub artifact: Artifact,
    /// Its preprocessing and the meaning of its outputs.
    pub spec: S,
}

/// The face detector of a pack.
pub type Detector = Model<face_detector::Spec>;
/// The landmarker of a pack.
pub type Landmarker = Model<face_detector::LandmarkerSpec>;
/// An anti-spoof model of a pack.
pub type Scorer = Model<anti_spoof::Spec>;

/// Error rates of a pack on labelled pictures (ISO/IEC 30107-3). Shares, 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// The pictures.
    pub pictures: String,
    /// Area under the ROC curve.
    pub auc: f64,
    /// Equal error rate.
    pub eer: f64,
    /// Attacks that pass at a calibrated score of 0.5.
    pub apcer_at_half: f64,
    /// Bona fide presentations that are refused at a calibrated score of 0.5.
    pub bpcer_at_half: f64,
}

/// Why a `pack.toml` is not a valid manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not TOML, or not these keys and types: the parser's message, with control characters
    /// escaped.
    #[error("{0}")]
    Toml(String),
    /// A file name leads out of the pack's directory.
    #[error("`{0}` is not a plain file name")]
    FileName(String),
    /// The pack's name cannot be the name of a directory.
    #[error("`{0}` is not a pack name: use letters, digits, `-`, `_` and `.`, 100 at most")]
    Name(String),
    /// A model's id is not safe in results, metrics and terminals.
    #[error("`{0}` is no id for a model: use letters, digits, `-`, `_` and `.`, 100 at most")]
    Id(String),
    /// The text of this key could move a terminal's cursor, or hide the text behind it.
    #[error("`{0}` has control characters; it must be one line of readable text")]
    Text(String),
    /// Two models share an id, or two files a name.
    #[error("`{0}` is used twice")]
    Twice(String),
    /// A required part is missing.
    #[error("the pack has no {0}")]
    Missing(&'static str),
    /// A golden vector is unusable.
    #[error("the golden vectors have {0}")]
    Golden(&'static str),
    /// A part is unusable: a model's input, the calibration, the weights or the levels.
    #[error("{0}")]
    Unusable(&'static str),
    /// A number is out of range.
    #[error("`{key}` must be {must_be}")]
    Bounds {
        /// Its key.
        key: &'static str,
        /// The range.
        must_be: &'static str,
    },
}

impl Manifest {
    /// True if the detector or a landmarker gives the five landmarks of a face.
    #[must_use]
    pub fn gives_landmarks(&self) -> bool {
        self.detector.spec.gives_landmarks() || self.landmarker.is_some()
    }

    /// Every file of the pack but `pack.toml`: the detector's, the scorers', and the landmarker's.
    pub fn artifacts(&self) -> impl Iterator<Item = &Artifact> {
        std::iter::once(&self.detector.artifact)
            .chain(self.scorers.iter().map(|scorer| &scorer.artifact))
            .chain(self.landmarker.iter().map(|landmarker| &landmarker.artifact))
    }
}

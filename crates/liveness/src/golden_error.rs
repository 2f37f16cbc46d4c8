//! How a pack missed a golden vector, in words.

use std::fmt::{self, Display, Formatter};

use anti_spoof::ScoreError;
use face_detector::{DetectError, Face, Landmarks};

/// A pack did not reproduce its golden vectors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GoldenError {
    /// The detector or the landmarker failed.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// A scorer failed.
    #[error(transparent)]
    Score(ScoreError),
    /// A model gave another result than the recorded one.
    #[error("{mismatch}{}", diagnosis.as_ref().map(|it| format!(": {it}")).unwrap_or_default())]
    Missed {
        /// The two results.
        mismatch: Mismatch,
        /// The fault in `pack.toml`; none if it was not searched for.
        diagnosis: Option<Diagnosis>,
    },
}

/// The result of a model, and the recorded one.
#[derive(Debug, thiserror::Error)]
pub enum Mismatch {
    /// A scorer's number is not a probability.
    #[error("the scorer `{scorer}` gives {found}, which is no probability")]
    NoProbability {
        /// Its id in the pack.
        scorer: String,
        /// The number.
        found: f64,
    },
    /// The detector found other boxes.
    #[error("the detector finds {}; recorded is {}", listed(found), listed(expected))]
    Faces {
        /// As recorded.
        expected: Vec<Face>,
        /// As found.
        found: Vec<Face>,
    },
    /// The detector found the recorded boxes, and other landmarks in one of them.
    #[error(
        "the detector's landmarks are {}; recorded are {}",
        marked(Some(found.as_ref())),
        marked(expected.as_deref())
    )]
    FaceLandmarks {
        /// As recorded.
        expected: Option<Box<Landmarks>>,
        /// As found.
        found: Box<Landmarks>,
    },
    /// The landmarker found other landmarks.
    #[error(
        "the landmarker's landmarks are {}; recorded are {}",
        marked(Some(found.as_ref())),
        marked(Some(expected.as_ref()))
    )]
    Landmarks {
        /// As recorded.
        expected: Box<Landmarks>,
        /// As found.
        found: Box<Landmarks>,
    },
    /// A scorer gave other log-odds.
    #[error("the scorer `{scorer}` answers log-odds {found:.4}; recorded are {expected:.4}")]
    LogOdds {
        /// Its id in the pack.
        scorer: String,
        /// As recorded; NaN if the pack has no number for this scorer.
        expected: f64,
        /// As found.
        found: f64,
    },
}

/// The result of the search for a fault in `pack.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Diagnosis {
    /// With another setting the model gives the recorded result.
    Setting {
        /// The part of `pack.toml` that is wrong.
        fault: &'static str,
        /// The setting that is right, as TOML.
        setting: String,
    },
    /// No single usual fault explains the result.
    Unexplained,
}

impl Display for Diagnosis {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
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

impl From<Mismatch> for GoldenError {
    fn from(mismatch: Mismatch) -> Self {
        Self::Missed { mismatch, diagnosis: None }
    }
}

impl From<ScoreError> for GoldenError {
    fn from(error: ScoreError) -> Self {
        match error {
            ScoreError::NoProbability { scorer, source } => {
                Mismatch::NoProbability { scorer: scorer.to_string(), found: source.0 }.into()
            }
            error => Self::Score(error),
        }
    }
}

/// Landmarks as `right eye 372.1,391.0, left eye 446.3,392.2, ...`.
fn marked(landmarks: Option<&Landmarks>) -> String {
    let Some(landmarks) = landmarks else {
        return "none".to_owned();
    };
    let names = ["right eye", "left eye", "nose", "right of the mouth", "left of the mouth"];
    let points = names.into_iter().zip(landmarks.points());
    let points = points.map(|(name, at)| format!("{name} {:.1},{:.1}", at.x, at.y));
    points.collect::<Vec<_>>().join(", ")
}

/// Boxes as `150x172 px at 335,327 (confidence 0.9999)`.
fn listed(faces: &[Face]) -> String {
    if faces.is_empty() {
        return "no face".to_owned();
    }
    let face = |Face { rect: frame::Rect { top_left, delta }, confidence, .. }: &Face| {
        format!(
            "{:.0}x{:.0} px at {:.0},{:.0} (confidence {confidence:.4})",
            delta.x, delta.y, top_left.x, top_left.y
        )
    };
    faces.iter().map(face).collect::<Vec<_>>().join(" and ")
}

//! One picture whose truth is known, and the answer it got.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What was in front of the camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// A living person: a bona fide presentation.
    Live,
    /// A photograph, a screen, a mask: a presentation attack.
    Spoof,
}

/// A text names neither class.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no label: live, bona_fide, bonafide, real or genuine; spoof, attack or fake")]
pub struct UnknownLabel(pub String);

impl FromStr for Label {
    type Err = UnknownLabel;

    /// The class of `live`, `bona_fide`, `bonafide`, `real`, `genuine`, or `spoof`, `attack`, `fake`, in any
    /// case and with white space around it. Numbers are refused, as some collections mean a living person by
    /// 1 and others an attack.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().to_lowercase().as_str() {
            "live" | "bona_fide" | "bonafide" | "real" | "genuine" => Ok(Self::Live),
            "spoof" | "attack" | "fake" => Ok(Self::Spoof),
            _ => Err(UnknownLabel(text.to_owned())),
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Live => "live",
            Self::Spoof => "spoof",
        })
    }
}

/// What became of a presentation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// It got a score.
    Scored {
        /// The calibrated score, 0 (surely an attack) to 1 (surely bona fide).
        score: f64,
        /// The fused probability before calibration, 0 to 1.
        fused: f64,
    },
    /// It was looked at and not scored: no face, too small, and so on. The standard's non-response.
    NotAssessed {
        /// Why, as the service's reason codes.
        reasons: Vec<String>,
    },
    /// Something broke: the file could not be read, or a model failed.
    Failed {
        /// The code of the error.
        code: String,
        /// The same in words.
        message: String,
    },
}

/// One picture whose truth is known, and the answer it got.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Presentation {
    /// Which one it is; a path, as a rule, and unique.
    pub file: String,
    /// What it shows in truth.
    pub label: Label,
    /// The kind of attack: `print`, `replay`, `mask` and so on. `None` and an empty text are the type
    /// [`UNNAMED`](crate::UNNAMED); what a bona fide presentation has here is not looked at.
    pub attack_type: Option<String>,
    /// What else is known of it, by column (`camera`, `skin tone`): everything is evaluated for each value too.
    pub groups: BTreeMap<String, String>,
    /// What became of it.
    pub outcome: Outcome,
    /// The live probability that each model gave, by its id.
    pub models: BTreeMap<String, f64>,
}

impl Presentation {
    /// Its calibrated score. One that is no finite number is none, so that nothing here can compare with it.
    #[must_use]
    pub fn score(&self) -> Option<f64> {
        match self.outcome {
            Outcome::Scored { score, .. } => Some(score).filter(|score| score.is_finite()),
            _ => None,
        }
    }

    /// Its fused probability before calibration, if that is a finite number.
    #[must_use]
    pub fn fused(&self) -> Option<f64> {
        match self.outcome {
            Outcome::Scored { fused, .. } => Some(fused).filter(|fused| fused.is_finite()),
            _ => None,
        }
    }

    /// Whether it got a score, and one at or above `threshold`.
    #[must_use]
    pub fn accepted(&self, threshold: f64) -> bool {
        self.score().is_some_and(|score| score >= threshold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_classes_have_several_names() {
        for live in ["live", "LIVE", "bona_fide", "BonaFide", " real ", "genuine"] {
            assert_eq!(live.parse(), Ok(Label::Live), "{live}");
        }
        for spoof in ["spoof", "Attack", "fake"] {
            assert_eq!(spoof.parse(), Ok(Label::Spoof), "{spoof}");
        }
    }

    #[test]
    fn anything_else_is_an_error_that_names_it() {
        for bad in ["", "1", "0", "alive", "Lebend"] {
            let error = bad.parse::<Label>().unwrap_err();
            assert!(error.to_string().starts_with(&format!("`{bad}` is no label")), "{error}");
        }
    }

    #[test]
    fn a_score_that_is_no_number_is_none() {
        let presentation = Presentation {
            file: "a".into(),
            label: Label::Live,
            attack_type: None,
            groups: BTreeMap::new(),
            outcome: Outcome::Scored { score: f64::NAN, fused: f64::INFINITY },
            models: BTreeMap::new(),
        };
        assert_eq!((presentation.score(), presentation.fused()), (None, None));
        assert!(!presentation.accepted(0.0));
    }
}

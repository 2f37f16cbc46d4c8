//! A labelled picture with its result.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use strum::Display;

/// The class of a presentation.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Display,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Label {
    /// A living person: a bona fide presentation.
    Live,
    /// A photograph, a screen, a mask: a presentation attack.
    Spoof,
}

/// The text names no class.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no label: live, bona_fide, bonafide, real or genuine; spoof, attack or fake")]
pub struct UnknownLabel(pub String);

impl FromStr for Label {
    type Err = UnknownLabel;

    /// Reads `live`, `bona_fide`, `bonafide`, `real`, `genuine`, or `spoof`, `attack`, `fake`, in
    /// any case and with white space around it. Numbers are refused: in some collections 1 is a
    /// living person, in others an attack.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().to_lowercase().as_str() {
            "live" | "bona_fide" | "bonafide" | "real" | "genuine" => Ok(Self::Live),
            "spoof" | "attack" | "fake" => Ok(Self::Spoof),
            _ => Err(UnknownLabel(text.to_owned())),
        }
    }
}

/// The result of a presentation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// The presentation got a score.
    Scored {
        /// The calibrated score, 0 (surely an attack) to 1 (surely bona fide).
        score: f64,
        /// The fused probability before calibration, 0 to 1.
        fused: f64,
    },
    /// The picture was read, but not scored: no face, too small, and so on. The standard's
    /// non-response.
    NotAssessed {
        /// The service's reason codes.
        reasons: Vec<String>,
    },
    /// The file could not be read, or a model failed.
    Failed {
        /// The code of the error.
        code: String,
        /// The error in words.
        message: String,
    },
}

/// A labelled picture with its result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Presentation {
    /// The unique name, usually a path.
    pub file: String,
    /// Its true class.
    pub label: Label,
    /// The type of attack: `print`, `replay`, `mask` and so on. `None` and an empty text are the
    /// type [`UNNAMED`]. Ignored for bona fide presentations.
    pub attack_type: Option<String>,
    /// Further labels by column (`camera`, `skin tone`). Each value is also evaluated by itself.
    pub groups: BTreeMap<String, String>,
    /// Its result.
    pub outcome: Outcome,
    /// The live probability that each model gave, by its id.
    pub models: BTreeMap<String, f64>,
}

/// The type of attacks without a type.
pub const UNNAMED: &str = "unnamed";

impl Presentation {
    /// The type of this attack; [`UNNAMED`] if it has none.
    pub(crate) fn type_name(&self) -> &str {
        let name = self.attack_type.as_deref().map(str::trim);
        name.filter(|name| !name.is_empty()).unwrap_or(UNNAMED)
    }

    /// Its calibrated score, if that is a finite number.
    #[must_use]
    pub fn score(&self) -> Option<f64> {
        let Outcome::Scored { score, .. } = self.outcome else { return None };
        Some(score).filter(|score| score.is_finite())
    }

    /// Its fused probability before calibration, if that is a finite number.
    #[must_use]
    pub fn fused(&self) -> Option<f64> {
        let Outcome::Scored { fused, .. } = self.outcome else { return None };
        Some(fused).filter(|fused| fused.is_finite())
    }

    /// Itself after its score, if it has one.
    pub(crate) fn scored(&self) -> Option<(f64, &Self)> {
        Some((self.score()?, self))
    }

    /// True if it has a score at or above `threshold`.
    #[must_use]
    pub fn accepted(&self, threshold: f64) -> bool {
        self.score().is_some_and(|score| score >= threshold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_several_names() {
        for live in ["live", "LIVE", "bona_fide", "BonaFide", " real ", "genuine"] {
            assert_eq!(live.parse(), Ok(Label::Live), "{live}");
        }
        for spoof in ["spoof", "Attack", "fake"] {
            assert_eq!(spoof.parse(), Ok(Label::Spoof), "{spoof}");
        }
    }

    #[test]
    fn an_unknown_label_is_an_error_that_names_it() {
        for bad in ["", "1", "0", "alive", "Lebend"] {
            let error = bad.parse::<Label>().unwrap_err();
            assert!(error.to_string().starts_with(&format!("`{bad}` is no label")), "{error}");
        }
    }

    #[test]
    fn a_score_that_is_not_a_number_is_none() {
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

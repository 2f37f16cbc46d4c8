//! The decision: the only code that compares a score to a threshold.

use anti_spoof::Score;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

/// The decision on a selfie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Verdict {
    /// A living person: the score reaches the threshold.
    Live,
    /// A presentation attack: the score is below the threshold.
    Spoof,
    /// Not scored; the reasons tell why.
    NotAssessed,
}

impl Verdict {
    /// The verdict as JSON has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The least score of a live selfie, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Threshold(Score);

/// The value is not a number from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a threshold is a number from 0 to 1")]
pub struct ThresholdError;

impl Threshold {
    /// The number.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0.get()
    }
}

impl Default for Threshold {
    /// One half: calibration puts the equal error rate there.
    fn default() -> Self {
        Self(Score::new(0.5).expect("one half is from 0 to 1"))
    }
}

impl TryFrom<f64> for Threshold {
    type Error = ThresholdError;

    fn try_from(value: f64) -> Result<Self, ThresholdError> {
        Score::new(value).map(Self).map_err(|_| ThresholdError)
    }
}

impl From<Threshold> for f64 {
    fn from(threshold: Threshold) -> Self {
        threshold.get()
    }
}

impl std::str::FromStr for Threshold {
    type Err = ThresholdError;

    /// Reads a decimal number, with or without white space around it.
    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        text.trim().parse::<f64>().map_err(|_| ThresholdError)?.try_into()
    }
}

/// Live at or above the threshold, spoof below it, not assessed without a score.
#[tracing::instrument(skip_all)]
pub(crate) fn decide(score: Option<Score>, threshold: Threshold) -> Verdict {
    match score {
        None => Verdict::NotAssessed,
        Some(score) if score >= threshold.0 => Verdict::Live,
        Some(_) => Verdict::Spoof,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_itself_is_live() {
        let score = |value| Some(Score::new(value).unwrap());
        let threshold = "0.6".parse().unwrap();
        assert_eq!(decide(score(0.6), threshold), Verdict::Live);
        assert_eq!(decide(score(0.599_999), threshold), Verdict::Spoof);
        assert_eq!(decide(None, "0".parse().unwrap()), Verdict::NotAssessed);
    }

    #[test]
    fn a_threshold_is_a_number_from_0_to_1() {
        for good in ["0", "1", "0.6", " 0.6 ", "1.0", "5e-1", ".5"] {
            assert!(good.parse::<Threshold>().is_ok(), "{good:?}");
        }
        for bad in
            ["", " ", "abc", "NaN", "nan", "inf", "-inf", "-0.1", "1.1", "0,6", "0.6 x", "0x1"]
        {
            assert!(bad.parse::<Threshold>().is_err(), "{bad:?}");
        }
    }
}

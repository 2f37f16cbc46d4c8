//! Several probabilities to one, and that one to where 0.5 means something.

use serde::Deserialize;

use crate::score::{Score, ScoreRangeError};

/// How the live probabilities of a pack's scorers become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fusion {
    /// Their arithmetic mean, as in minivision-ai/Silent-Face-Anti-Spoofing.
    #[default]
    Mean,
}

impl Fusion {
    /// One probability of several.
    ///
    /// # Errors
    /// When there are none.
    pub fn fuse(self, probabilities: &[Score]) -> Result<Score, ScoreRangeError> {
        match self {
            Self::Mean => {
                let sum: f64 = probabilities.iter().map(|p| p.get()).sum();
                Score::new(sum / probabilities.len() as f64)
            }
        }
    }
}

/// Moves a probability on the scale of log-odds (Platt, "Probabilistic outputs for support vector
/// machines", 1999): `log_odds * slope + offset`. Fitted so that 0.5 is the pack's measured operating
/// point.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Times the log-odds; above 0, so that the order of scores stays.
    pub slope: f64,
    /// Added to that.
    pub offset: f64,
}

impl Calibration {
    /// The calibrated score.
    ///
    /// # Errors
    /// When slope or offset are not finite.
    pub fn apply(&self, probability: Score) -> Result<Score, ScoreRangeError> {
        let log_odds = probability.log_odds() * self.slope + self.offset;
        Score::new(1.0 / (1.0 + (-log_odds).exp()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn score(value: f64) -> Score {
        Score::new(value).unwrap()
    }

    #[test]
    fn the_mean_of_nothing_is_no_score() {
        assert!(Fusion::Mean.fuse(&[]).is_err());
        assert_eq!(Fusion::Mean.fuse(&[score(0.25), score(0.75)]).unwrap(), score(0.5));
    }

    #[test]
    fn the_operating_point_becomes_one_half() {
        let calibration = Calibration { slope: 1.0, offset: -score(0.115).log_odds() };
        assert!((calibration.apply(score(0.115)).unwrap().get() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_calibration_that_is_no_number_gives_no_score() {
        let calibration = Calibration { slope: f64::NAN, offset: 0.0 };
        assert!(calibration.apply(score(0.9)).is_err());
    }

    proptest! {
        #[test]
        fn calibration_keeps_order_and_range(
            a in 0.0_f64..=1.0, b in 0.0_f64..=1.0, slope in 0.01_f64..10.0, offset in -20.0_f64..20.0,
        ) {
            let calibration = Calibration { slope, offset };
            let (low, high) = if a <= b { (a, b) } else { (b, a) };
            prop_assert!(calibration.apply(score(low)).unwrap() <= calibration.apply(score(high)).unwrap());
        }

        #[test]
        fn slope_one_and_offset_zero_change_nothing(p in 0.0_f64..=1.0) {
            let same = Calibration { slope: 1.0, offset: 0.0 }.apply(score(p)).unwrap();
            prop_assert!((same.get() - p).abs() < 1e-9);
        }
    }
}

//! Fuses several probabilities into one, and calibrates it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::score::{ModelScore, Score, ScoreRangeError};

/// How the probabilities of a pack's scorers become one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fusion {
    /// Their arithmetic mean, as in minivision-ai/Silent-Face-Anti-Spoofing.
    #[default]
    Mean,
    /// The smallest: bona fide only if every model says so.
    Minimum,
    /// The mean of their log-odds, weighted by the model's id. Weights are above 0, one for every
    /// scorer of the pack. Log-odds are clamped to [`MOST_LOG_ODDS`] first.
    WeightedLogOdds(BTreeMap<String, f64>),
}

/// Largest log-odds of one model in [`Fusion::WeightedLogOdds`], either way: odds of 1100 to 1.
/// Networks give probabilities that 32-bit floats round to 0 or 1. Without this limit one such
/// model would outvote all others, and no model was measured on enough pictures for that.
pub const MOST_LOG_ODDS: f64 = 7.0;

impl Fusion {
    /// Fuses the scores of `models`.
    ///
    /// # Errors
    /// When there are no models, or a model's weight is missing or not a number.
    pub fn fuse(&self, models: &[ModelScore]) -> Result<Score, ScoreRangeError> {
        let live = models.iter().map(|model| model.live.get());
        match self {
            Self::Mean => Score::new(live.sum::<f64>() / models.len() as f64),
            Self::Minimum => Score::new(live.fold(f64::INFINITY, f64::min)),
            Self::WeightedLogOdds(weights) => {
                let weight =
                    |model: &ModelScore| weights.get(&*model.id).copied().unwrap_or(f64::NAN);
                let clamped = |score: Score| score.log_odds().clamp(-MOST_LOG_ODDS, MOST_LOG_ODDS);
                let sum: f64 = models.iter().map(|model| weight(model) * clamped(model.live)).sum();
                Score::from_log_odds(sum / models.iter().map(weight).sum::<f64>())
            }
        }
    }
}

/// Moves a probability on the scale of log-odds: `log_odds * slope + offset` (Platt, "Probabilistic
/// outputs for support vector machines", 1999). Fitted so that 0.5 is the pack's measured operating
/// point.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Factor of the log-odds, above 0, so that the order of scores stays.
    pub slope: f64,
    /// Added to the product.
    pub offset: f64,
}

impl Calibration {
    /// The calibrated score.
    ///
    /// # Errors
    /// When the slope or the offset is not finite.
    pub fn apply(&self, probability: Score) -> Result<Score, ScoreRangeError> {
        Score::from_log_odds(probability.log_odds() * self.slope + self.offset)
    }
}

#[cfg(test)]
mod tests {
    use frame::Rect;
    use proptest::prelude::*;

    use super::*;

    fn score(value: f64) -> Score {
        Score::new(value).unwrap()
    }

    fn models(live: &[f64]) -> Vec<ModelScore> {
        let ids = ["a", "b", "c"];
        let model = |(id, &live): (&str, &f64)| ModelScore {
            id: id.into(),
            live: score(live),
            crop_scale: 2.7,
            crop: Rect::new(0.0, 0.0, 1.0, 1.0),
        };
        ids.into_iter().zip(live).map(model).collect()
    }

    fn weighted(a: f64, b: f64) -> Fusion {
        Fusion::WeightedLogOdds([("a".to_owned(), a), ("b".to_owned(), b)].into())
    }

    #[test]
    fn no_models_give_no_score() {
        for fusion in [Fusion::Mean, Fusion::Minimum, weighted(1.0, 1.0)] {
            assert!(fusion.fuse(&[]).is_err(), "{fusion:?}");
        }
    }

    #[test]
    fn scores_are_fused_to_their_mean_their_minimum_or_their_mean_log_odds() {
        let models = models(&[0.25, 0.75]);
        assert_eq!(Fusion::Mean.fuse(&models).unwrap(), score(0.5));
        assert_eq!(Fusion::Minimum.fuse(&models).unwrap(), score(0.25));
        let fused = |a, b| weighted(a, b).fuse(&models).unwrap().log_odds();
        assert!(fused(1.0, 1.0).abs() < 1e-9);
        // Odds of 3 to 1 against, twice, and 3 to 1 for, once.
        assert!((fused(2.0, 1.0) + 3.0_f64.ln() / 3.0).abs() < 1e-9);
    }

    #[test]
    fn the_log_odds_of_one_model_are_clamped() {
        let fused = weighted(1.0, 1.0).fuse(&models(&[1.0, 0.01])).unwrap().log_odds();
        assert!((fused - (MOST_LOG_ODDS - 99.0_f64.ln()) / 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_model_without_a_weight_gives_no_score() {
        assert!(weighted(1.0, 1.0).fuse(&models(&[0.9, 0.9, 0.9])).is_err());
    }

    #[test]
    fn the_operating_point_becomes_one_half() {
        let calibration = Calibration { slope: 1.0, offset: -score(0.115).log_odds() };
        assert!((calibration.apply(score(0.115)).unwrap().get() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn a_calibration_that_is_not_a_number_gives_no_score() {
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

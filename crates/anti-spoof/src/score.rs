//! Scores, from presentation attack to bona fide presentation.

use std::sync::Arc;

use frame::Rect;

/// From 0, surely a presentation attack, to 1, surely a bona fide presentation. Always finite, so
/// that no comparison goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Score(f64);

/// The number is no score.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} is not between 0 and 1")]
pub struct ScoreRangeError(pub f64);

impl Score {
    /// # Errors
    /// When `value` is not a number from 0 to 1.
    pub fn new(value: f64) -> Result<Self, ScoreRangeError> {
        if (0.0..=1.0).contains(&value) { Ok(Self(value)) } else { Err(ScoreRangeError(value)) }
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }

    /// `ln(p / (1 - p))`, clamped to about 34 either way, where 64-bit floats end.
    #[must_use]
    pub fn log_odds(self) -> f64 {
        let p = self.0.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
        (p / (1.0 - p)).ln()
    }

    /// The probability of these log-odds.
    ///
    /// # Errors
    /// When `log_odds` is not a number.
    pub fn from_log_odds(log_odds: f64) -> Result<Self, ScoreRangeError> {
        Self::new(1.0 / (1.0 + (-log_odds).exp()))
    }
}

/// The score of one model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelScore {
    /// The model's id in the pack.
    pub id: Arc<str>,
    /// Its probability of a bona fide presentation, before fusion and calibration.
    pub live: Score,
    /// The side of the crop, as a multiple of the face box: the scale of the pack, or less if the
    /// picture has no room for it.
    pub crop_scale: f32,
    /// The crop in pixels of the frame. It may reach past the frame's edges, where the model saw
    /// the frame mirrored.
    pub crop: Rect,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_from_0_to_1_are_scores() {
        for good in [0.0, -0.0, 0.5, 1.0] {
            assert!(Score::new(good).is_ok(), "{good}");
        }
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1e-9, 1.0 + 1e-9] {
            assert!(Score::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn log_odds_are_finite_everywhere() {
        assert_eq!(Score(0.5).log_odds(), 0.0);
        assert!(Score(0.0).log_odds() < -30.0 && Score(0.0).log_odds().is_finite());
        assert!(Score(1.0).log_odds() > 30.0 && Score(1.0).log_odds().is_finite());
    }
}

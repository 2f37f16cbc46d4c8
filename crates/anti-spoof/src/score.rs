//! A number between presentation attack and bona fide.

/// 0: surely a presentation attack, 1: surely bona fide. Always finite and within 0 to 1, so no
/// comparison with it can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Score(f64);

/// A number is no score.
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

    /// `ln(p / (1 - p))`, held within about 34 either way, where 64-bit floats end.
    #[must_use]
    pub fn log_odds(self) -> f64 {
        let p = self.0.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
        (p / (1.0 - p)).ln()
    }

    /// The probability of these log-odds.
    ///
    /// # Errors
    /// When they are no number.
    pub fn from_log_odds(log_odds: f64) -> Result<Self, ScoreRangeError> {
        Self::new(1.0 / (1.0 + (-log_odds).exp()))
    }
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

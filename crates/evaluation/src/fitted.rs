//! Fits a calibration to fused probabilities.

use crate::auc::Auc;
use crate::equal_error::equal_error_step;
use crate::logistic::{Line, fit, log_odds};
use crate::presentation::{Label, Presentation};
use crate::sweep::Sweep;

/// Least number of scored presentations of each class. With fewer, one picture moves the equal
/// error rate by more than 10%, and folds for cross-validation have fewer than two of each.
pub const LEAST_OF_EACH: u64 = 10;

/// The calibration failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CalibrateError {
    /// A class has too few presentations.
    #[error(
        "calibration needs at least {LEAST_OF_EACH} scored pictures of living people and {LEAST_OF_EACH} of \
         attacks; there are {live} and {attacks}"
    )]
    TooFew {
        /// Scored bona fide presentations.
        live: u64,
        /// Scored attacks.
        attacks: u64,
    },
    /// The slope is not above 0, which would reverse the order of scores.
    #[error(
        "the models do not score living people higher than attacks here (area under the curve {auc:.3}, slope \
         {slope:.3}). Calibration cannot repair that. Are the labels the right way round?"
    )]
    NotAscending {
        /// Area under the ROC curve, 0 to 1.
        auc: f64,
        /// The slope of the regression.
        slope: f64,
    },
    /// A target is not a share.
    #[error("the target for {what}, {value}, is not from 0 to below 1")]
    Target {
        /// The target's name.
        what: &'static str,
        /// Its value.
        value: f64,
    },
}

/// Slope and offset fitted to some presentations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fitted {
    pub line: Line,
    pub auc: Auc,
}

impl Fitted {
    /// Fits to fused probabilities, if there are at least `least` of each class.
    pub(crate) fn to(scored: &[(f64, &Presentation)], least: u64) -> Result<Self, CalibrateError> {
        let sweep = Sweep::of(scored.iter().map(|(fused, each)| (log_odds(*fused), *each)));
        let (live, attacks) = (sweep.live, sweep.attacks);
        let is_enough = live.min(attacks) >= least;
        let (Some(auc), Some(equal), true) = (Auc::of(&sweep), equal_error_step(&sweep), is_enough)
        else {
            return Err(CalibrateError::TooFew { live, attacks });
        };
        let mut samples: Vec<(f64, bool)> = scored
            .iter()
            .map(|(fused, each)| (log_odds(*fused), each.label == Label::Live))
            .collect();
        // Sums of floats depend on their order, and the order of rows must mean nothing.
        samples.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let slope = fit(&samples).slope;
        if !(slope > 0.0 && slope.is_finite() && auc.auc > 0.5) {
            return Err(CalibrateError::NotAscending { auc: auc.auc, slope });
        }
        Ok(Self { line: Line { slope, offset: -(equal.threshold() * slope) }, auc })
    }

    /// The presentations with calibrated scores instead of fused probabilities.
    pub(crate) fn scores<'a>(
        &self,
        scored: &[(f64, &'a Presentation)],
    ) -> Vec<(f64, &'a Presentation)> {
        scored.iter().map(|(fused, each)| (self.line.score(*fused), *each)).collect()
    }
}

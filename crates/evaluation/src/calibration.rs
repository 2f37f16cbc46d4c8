//! From fused probabilities to scores where 0.5 means something, and the thresholds around it.

use serde::Serialize;

use crate::auc::Auc;
use crate::cross_validation::{CrossValidated, cross_validate};
use crate::equal_error::{EqualError, equal_error_step};
use crate::levels::{Levels, Thresholds};
use crate::logistic::{Line, fit};
use crate::presentation::{Label, Outcome, Presentation};
use crate::sweep::Sweep;

/// So many scored presentations of each class a calibration needs. With fewer, one picture moves the equal error
/// rate by more than 10%, and folds for cross-validation have less than two of each.
pub const LEAST_OF_EACH: u64 = 10;

/// Below this many of each class a calibration is said to be rough.
const ENOUGH_OF_EACH: u64 = 100;

/// What the levels must keep, both from 0 to 1 (exclusive of 1).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Targets {
    /// The greatest BPCER of the convenience level.
    pub convenience_bpcer: f64,
    /// The greatest APCER, of every type of attack, of the hardened level.
    pub hardened_apcer: f64,
}

impl Default for Targets {
    /// 5% each.
    fn default() -> Self {
        Self { convenience_bpcer: 0.05, hardened_apcer: 0.05 }
    }
}

/// Why there is no calibration.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CalibrateError {
    /// A class is missing or nearly so.
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
    /// A slope that is not above 0 would turn the order of scores around.
    #[error(
        "the models do not score living people higher than attacks here (area under the curve {auc:.3}, slope \
         {slope:.3}): no calibration can mend that. Are the labels the right way round?"
    )]
    NotAscending {
        /// Area under the ROC curve, 0 to 1.
        auc: f64,
        /// What the regression gave.
        slope: f64,
    },
    /// A target is no share.
    #[error("the target for {what}, {value}, is not from 0 to below 1")]
    Target {
        /// Which one.
        what: &'static str,
        /// What it is.
        value: f64,
    },
}

/// A calibration and what it does on the pictures that it was made of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibrated {
    /// Times the log-odds of the fused probability; above 0.
    pub slope: f64,
    /// Added to that.
    pub offset: f64,
    /// The thresholds on the calibrated scale.
    pub levels: Levels,
    /// What they were made for.
    pub targets: Targets,
    /// Area under the ROC curve; calibration does not change it.
    pub auc: Auc,
    /// Equal error rate, over all attacks together; its threshold is 0.5.
    pub eer: EqualError,
    /// Scored bona fide presentations that it was made of.
    pub live: u64,
    /// Scored attacks that it was made of.
    pub attacks: u64,
    /// Presentations that could not be used since they have no score.
    pub left_out: u64,
    /// The same figures on pictures that were held back; `None` if a part of the pictures cannot be calibrated.
    pub cross_validated: Option<CrossValidated>,
    /// What must be known to read the numbers right.
    pub notes: Vec<String>,
}

impl Calibrated {
    /// The calibrated score, 0 to 1, of a fused probability: log-odds times slope plus offset.
    #[must_use]
    pub fn score(&self, fused: f64) -> f64 {
        calibrated(Line { slope: self.slope, offset: self.offset }, fused)
    }

    /// The same presentations with the scores that this calibration gives them, to evaluate anew.
    #[must_use]
    pub fn apply(&self, presentations: &[Presentation]) -> Vec<Presentation> {
        let apply = |presentation: &Presentation| {
            let mut presentation = presentation.clone();
            if let Outcome::Scored { score, fused } = &mut presentation.outcome {
                *score = self.score(*fused);
            }
            presentation
        };
        presentations.iter().map(apply).collect()
    }
}

/// Fits slope and offset to the fused probabilities of `presentations`, so that the equal error rate is at a
/// score of 0.5, and finds the levels.
///
/// # Errors
/// When there are fewer than [`LEAST_OF_EACH`] scored presentations of a class, the models do not score living
/// people higher than attacks, or a target is no share.
pub fn calibrate(
    presentations: &[Presentation],
    targets: Targets,
) -> Result<Calibrated, CalibrateError> {
    for (what, value) in [
        ("the BPCER of the convenience level", targets.convenience_bpcer),
        ("the APCER of the hardened level", targets.hardened_apcer),
    ] {
        if !(0.0..1.0).contains(&value) {
            return Err(CalibrateError::Target { what, value });
        }
    }
    let scored: Vec<&Presentation> =
        presentations.iter().filter(|each| each.fused().is_some()).collect();
    let fitted = Fitted::to(&scored)?;
    let judged = fitted.scores(&scored);
    let thresholds = fitted.thresholds(&scored, targets);
    let after = Sweep::of(scored.iter().copied(), |each| fitted.score(each));
    let missing = CalibrateError::TooFew { live: after.live, attacks: after.attacks };
    let mut calibrated = Calibrated {
        slope: fitted.line.slope,
        offset: fitted.line.offset,
        levels: Levels::measure(
            &judged,
            thresholds,
            targets.convenience_bpcer,
            targets.hardened_apcer,
        ),
        targets,
        auc: fitted.auc,
        eer: EqualError { threshold: Some(0.5), ..EqualError::of(&after).ok_or(missing)? },
        live: after.live,
        attacks: after.attacks,
        left_out: (presentations.len() - scored.len()) as u64,
        cross_validated: cross_validate(&scored, targets),
        notes: Vec::new(),
    };
    calibrated.notes = notes(&calibrated);
    Ok(calibrated)
}

/// Slope and offset of some presentations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fitted {
    line: Line,
    auc: Auc,
}

impl Fitted {
    pub(crate) fn to(scored: &[&Presentation]) -> Result<Self, CalibrateError> {
        Self::with_least(scored, LEAST_OF_EACH)
    }

    /// With at least so many of each class.
    pub(crate) fn with_least(scored: &[&Presentation], least: u64) -> Result<Self, CalibrateError> {
        let sweep = Sweep::of(scored.iter().copied(), |each| each.fused().map(log_odds));
        let too_few = CalibrateError::TooFew { live: sweep.live, attacks: sweep.attacks };
        if sweep.live.min(sweep.attacks) < least.max(1) {
            return Err(too_few);
        }
        let mut samples: Vec<(f64, bool)> = scored
            .iter()
            .filter_map(|each| Some((log_odds(each.fused()?), each.label == Label::Live)))
            .collect();
        // Sums of floats depend on their order, and the order of rows must mean nothing.
        samples.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let slope = fit(&samples).slope;
        let auc = Auc::of(&sweep).ok_or_else(|| too_few.clone())?;
        if !(slope > 0.0 && slope.is_finite() && auc.auc > 0.5) {
            return Err(CalibrateError::NotAscending { auc: auc.auc, slope });
        }
        let equal = equal_error_step(&sweep).ok_or(too_few)?.threshold();
        Ok(Self { line: Line { slope, offset: -(equal * slope) }, auc })
    }

    /// The calibrated score.
    pub(crate) fn score(&self, presentation: &Presentation) -> Option<f64> {
        presentation.fused().map(|fused| calibrated(self.line, fused))
    }

    /// Each with its calibrated score.
    pub(crate) fn scores<'a>(&self, scored: &[&'a Presentation]) -> Vec<(&'a Presentation, f64)> {
        scored.iter().filter_map(|each| Some((*each, self.score(each)?))).collect()
    }

    /// The levels' thresholds.
    pub(crate) fn thresholds(&self, scored: &[&Presentation], targets: Targets) -> Thresholds {
        let sweep = Sweep::of(scored.iter().copied(), |each| self.score(each));
        Thresholds::of(&sweep, targets.convenience_bpcer, targets.hardened_apcer)
    }
}

/// `ln(p / (1 - p))`, held within about 36 either way, where 64-bit floats end: the same as the service does.
fn log_odds(probability: f64) -> f64 {
    let p = probability.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
    (p / (1.0 - p)).ln()
}

fn calibrated(line: Line, fused: f64) -> f64 {
    1.0 / (1.0 + (-(log_odds(fused) * line.slope + line.offset)).exp())
}

fn notes(calibrated: &Calibrated) -> Vec<String> {
    let mut notes = vec![
        "These figures were measured on the pictures that the calibration was fitted to, which flatters it. The \
         cross-validated ones come from pictures held back, a fifth at a time in the order of file names, so that \
         those of one person are mostly held back together if their names begin alike; neither says anything about \
         other cameras, people and attacks than these."
            .to_owned(),
    ];
    if calibrated.cross_validated.is_none() {
        notes.push("There is no cross-validation, as a part of the pictures could not be calibrated alone.".to_owned());
    }
    if calibrated.live.min(calibrated.attacks) < ENOUGH_OF_EACH {
        notes.push(format!(
            "{} pictures of living people and {} of attacks make a rough calibration; {ENOUGH_OF_EACH} of each \
             are a beginning.",
            calibrated.live, calibrated.attacks
        ));
    }
    if calibrated.left_out > 0 {
        notes.push(format!("{} pictures got no score and were left out.", calibrated.left_out));
    }
    notes.extend(calibrated.levels.notes(calibrated.targets.hardened_apcer));
    notes
}

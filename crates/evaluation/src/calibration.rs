//! Calibration: from fused probabilities to scores with the equal error rate at 0.5.

use crate::auc::Auc;
use crate::cross_validation::{CrossValidated, cross_validate};
use crate::equal_error::EqualError;
use crate::fitted::{CalibrateError, Fitted, LEAST_OF_EACH};
use crate::levels::{Levels, PerLevel, Targets};
use crate::logistic::Line;
use crate::presentation::{Outcome, Presentation};
use crate::sweep::Sweep;

/// A calibration from fewer presentations of a class gets a note.
const ENOUGH_OF_EACH: u64 = 100;

/// A calibration, and its error rates on the pictures that it was fitted to.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibrated {
    /// Factor of the log-odds of the fused probability; above 0.
    pub slope: f64,
    /// Added to the product.
    pub offset: f64,
    /// The thresholds on the calibrated scale.
    pub levels: Levels,
    /// The targets of `levels`.
    pub targets: Targets,
    /// Area under the ROC curve, which calibration does not change.
    pub auc: Auc,
    /// Equal error rate of all attacks together, at the threshold 0.5.
    pub eer: EqualError,
    /// Number of scored bona fide presentations.
    pub live: u64,
    /// Number of scored attacks.
    pub attacks: u64,
    /// Number of presentations without a score, which were not used.
    pub left_out: u64,
    /// Error rates on pictures held back; `None` if a part of the pictures cannot be calibrated.
    pub cross_validated: Option<CrossValidated>,
    /// Warnings for the reader.
    pub notes: Vec<String>,
}

impl Calibrated {
    /// The calibrated score, 0 to 1, of a fused probability.
    #[must_use]
    pub fn score(&self, fused: f64) -> f64 {
        Line { slope: self.slope, offset: self.offset }.score(fused)
    }

    /// The same presentations with calibrated scores.
    #[must_use]
    pub fn apply(&self, presentations: &[Presentation]) -> Vec<Presentation> {
        let mut presentations = presentations.to_vec();
        for presentation in &mut presentations {
            if let Outcome::Scored { score, fused } = &mut presentation.outcome {
                *score = self.score(*fused);
            }
        }
        presentations
    }
}

/// Fits slope and offset to the fused probabilities of `presentations`, so that the equal error
/// rate is at a score of 0.5, and finds the levels.
///
/// # Errors
/// When there are fewer than [`LEAST_OF_EACH`] scored presentations of a class, the models do not
/// score living people higher than attacks, or a target is not a share.
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
    let scored: Vec<(f64, &Presentation)> =
        presentations.iter().filter_map(|each| Some((each.fused()?, each))).collect();
    let fitted = Fitted::to(&scored, LEAST_OF_EACH)?;
    let judged = fitted.scores(&scored);
    let after = Sweep::of(judged.iter().copied());
    let missing = CalibrateError::TooFew { live: after.live, attacks: after.attacks };
    let mut calibrated = Calibrated {
        slope: fitted.line.slope,
        offset: fitted.line.offset,
        levels: Levels::measure(&judged, PerLevel::thresholds(&after, targets), targets),
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

fn notes(calibrated: &Calibrated) -> Vec<String> {
    let mut notes = vec![
        "These figures were measured on the pictures that the calibration was fitted to, which flatters it. \
         Cross-validation holds back a fifth of the pictures at a time, in the order of file names. Pictures of \
         one person are mostly held back together if their names begin alike. Neither tells anything about \
         other cameras, people and attacks."
            .to_owned(),
    ];
    if calibrated.cross_validated.is_none() {
        notes.push(
            "There is no cross-validation: a part of the pictures could not be calibrated alone."
                .to_owned(),
        );
    }
    if calibrated.live.min(calibrated.attacks) < ENOUGH_OF_EACH {
        notes.push(format!(
            "{} pictures of living people and {} of attacks make a rough calibration; use at least \
             {ENOUGH_OF_EACH} of each.",
            calibrated.live, calibrated.attacks
        ));
    }
    if calibrated.left_out > 0 {
        notes.push(format!("{} pictures got no score and were left out.", calibrated.left_out));
    }
    notes.extend(calibrated.levels.notes(calibrated.targets));
    notes
}

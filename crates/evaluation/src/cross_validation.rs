//! What a calibration does on pictures that it has not seen.

use serde::Serialize;

use crate::calibration::{Fitted, Targets};
use crate::equal_error::equal_error_rate;
use crate::levels::LevelRates;
use crate::presentation::{Label, Presentation};
use crate::sweep::Sweep;

/// Into so many parts the pictures are divided.
pub const FOLDS: usize = 5;

/// Figures from pictures that were held back: each part is judged by a calibration made of the others.
///
/// Each class is cut into parts in the order of file names, so they are the same each time, and pictures of one
/// person or one artefact are mostly in one part if their names begin alike. Where they are not, it flatters
/// still.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CrossValidated {
    /// The number of parts: [`FOLDS`].
    pub folds: u64,
    /// Equal error rate of all held-back scores together, 0 to 1.
    pub eer: f64,
    /// Both errors at each part's own convenience threshold.
    pub convenience: LevelRates,
    /// Both errors at 0.5.
    pub standard: LevelRates,
    /// Both errors at each part's own hardened threshold.
    pub hardened: LevelRates,
}

/// `None` if any of the calibrations fails.
pub(crate) fn cross_validate(scored: &[&Presentation], targets: Targets) -> Option<CrossValidated> {
    let mut ordered = scored.to_vec();
    ordered.sort_by(|a, b| {
        a.file
            .cmp(&b.file)
            .then(order(a).total_cmp(&order(b)).then_with(|| a.attack_type.cmp(&b.attack_type)))
    });
    let of_class = |label| ordered.iter().filter(|each| each.label == label).count();
    let (live, attacks) = (of_class(Label::Live), of_class(Label::Spoof));
    let mut dealt = [0_usize; 2];
    let folds: Vec<usize> = ordered
        .iter()
        .map(|each| {
            let is_live = each.label == Label::Live;
            let next = &mut dealt[usize::from(is_live)];
            let fold = part_of(*next, if is_live { live } else { attacks });
            *next += 1;
            fold
        })
        .collect();
    let part = |fold: usize, held_back: bool| {
        let members = ordered.iter().zip(&folds).filter(move |&(_, &of)| (of == fold) == held_back);
        members.map(|(each, _)| *each).collect::<Vec<_>>()
    };
    let mut judged: Vec<Judged<'_>> = Vec::new();
    for fold in 0..FOLDS {
        let (others, held_back) = (part(fold, false), part(fold, true));
        let fitted = Fitted::with_least(&others, 1).ok()?;
        let at = fitted.thresholds(&others, targets);
        let thresholds = [at.convenience, at.standard, at.hardened];
        let judge = |(presentation, score)| Judged {
            presentation,
            score,
            accepted: thresholds.map(|threshold| score >= threshold),
        };
        judged.extend(fitted.scores(&held_back).into_iter().map(judge));
    }
    let rates = |level: usize| {
        LevelRates::count(judged.iter().map(|each| (each.presentation, each.accepted[level])))
    };
    Some(CrossValidated {
        folds: FOLDS as u64,
        eer: equal_error_rate(&Sweep::over(
            judged.iter().map(|each| (each.score, each.presentation)),
        ))?,
        convenience: rates(0),
        standard: rates(1),
        hardened: rates(2),
    })
}

struct Judged<'a> {
    presentation: &'a Presentation,
    score: f64,
    accepted: [bool; 3],
}

/// Files of one name are told apart by what they got, so that the order of rows means nothing.
fn order(presentation: &Presentation) -> f64 {
    presentation.fused().unwrap_or(f64::NAN)
}

/// The part that number `at` of `of` neighbours is in: an unbroken run of them is one part.
fn part_of(at: usize, of: usize) -> usize {
    at * FOLDS / of
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_mostly_in_one_part_and_parts_are_of_one_size() {
        let parts = |of: usize| (0..of).map(|at| part_of(at, of)).collect::<Vec<_>>();
        assert_eq!(parts(10), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
        assert_eq!(parts(12), [0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 4, 4]);
    }
}

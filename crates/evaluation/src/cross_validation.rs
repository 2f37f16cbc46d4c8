//! Error rates of a calibration on pictures that it was not fitted to.

use crate::equal_error::equal_error_rate;
use crate::fitted::Fitted;
use crate::levels::{LevelRates, PerLevel, Targets};
use crate::presentation::{Label, Presentation};
use crate::sweep::Sweep;

/// Number of parts that the pictures are divided into.
pub const FOLDS: usize = 5;

/// Error rates on pictures held back: each part is scored by a calibration fitted to the other
/// parts.
///
/// Each class is divided in the order of file names. Pictures of one person or one artefact are
/// mostly in one part if their names begin alike; otherwise the rates are too good.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossValidated {
    /// The number of parts: [`FOLDS`].
    pub folds: u64,
    /// Equal error rate of all these scores together, 0 to 1.
    pub eer: f64,
    /// Both errors at each part's own thresholds.
    pub rates: PerLevel<LevelRates>,
}

/// `None` if any of the calibrations fails.
pub(crate) fn cross_validate(
    scored: &[(f64, &Presentation)],
    targets: Targets,
) -> Option<CrossValidated> {
    let mut ordered = scored.to_vec();
    // Files of one name are sorted too, so that the order of rows does not matter.
    ordered.sort_by(|(score_a, a), (score_b, b)| {
        a.file
            .cmp(&b.file)
            .then(score_a.total_cmp(score_b))
            .then_with(|| a.attack_type.cmp(&b.attack_type))
    });
    let mut parts: Vec<(usize, (f64, &Presentation))> = Vec::new();
    for label in [Label::Live, Label::Spoof] {
        let class: Vec<_> = ordered.iter().filter(|(_, each)| each.label == label).collect();
        let numbered = class.iter().enumerate();
        parts.extend(numbered.map(|(at, each)| (part_of(at, class.len()), **each)));
    }
    let mut judged: Vec<(f64, &Presentation, PerLevel<f64>)> = Vec::new();
    for fold in 0..FOLDS {
        let part = |is_held_back: bool| -> Vec<(f64, &Presentation)> {
            let members = parts.iter().filter(|(part, _)| (*part == fold) == is_held_back);
            members.map(|(_, each)| *each).collect()
        };
        let (others, held_back) = (part(false), part(true));
        let fitted = Fitted::to(&others, 1).ok()?;
        let thresholds = PerLevel::thresholds(&Sweep::of(fitted.scores(&others)), targets);
        let calibrated = fitted.scores(&held_back).into_iter();
        judged.extend(calibrated.map(|(score, each)| (score, each, thresholds)));
    }
    let rates = |threshold: fn(&PerLevel<f64>) -> f64| {
        LevelRates::count(judged.iter().map(|(score, each, at)| (*each, *score >= threshold(at))))
    };
    Some(CrossValidated {
        folds: FOLDS as u64,
        eer: equal_error_rate(&Sweep::of(judged.iter().map(|(score, each, _)| (*score, *each))))?,
        rates: PerLevel {
            convenience: rates(|at| at.convenience),
            standard: rates(|at| at.standard),
            hardened: rates(|at| at.hardened),
        },
    })
}

/// The part of the presentation at place `at` of `of`: an unbroken run of neighbours.
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

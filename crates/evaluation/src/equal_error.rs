//! The equal error rate.

use fastrand::Rng;
use serde::Serialize;

use crate::share::{MISS, Share};
use crate::sweep::{Step, Sweep, Tie};

/// Number of bootstrap draws. With so many, the ends of the interval do not move visibly.
const REDRAWS: usize = 1000;

/// Any fixed seed: the same pictures then always give the same interval.
const SEED: u64 = 0x0030_1073;

/// The equal error rate of all attacks together: the share of accepted attacks where it equals the
/// share of refused bona fide presentations.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct EqualError {
    /// The rate, 0 to 1, interpolated linearly between the two neighbouring points of the ROC
    /// curve.
    pub eer: f64,
    /// Lower end of its 95% interval: a percentile of a stratified bootstrap of 1000 seeded draws
    /// (Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapter 13). The interval
    /// of [`Share`] for as many errors of the smaller class widens it, as a bootstrap of few
    /// pictures is too narrow.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// The threshold with the least difference of both errors, midway between the neighbouring
    /// scores. `None` if even 1 is too low.
    pub threshold: Option<f64>,
}

impl EqualError {
    /// `None` unless there are presentations of both classes.
    pub(crate) fn of(sweep: &Sweep) -> Option<Self> {
        let eer = equal_error_rate(sweep)?;
        let (low, high) = interval(sweep, eer);
        let threshold = equal_error_step(sweep).and_then(Step::score_threshold);
        Some(Self { eer, low, high, threshold })
    }
}

/// The rate without its interval; `None` unless there are presentations of both classes.
pub(crate) fn equal_error_rate(sweep: &Sweep) -> Option<f64> {
    sweep.has_both().then(|| rate(sweep.ties(), sweep.live, sweep.attacks))
}

/// The step with the least difference of both errors, the stricter one of two equal ones. `None`
/// unless there are presentations of both classes.
pub(crate) fn equal_error_step(sweep: &Sweep) -> Option<&Step> {
    let apart = |step: &&Step| (sweep.apcer_of_all(step) - sweep.bpcer(step)).abs();
    let nearest = sweep.steps.iter().rev().min_by(|a, b| apart(a).total_cmp(&apart(b)));
    nearest.filter(|_| sweep.has_both())
}

/// Walks up the scores until the share of accepted attacks is at most the share of refused bona
/// fide presentations.
fn rate(ties: impl Iterator<Item = Tie>, live: u64, attacks: u64) -> f64 {
    let share = |count: u64, of: u64| count as f64 / of as f64;
    let (mut refused, mut accepted) = (0, attacks);
    for tie in ties {
        let before = (share(accepted, attacks), share(refused, live));
        refused += tie.live;
        accepted -= tie.attacks;
        let after = (share(accepted, attacks), share(refused, live));
        if after.0 <= after.1 {
            let (gap_before, gap_after) = (before.0 - before.1, after.1 - after.0);
            let between = before.1 + (after.1 - before.1) * gap_before / (gap_before + gap_after);
            // Rounding can exceed the end.
            return between.min(after.1);
        }
    }
    1.0
}

/// The interval of the bootstrap, widened by that of as many errors of the smaller class.
fn interval(sweep: &Sweep, eer: f64) -> (f64, f64) {
    let fewer = sweep.live.min(sweep.attacks);
    // The product may end just below half an error by rounding.
    let errors = Share::of((eer * fewer as f64 + 1e-9).round() as u64, fewer);
    let (low, high) = bootstrapped(sweep, eer);
    (low.min(errors.low), high.max(errors.high))
}

fn bootstrapped(sweep: &Sweep, eer: f64) -> (f64, f64) {
    if eer == 0.0 {
        // No draw can have an error.
        return (0.0, 0.0);
    }
    let ties: Vec<Tie> = sweep.ties().collect();
    let spread = |count: fn(&Tie) -> u64| {
        let each = ties.iter().enumerate();
        each.flat_map(|(at, tie)| std::iter::repeat_n(at, count(tie) as usize)).collect::<Vec<_>>()
    };
    let (live, attacks) = (spread(|tie| tie.live), spread(|tie| tie.attacks));
    let mut rng = Rng::with_seed(SEED);
    let mut drawn = vec![Tie { live: 0, attacks: 0 }; ties.len()];
    let mut rates: Vec<f64> = (0..REDRAWS)
        .map(|_| {
            drawn.fill(Tie { live: 0, attacks: 0 });
            for _ in 0..live.len() {
                drawn[live[rng.usize(..live.len())]].live += 1;
            }
            for _ in 0..attacks.len() {
                drawn[attacks[rng.usize(..attacks.len())]].attacks += 1;
            }
            rate(drawn.iter().copied(), sweep.live, sweep.attacks)
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    let at = |part: f64| rates[((REDRAWS - 1) as f64 * part).round() as usize];
    (at(MISS / 2.0).min(eer), at(1.0 - MISS / 2.0).max(eer))
}

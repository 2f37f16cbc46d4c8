//! The rate at which both errors are equal.

use fastrand::Rng;
use serde::Serialize;

use crate::share::{MISS, Share};
use crate::sweep::{Step, Sweep, Tie};

/// How often the pictures are drawn anew for the interval: enough for its ends not to move visibly.
const REDRAWS: usize = 1000;

/// Where the drawing starts, so that the same pictures always give the same interval. Any number would do.
const SEED: u64 = 0x0030_1073;

/// The equal error rate over all attacks together: where the share of attacks accepted equals that of bona
/// fide presentations refused.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct EqualError {
    /// The rate, 0 to 1, interpolated on the straight line between the two neighbouring points of the ROC curve.
    pub eer: f64,
    /// The lower end of its 95% interval: percentiles of a stratified bootstrap of 1000 seeded draws (Efron and
    /// Tibshirani, "An introduction to the bootstrap", 1993, chapter 13), widened by the interval of [`Share`]
    /// for as many errors of the smaller class. Of few pictures drawing anew finds too little.
    pub low: f64,
    /// The upper end, of the same.
    pub high: f64,
    /// The threshold where both errors are nearest to each other, midway between the neighbouring scores.
    /// `None` if it would have to be above 1.
    pub threshold: Option<f64>,
}

impl EqualError {
    /// `None` unless both classes are there.
    pub(crate) fn of(sweep: &Sweep) -> Option<Self> {
        let eer = equal_error_rate(sweep)?;
        let (low, high) = interval(sweep, eer);
        let threshold = equal_error_step(sweep).and_then(Step::score_threshold);
        Some(Self { eer, low, high, threshold })
    }
}

/// The rate alone, without its interval; `None` unless both classes are there.
pub(crate) fn equal_error_rate(sweep: &Sweep) -> Option<f64> {
    sweep.has_both().then(|| rate(sweep.ties(), sweep.live, sweep.attacks))
}

/// The decision whose two errors are nearest to each other; the stricter of two that are equally near.
/// `None` unless both classes are there.
pub(crate) fn equal_error_step(sweep: &Sweep) -> Option<&Step> {
    let apart = |step: &&Step| (sweep.apcer_of_all(step) - sweep.bpcer(step)).abs();
    let nearest = sweep.steps.iter().rev().min_by(|a, b| apart(a).total_cmp(&apart(b)));
    nearest.filter(|_| sweep.has_both())
}

/// Walks up the scores until no more attacks are accepted than bona fide presentations refused, in shares.
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
            // Rounding can end a bit beyond.
            return between.min(after.1);
        }
    }
    1.0
}

/// The bootstrap's interval, and no narrower than that of so many errors of the smaller class.
fn interval(sweep: &Sweep, eer: f64) -> (f64, f64) {
    let fewer = sweep.live.min(sweep.attacks);
    // A bit more than the product, so that its last bits do not decide about half an error.
    let errors = Share::of((eer * fewer as f64 + 1e-9).round() as u64, fewer);
    let (low, high) = bootstrapped(sweep, eer);
    (low.min(errors.low), high.max(errors.high))
}

fn bootstrapped(sweep: &Sweep, eer: f64) -> (f64, f64) {
    if eer == 0.0 {
        // Drawing anew cannot find an error either.
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

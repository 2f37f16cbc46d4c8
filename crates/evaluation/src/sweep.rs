//! The decisions of every possible threshold on the same scores.

use std::collections::BTreeMap;

use crate::presentation::{Label, Presentation};

/// The decisions of all thresholds above `above`, up to and including `up_to`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    /// The greatest refused score; `None` if all are accepted.
    pub above: Option<f64>,
    /// The least accepted score; `None` if all are refused.
    pub up_to: Option<f64>,
    /// Bona fide presentations refused.
    pub live_refused: u64,
    /// Attacks accepted.
    pub attacks_accepted: u64,
    /// The greatest share of accepted attacks of a type.
    pub worst_apcer: f64,
}

impl Step {
    /// A threshold of this step. It is far from the scores on either side, so that rounding does
    /// not change a decision, and has few decimals, as people copy it.
    pub(crate) fn threshold(&self) -> f64 {
        match (self.above, self.up_to) {
            (Some(above), Some(up_to)) => between(above, up_to),
            (None, Some(up_to)) => up_to,
            (Some(above), None) => above.next_up(),
            (None, None) => 0.5,
        }
    }

    /// [`Self::threshold`] within 0 and 1; `None` if even 1 is too low.
    pub(crate) fn score_threshold(&self) -> Option<f64> {
        let held = match (self.above, self.up_to) {
            (None, Some(up_to)) if up_to > 0.0 => Self { above: Some(0.0), ..*self },
            (Some(above), None) if above < 1.0 => Self { up_to: Some(1.0), ..*self },
            _ => *self,
        };
        Some(held.threshold()).filter(|threshold| *threshold <= 1.0)
    }
}

/// A number above `low` and not above `high`, near their middle, with few decimals (three or more).
fn between(low: f64, high: f64) -> f64 {
    let middle = low.midpoint(high);
    let rounded = (3..=15).map(|decimals| 10_f64.powi(decimals));
    let rounded = rounded.map(|scale| (middle * scale).round() / scale);
    // Rounding keeps to the middle half of the interval.
    let mut inside = rounded.filter(|&value| (middle - value).abs() <= (high - low) / 4.0);
    let middle = inside.next().unwrap_or(middle);
    if middle > low && middle <= high { middle } else { high }
}

/// All steps of some scores, from the one that accepts everything to the one that refuses
/// everything.
#[derive(Debug, Clone)]
pub(crate) struct Sweep {
    /// At least one; each accepts less than the step before.
    pub steps: Vec<Step>,
    /// Bona fide presentations.
    pub live: u64,
    /// Attacks.
    pub attacks: u64,
}

impl Sweep {
    /// The steps of `scores`, without those that are not finite.
    pub(crate) fn of<'a>(scores: impl IntoIterator<Item = (f64, &'a Presentation)>) -> Self {
        let mut types = BTreeMap::new();
        let mut samples = Vec::new();
        for (score, presentation) in scores.into_iter().filter(|(score, _)| score.is_finite()) {
            let attack = (presentation.label == Label::Spoof).then(|| {
                let next = types.len();
                *types.entry(presentation.type_name()).or_insert(next)
            });
            samples.push((score, attack));
        }
        Self::of_samples(samples, types.len())
    }

    /// The steps of scores, each with the number of the attack's type, or `None` for bona fide.
    fn of_samples(mut samples: Vec<(f64, Option<usize>)>, types: usize) -> Self {
        samples.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut totals = vec![0_u64; types];
        for attack in samples.iter().filter_map(|(_, attack)| *attack) {
            totals[attack] += 1;
        }
        let attacks = totals.iter().sum();
        let live = samples.len() as u64 - attacks;
        let mut accepted = totals.clone();
        let mut step = Step {
            above: None,
            up_to: samples.first().map(|first| first.0),
            live_refused: 0,
            attacks_accepted: attacks,
            worst_apcer: worst(&accepted, &totals),
        };
        let mut steps = vec![step];
        let mut passed = 0;
        for tied in samples.chunk_by(|a, b| a.0 == b.0) {
            passed += tied.len();
            for (_, attack) in tied {
                match attack {
                    Some(attack) => accepted[*attack] -= 1,
                    None => step.live_refused += 1,
                }
            }
            step.above = step.up_to;
            step.up_to = samples.get(passed).map(|next| next.0);
            step.attacks_accepted = accepted.iter().sum();
            step.worst_apcer = worst(&accepted, &totals);
            steps.push(step);
        }
        Self { steps, live, attacks }
    }

    /// True if there are presentations of both classes.
    pub(crate) fn has_both(&self) -> bool {
        self.live > 0 && self.attacks > 0
    }

    /// The share of bona fide presentations refused at `step`; 0 if there are none.
    pub(crate) fn bpcer(&self, step: &Step) -> f64 {
        share(step.live_refused, self.live)
    }

    /// The share of attacks of all types together accepted at `step`; 0 if there are none.
    pub(crate) fn apcer_of_all(&self, step: &Step) -> f64 {
        share(step.attacks_accepted, self.attacks)
    }

    /// The numbers of presentations with each distinct score, lowest first.
    pub(crate) fn ties(&self) -> impl Iterator<Item = Tie> + '_ {
        self.steps.windows(2).map(|pair| Tie {
            live: pair[1].live_refused - pair[0].live_refused,
            attacks: pair[0].attacks_accepted - pair[1].attacks_accepted,
        })
    }
}

/// The numbers of presentations with one score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tie {
    /// Bona fide presentations.
    pub live: u64,
    /// Attacks.
    pub attacks: u64,
}

fn share(count: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { count as f64 / of as f64 }
}

fn worst(accepted: &[u64], totals: &[u64]) -> f64 {
    accepted.iter().zip(totals).map(|(&count, &of)| share(count, of)).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(above: Option<f64>, up_to: Option<f64>) -> Step {
        Step { above, up_to, live_refused: 0, attacks_accepted: 0, worst_apcer: 0.0 }
    }

    #[test]
    fn thresholds_are_short_and_midway() {
        assert_eq!(step(Some(0.2), Some(0.6)).threshold(), 0.4);
        assert_eq!(step(Some(0.123_456), Some(0.987_654)).threshold(), 0.556);
        assert_eq!(step(Some(0.500_001), Some(0.500_002)).threshold(), 0.500_001_5);
    }

    #[test]
    fn between_neighbouring_floats_the_upper_one_is_taken() {
        let low = 0.7_f64;
        assert_eq!(step(Some(low), Some(low.next_up())).threshold(), low.next_up());
    }

    #[test]
    fn thresholds_of_scores_stay_within_0_and_1() {
        assert_eq!(step(Some(0.8), None).score_threshold(), Some(0.9));
        assert_eq!(step(None, Some(0.2)).score_threshold(), Some(0.1));
        assert_eq!(step(None, Some(0.0)).score_threshold(), Some(0.0));
        assert_eq!(step(Some(1.0), None).score_threshold(), None);
    }

    #[test]
    fn each_distinct_score_is_one_step_and_the_worst_type_counts() {
        // Attacks of type 0: 0.1 and 0.5, of type 1: 0.5; bona fide: 0.5 and 0.9.
        let samples =
            vec![(0.5, None), (0.5, Some(0)), (0.9, None), (0.1, Some(0)), (0.5, Some(1))];
        let sweep = Sweep::of_samples(samples, 2);
        let seen: Vec<_> = sweep
            .steps
            .iter()
            .map(|s| (s.attacks_accepted, s.live_refused, s.worst_apcer))
            .collect();
        assert_eq!(seen, [(3, 0, 1.0), (2, 0, 1.0), (0, 1, 0.0), (0, 2, 0.0)]);
        let ties: Vec<_> = sweep.ties().map(|tie| (tie.live, tie.attacks)).collect();
        assert_eq!(ties, [(0, 1), (1, 2), (1, 0)]);
    }
}

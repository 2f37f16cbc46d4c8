//! The area under the ROC curve.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};

use crate::share::MISS;
use crate::sweep::Sweep;

/// The probability that a bona fide presentation scores higher than an attack, with ties counted
/// half.
///
/// The interval is that of `DeLong`, `DeLong` and Clarke-Pearson ("Comparing the areas under two or
/// more correlated receiver operating characteristic curves", Biometrics 44, 1988). It is taken on
/// the log-odds of the area, so that it stays within 0 and 1 (Pepe, "The statistical evaluation of
/// medical tests", 2003, section 5.2). Its variance is 0 or unknown where the classes are fully
/// separated, or one has a single member. The interval is then method 5 of Newcombe ("Confidence
/// intervals for an effect size measure based on the Mann-Whitney statistic, part 2", Statistics in
/// Medicine 25, 2006).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Auc {
    /// The area, 0 to 1; 0.5 is guessing.
    pub auc: f64,
    /// Lower end of its 95% interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Auc {
    /// `None` unless there are presentations of both classes.
    pub(crate) fn of(sweep: &Sweep) -> Option<Self> {
        if !sweep.has_both() {
            return None;
        }
        let (live, attacks) = (sweep.live as f64, sweep.attacks as f64);
        let (mut live_below, mut attacks_below) = (0.0, 0.0);
        // For each score: number of presentations, and their share of won comparisons with the
        // other class.
        let (mut of_live, mut of_attacks) = (Vec::new(), Vec::new());
        for tie in sweep.ties() {
            let (lives_here, attacks_here) = (tie.live as f64, tie.attacks as f64);
            of_live.push((lives_here, (attacks_below + attacks_here / 2.0) / attacks));
            of_attacks.push((attacks_here, (live - live_below - lives_here / 2.0) / live));
            live_below += lives_here;
            attacks_below += attacks_here;
        }
        let auc = of_live.iter().map(|(n, won)| n * won).sum::<f64>() / live;
        let auc = auc.clamp(0.0, 1.0);
        let variance = |won: &[(f64, f64)], n: f64| {
            won.iter().map(|(times, won)| times * (won - auc).powi(2)).sum::<f64>() / (n - 1.0) / n
        };
        let variance = variance(&of_live, live) + variance(&of_attacks, attacks);
        let inside = auc > 0.0 && auc < 1.0;
        let (low, high) = if inside && variance.is_finite() && variance > 0.0 {
            delong(auc, variance)
        } else {
            newcombe(auc, live, attacks)
        };
        Some(Self { auc, low: low.min(auc), high: high.max(auc) })
    }
}

/// Half the width of the interval, in standard deviations: 1.96.
fn deviations() -> f64 {
    Normal::standard().inverse_cdf(1.0 - MISS / 2.0)
}

fn delong(auc: f64, variance: f64) -> (f64, f64) {
    let log_odds = (auc / (1.0 - auc)).ln();
    let reach = deviations() * variance.sqrt() / (auc * (1.0 - auc));
    let back = |log_odds: f64| 1.0 / (1.0 + (-log_odds).exp());
    (back(log_odds - reach), back(log_odds + reach))
}

/// The areas at a distance of 1.96 of their own standard deviations from `auc`, found by bisection.
fn newcombe(auc: f64, live: f64, attacks: f64) -> (f64, f64) {
    let others = f64::midpoint(live, attacks) - 1.0;
    let deviation = |area: f64| {
        let spread = (1.0 - area) / (2.0 - area) + area / (1.0 + area);
        (area * (1.0 - area) * (1.0 + others * spread) / (live * attacks)).sqrt()
    };
    let reach = deviations();
    let end = |outside: f64| {
        let (mut inside, mut outside) = (auc, outside);
        for _ in 0..60 {
            let middle = f64::midpoint(inside, outside);
            if (middle - auc).abs() <= reach * deviation(middle) {
                inside = middle;
            } else {
                outside = middle;
            }
        }
        inside
    };
    (end(0.0), end(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_separation_still_has_an_interval() {
        // 10 and 10 fully apart: area 1; the lower end solves 1 - t = 1.96 sqrt(t (1 - t) (1 + 9
        // s(t)) / 100) with s(t) = (1 - t) / (2 - t) + t / (1 + t). At t = 0.812: s = 0.606, right
        // side 0.194 > 0.188. At t = 0.79: s = 0.615, right side 0.204 < 0.21.
        let (low, high) = newcombe(1.0, 10.0, 10.0);
        assert!((0.79..0.812).contains(&low), "{low}");
        assert_eq!(high, 1.0);
    }

    #[test]
    fn more_pictures_narrow_the_interval() {
        assert!(newcombe(1.0, 100.0, 100.0).0 > newcombe(1.0, 10.0, 10.0).0);
        assert!(newcombe(0.0, 10.0, 10.0).1 < 0.3);
    }
}

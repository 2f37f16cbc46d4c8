//! The three thresholds that a pack offers, and what each costs.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::attack_type::type_of;
use crate::presentation::{Label, Presentation};
use crate::share::Share;
use crate::sweep::{Step, Sweep};

/// The standard level's threshold: calibration puts the equal error rate there.
const HALF: f64 = 0.5;

/// Both errors of a level.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LevelRates {
    /// Attacks accepted, of the type where most are.
    pub apcer: Share,
    /// That type.
    pub apcer_type: Option<String>,
    /// Bona fide presentations refused.
    pub bpcer: Share,
}

/// A threshold and what it costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Level {
    /// On the calibrated scale, 0 to 1, midway between the neighbouring scores.
    pub threshold: f64,
    /// What was measured there, on the pictures calibrated with.
    #[serde(flatten)]
    pub rates: LevelRates,
    /// Whether the target is met; `None` for the standard level, which has none.
    pub meets_target: Option<bool>,
}

/// The levels, whose thresholds do not fall from one to the next.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Levels {
    /// The highest threshold that refuses no more people than the target, and at most 0.5.
    pub convenience: Level,
    /// 0.5, the equal error rate.
    pub standard: Level,
    /// The lowest threshold that accepts no more attacks of any type than the target, and at least 0.5.
    pub hardened: Level,
}

/// The three thresholds alone, in order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Thresholds {
    /// As in [`Levels`].
    pub convenience: f64,
    /// As in [`Levels`].
    pub standard: f64,
    /// As in [`Levels`].
    pub hardened: f64,
}

impl Thresholds {
    /// For calibrated scores, so that their equal error rate is at 0.5.
    pub(crate) fn of(calibrated: &Sweep, bpcer_at_most: f64, apcer_at_most: f64) -> Self {
        let steps = &calibrated.steps;
        let lenient = steps.iter().rev().find(|step| calibrated.bpcer(step) <= bpcer_at_most);
        let strict = steps.iter().find(|step| step.worst_apcer <= apcer_at_most);
        let threshold = |step: Option<&Step>| step.and_then(Step::score_threshold).unwrap_or(1.0);
        Self {
            convenience: threshold(lenient).min(HALF),
            standard: HALF,
            hardened: threshold(strict).max(HALF),
        }
    }
}

impl LevelRates {
    /// Counts (presentation, whether it was accepted).
    pub(crate) fn count<'a>(decisions: impl IntoIterator<Item = (&'a Presentation, bool)>) -> Self {
        let (mut refused, mut live) = (0, 0);
        let mut types: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for (presentation, accepted) in decisions {
            match presentation.label {
                Label::Live => {
                    live += 1;
                    refused += u64::from(!accepted);
                }
                Label::Spoof => {
                    let (hits, of) = types.entry(type_of(presentation)).or_default();
                    *hits += u64::from(accepted);
                    *of += 1;
                }
            }
        }
        let shares = types.into_iter().map(|(name, (hits, of))| (name, Share::of(hits, of)));
        let worst = shares.max_by(|(_, a), (_, b)| {
            a.share
                .partial_cmp(&b.share)
                .unwrap_or(std::cmp::Ordering::Equal)
                .then(a.high.total_cmp(&b.high))
        });
        Self {
            apcer: worst.map_or(Share::of(0, 0), |(_, share)| share),
            apcer_type: worst.map(|(name, _)| name.to_owned()),
            bpcer: Share::of(refused, live),
        }
    }
}

impl Levels {
    /// Measures `thresholds` on (presentation, calibrated score).
    pub(crate) fn measure(
        scored: &[(&Presentation, f64)],
        thresholds: Thresholds,
        bpcer_at_most: f64,
        apcer_at_most: f64,
    ) -> Self {
        let level = |threshold: f64| {
            let accepted = scored.iter().map(|(each, score)| (*each, *score >= threshold));
            Level { threshold, rates: LevelRates::count(accepted), meets_target: None }
        };
        let met = |share: Share, target: f64| Some(share.share.is_none_or(|share| share <= target));
        let (convenience, hardened) = (level(thresholds.convenience), level(thresholds.hardened));
        Self {
            convenience: Level {
                meets_target: met(convenience.rates.bpcer, bpcer_at_most),
                ..convenience
            },
            standard: level(thresholds.standard),
            hardened: Level { meets_target: met(hardened.rates.apcer, apcer_at_most), ..hardened },
        }
    }
}

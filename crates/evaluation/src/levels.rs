//! The three thresholds that a pack offers, and what each costs.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::attack_type::{UNNAMED, type_of};
use crate::notes::{none_found, percent};
use crate::presentation::{Label, Presentation};
use crate::share::Share;
use crate::sweep::{Step, Sweep};

/// From this share of errors on a level is of no use to anybody, whatever else it keeps.
const USELESS: f64 = 0.5;

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
    /// Whether the target is met and the level is of use: it turns away less than half of the living people,
    /// and `convenience` lets in less than half of the attacks. `None` for a standard level that is of use,
    /// as it has no target.
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
        let (convenience, standard, hardened) =
            (level(thresholds.convenience), level(thresholds.standard), level(thresholds.hardened));
        let within = |share: Share, target: f64| share.share.is_none_or(|share| share <= target);
        let is_convenient = within(convenience.rates.bpcer, bpcer_at_most);
        let is_hard = within(hardened.rates.apcer, apcer_at_most);
        let is_useful = |rates: &LevelRates| !is_useless(rates.bpcer);
        Self {
            convenience: Level {
                meets_target: Some(
                    is_convenient
                        && is_useful(&convenience.rates)
                        && !is_useless(convenience.rates.apcer),
                ),
                ..convenience
            },
            standard: Level {
                meets_target: (!is_useful(&standard.rates)).then_some(false),
                ..standard
            },
            hardened: Level {
                meets_target: Some(is_hard && is_useful(&hardened.rates)),
                ..hardened
            },
        }
    }

    /// What must be known of them, in words.
    pub(crate) fn notes(&self, apcer_at_most: f64) -> Vec<String> {
        let mut notes = Vec::new();
        let convenience = is_useless(self.convenience.rates.apcer).then_some(&self.convenience);
        if let Some(rates) = convenience.map(|level| &level.rates) {
            notes.push(format!(
                "The level convenience would accept {} of attacks of the type \"{}\": it is of no use and left out.",
                rates.apcer.share.map(percent).unwrap_or_default(),
                rates.apcer_type.as_deref().unwrap_or(UNNAMED)
            ));
        }
        for (name, level) in [
            ("convenience", &self.convenience),
            ("standard", &self.standard),
            ("hardened", &self.hardened),
        ] {
            if is_useless(level.rates.bpcer) {
                notes.push(format!(
                    "The level {name} would refuse {} of living people: it is of no use and left out.",
                    level.rates.bpcer.share.map(percent).unwrap_or_default()
                ));
            }
        }
        let standard = self.standard.threshold;
        let same =
            match (self.convenience.threshold == standard, self.hardened.threshold == standard) {
                (true, true) => Some("convenience, standard and hardened"),
                (true, false) => Some("convenience and standard"),
                (false, true) => Some("standard and hardened"),
                (false, false) => None,
            };
        if let Some(same) = same {
            notes.push(format!(
                "The levels {same} have one and the same threshold: these pictures give no reason for another."
            ));
        }
        let rates = &self.hardened.rates;
        let of = rates.apcer_type.as_deref().unwrap_or(UNNAMED);
        let what = format!("attacks of the type \"{of}\" accepted at the level hardened");
        notes.extend(none_found(rates.apcer, &what));
        if rates.apcer.share.is_some_and(|share| share > apcer_at_most) {
            notes.push(format!(
                "No threshold keeps the APCER of every type at {} or below: an attack scores as high as can be.",
                percent(apcer_at_most)
            ));
        }
        notes
    }
}

fn is_useless(errors: Share) -> bool {
    errors.share.is_some_and(|share| share >= USELESS)
}

//! The three thresholds that a pack offers, and the errors at each.

use std::collections::BTreeMap;

use crate::presentation::{Label, Presentation, UNNAMED};
use crate::share::{Share, percent};
use crate::sweep::{Step, Sweep};

/// A level with this share of errors or more is useless, even if it meets its target.
const USELESS: f64 = 0.5;

/// The standard level's threshold: calibration puts the equal error rate there.
const HALF: f64 = 0.5;

/// The greatest errors allowed, both from 0 to 1 (exclusive of 1).
#[derive(Debug, Clone, Copy, PartialEq)]
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

/// One value for each security level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PerLevel<T> {
    /// The highest threshold that refuses no more people than the target, and at most 0.5.
    pub convenience: T,
    /// 0.5, the equal error rate.
    pub standard: T,
    /// The lowest threshold that accepts no more attacks of any type than the target, and at least
    /// 0.5.
    pub hardened: T,
}

/// The levels. Their thresholds do not fall from one to the next.
pub type Levels = PerLevel<Level>;

/// A threshold and the errors there.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// On the calibrated scale, 0 to 1, midway between the neighbouring scores.
    pub threshold: f64,
    /// Measured on the pictures that the calibration was fitted to.
    pub rates: LevelRates,
    /// True if the level meets its target and is useful: it refuses less than half of the living
    /// people, and `convenience` accepts less than half of the attacks of each type. `None` for a
    /// useful standard level, which has no target.
    pub meets_target: Option<bool>,
}

/// Both errors of a level.
#[derive(Debug, Clone, PartialEq)]
pub struct LevelRates {
    /// Attacks accepted, of the type with the greatest share.
    pub apcer: Share,
    /// That type.
    pub apcer_type: Option<String>,
    /// Bona fide presentations refused.
    pub bpcer: Share,
}

impl<T> PerLevel<T> {
    /// The three values in order, with the names of their levels.
    #[must_use]
    pub fn named(&self) -> [(&'static str, &T); 3] {
        let Self { convenience, standard, hardened } = self;
        [("convenience", convenience), ("standard", standard), ("hardened", hardened)]
    }
}

impl PerLevel<f64> {
    /// The thresholds for calibrated scores.
    pub(crate) fn thresholds(calibrated: &Sweep, targets: Targets) -> Self {
        let steps = &calibrated.steps;
        let is_lenient = |step: &&Step| calibrated.bpcer(step) <= targets.convenience_bpcer;
        let is_strict = |step: &&Step| step.worst_apcer <= targets.hardened_apcer;
        let threshold = |step: Option<&Step>| step.and_then(Step::score_threshold).unwrap_or(1.0);
        Self {
            convenience: threshold(steps.iter().rev().find(is_lenient)).min(HALF),
            standard: HALF,
            hardened: threshold(steps.iter().find(is_strict)).max(HALF),
        }
    }
}

impl LevelRates {
    /// Counts decisions: a presentation, and `true` if it was accepted.
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
                    let (count, of) = types.entry(presentation.type_name()).or_default();
                    *count += u64::from(accepted);
                    *of += 1;
                }
            }
        }
        let shares = types.into_iter().map(|(name, (count, of))| (name, Share::of(count, of)));
        let worst = shares.max_by(|(_, a), (_, b)| a.compare_errors(b));
        Self {
            apcer: worst.map_or(Share::of(0, 0), |(_, share)| share),
            apcer_type: worst.map(|(name, _)| name.to_owned()),
            bpcer: Share::of(refused, live),
        }
    }

    fn type_name(&self) -> &str {
        self.apcer_type.as_deref().unwrap_or(UNNAMED)
    }
}

impl Levels {
    /// Measures `thresholds` on presentations and their calibrated scores.
    pub(crate) fn measure(
        scored: &[(f64, &Presentation)],
        thresholds: PerLevel<f64>,
        targets: Targets,
    ) -> Self {
        let level = |threshold: f64, meets_target: &dyn Fn(&LevelRates) -> Option<bool>| {
            let decisions = scored.iter().map(|(score, each)| (*each, *score >= threshold));
            let rates = LevelRates::count(decisions);
            Level { threshold, meets_target: meets_target(&rates), rates }
        };
        let is_within = |share: Share, target: f64| share.share.is_none_or(|share| share <= target);
        Self {
            convenience: level(thresholds.convenience, &|rates| {
                let meets_target = is_within(rates.bpcer, targets.convenience_bpcer);
                Some(meets_target && !is_useless(rates.bpcer) && !is_useless(rates.apcer))
            }),
            standard: level(thresholds.standard, &|rates| {
                (is_useless(rates.bpcer)).then_some(false)
            }),
            hardened: level(thresholds.hardened, &|rates| {
                let meets_target = is_within(rates.apcer, targets.hardened_apcer);
                Some(meets_target && !is_useless(rates.bpcer))
            }),
        }
    }

    /// Warnings for the reader.
    pub(crate) fn notes(&self, targets: Targets) -> Vec<String> {
        let mut notes = Vec::new();
        let share = |share: Share| share.share.map(percent).unwrap_or_default();
        let rates = &self.convenience.rates;
        if is_useless(rates.apcer) {
            notes.push(format!(
                "The level convenience would accept {} of attacks of the type \"{}\": it is useless \
                 and left out.",
                share(rates.apcer),
                rates.type_name()
            ));
        }
        for (name, level) in self.named() {
            if is_useless(level.rates.bpcer) {
                notes.push(format!(
                    "The level {name} would refuse {} of living people: it is useless and left out.",
                    share(level.rates.bpcer)
                ));
            }
        }
        let is_standard = |(_, level): &(_, &Level)| level.threshold == self.standard.threshold;
        let same = self.named().into_iter().filter(is_standard).map(|(name, _)| name);
        let same = match same.collect::<Vec<_>>()[..] {
            [a, b, c] => Some(format!("{a}, {b} and {c}")),
            [a, b] => Some(format!("{a} and {b}")),
            _ => None,
        };
        notes.extend(same.map(|same| {
            format!(
                "The levels {same} have one and the same threshold: these pictures give no reason \
                 for another."
            )
        }));
        let rates = &self.hardened.rates;
        let type_name = rates.type_name();
        let things = format!("attacks of the type \"{type_name}\" accepted at the level hardened");
        notes.extend(rates.apcer.none_found(&things));
        if rates.apcer.share.is_some_and(|share| share > targets.hardened_apcer) {
            notes.push(format!(
                "No threshold keeps the APCER of every type at {} or below: an attack has the \
                 highest possible score.",
                percent(targets.hardened_apcer)
            ));
        }
        notes
    }
}

fn is_useless(errors: Share) -> bool {
    errors.share.is_some_and(|share| share >= USELESS)
}

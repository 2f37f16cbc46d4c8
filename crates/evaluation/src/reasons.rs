//! Reasons why presentations have no score.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::presentation::{Label, Outcome, Presentation};

/// Numbers of presentations with a reason or an error, by class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Occurrence {
    /// The code of the reason or of the error.
    pub what: String,
    /// Among bona fide presentations.
    pub live: u64,
    /// Among attacks.
    pub attacks: u64,
}

/// The reasons of presentations that were not assessed, most frequent first. A presentation with
/// several reasons counts once for each.
#[must_use]
pub fn reasons(presentations: &[Presentation]) -> Vec<Occurrence> {
    count(presentations, |outcome| match outcome {
        Outcome::NotAssessed { reasons } => reasons,
        _ => &[],
    })
}

/// The error codes of presentations that failed, most frequent first.
#[must_use]
pub fn failure_codes(presentations: &[Presentation]) -> Vec<Occurrence> {
    count(presentations, |outcome| match outcome {
        Outcome::Failed { code, .. } => std::slice::from_ref(code),
        _ => &[],
    })
}

fn count(presentations: &[Presentation], codes: impl Fn(&Outcome) -> &[String]) -> Vec<Occurrence> {
    let mut occurrences: BTreeMap<&String, Occurrence> = BTreeMap::new();
    for presentation in presentations {
        for code in codes(&presentation.outcome).iter().collect::<BTreeSet<_>>() {
            let new = || Occurrence { what: code.clone(), live: 0, attacks: 0 };
            let occurrence = occurrences.entry(code).or_insert_with(new);
            match presentation.label {
                Label::Live => occurrence.live += 1,
                Label::Spoof => occurrence.attacks += 1,
            }
        }
    }
    let mut occurrences: Vec<_> = occurrences.into_values().collect();
    occurrences.sort_by_key(|each| std::cmp::Reverse(each.live + each.attacks));
    occurrences
}

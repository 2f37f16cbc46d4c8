//! Why presentations got no score.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::presentation::{Label, Outcome, Presentation};

/// How often something occurred, by class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Occurrence {
    /// A gate's reason or the code of an error.
    pub what: String,
    /// Among bona fide presentations.
    pub live: u64,
    /// Among attacks.
    pub attacks: u64,
}

/// How often each reason kept a presentation from being assessed; most frequent first. One presentation can
/// have several, and counts once for each.
#[must_use]
pub fn reasons(presentations: &[Presentation]) -> Vec<Occurrence> {
    count(presentations, |outcome| match outcome {
        Outcome::NotAssessed { reasons } => reasons.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    })
}

/// How often presentations failed with each error code; most frequent first.
#[must_use]
pub fn failure_codes(presentations: &[Presentation]) -> Vec<Occurrence> {
    count(presentations, |outcome| match outcome {
        Outcome::Failed { code, .. } => vec![code.as_str()],
        _ => Vec::new(),
    })
}

fn count(presentations: &[Presentation], of: impl Fn(&Outcome) -> Vec<&str>) -> Vec<Occurrence> {
    let mut counts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for presentation in presentations {
        let mut seen = of(&presentation.outcome);
        seen.sort_unstable();
        seen.dedup();
        for what in seen {
            let (live, attacks) = counts.entry(what).or_default();
            match presentation.label {
                Label::Live => *live += 1,
                Label::Spoof => *attacks += 1,
            }
        }
    }
    let occurrence =
        |(what, (live, attacks)): (&str, _)| Occurrence { what: what.to_owned(), live, attacks };
    let mut occurrences: Vec<_> = counts.into_iter().map(occurrence).collect();
    occurrences.sort_by_key(|each| std::cmp::Reverse(each.live + each.attacks));
    occurrences
}

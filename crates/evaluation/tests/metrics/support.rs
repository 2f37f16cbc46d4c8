//! Short constructors of presentations.

use std::collections::BTreeMap;

use evaluation::{Label, Outcome, Presentation};

/// A presentation with this outcome and no further labels.
pub(crate) fn presentation(file: &str, label: Label, outcome: Outcome) -> Presentation {
    Presentation {
        file: file.to_owned(),
        label,
        attack_type: None,
        groups: BTreeMap::new(),
        outcome,
        models: BTreeMap::new(),
    }
}

/// A scored presentation. The fused probability equals the score.
pub(crate) fn scored(file: &str, label: Label, score: f64) -> Presentation {
    presentation(file, label, Outcome::Scored { score, fused: score })
}

/// Living people with these scores.
pub(crate) fn live(scores: &[f64]) -> Vec<Presentation> {
    let each = scores.iter().enumerate();
    each.map(|(at, &score)| scored(&format!("live/{at:03}.jpg"), Label::Live, score)).collect()
}

/// Attacks of a type with these scores.
pub(crate) fn attacks(of: &str, scores: &[f64]) -> Vec<Presentation> {
    let file = |at| format!("{of}/{at:03}.jpg");
    let attack = |(at, &score)| Presentation {
        attack_type: Some(of.to_owned()),
        ..scored(&file(at), Label::Spoof, score)
    };
    scores.iter().enumerate().map(attack).collect()
}

/// A presentation that is not assessed for this reason.
pub(crate) fn refused(file: &str, label: Label, reason: &str) -> Presentation {
    presentation(file, label, Outcome::NotAssessed { reasons: vec![reason.to_owned()] })
}

/// A presentation that failed with this code.
pub(crate) fn failed(file: &str, label: Label, code: &str) -> Presentation {
    let message = format!("it is {code}");
    presentation(file, label, Outcome::Failed { code: code.to_owned(), message })
}

/// Compares up to rounding.
pub(crate) fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

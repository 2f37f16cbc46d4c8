//! The presentations to look at first.

use std::cmp::Ordering;

use serde::Serialize;

use crate::attack_type::type_of;
use crate::presentation::{Label, Presentation};

/// A presentation whose score is far on the wrong side, or nearest to it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Worst {
    /// Which one.
    pub file: String,
    /// What it shows in truth.
    pub label: Label,
    /// The kind of attack; `None` for bona fide.
    pub attack_type: Option<String>,
    /// Its score, 0 to 1.
    pub score: f64,
    /// A small picture as PNG, for the HTML only: whoever wants faces in a report puts them here.
    #[serde(skip)]
    pub thumbnail_png: Option<Vec<u8>>,
}

impl Worst {
    /// Up to `most` bona fide presentations with the lowest scores, then up to `most` attacks with the highest,
    /// whether or not they are on the wrong side of any threshold.
    #[must_use]
    pub fn of(presentations: &[Presentation], most: usize) -> Vec<Self> {
        let live = of_class(presentations, Label::Live, most, f64::total_cmp);
        let attacks = of_class(presentations, Label::Spoof, most, |a, b| b.total_cmp(a));
        live.into_iter().chain(attacks).collect()
    }
}

fn of_class(
    presentations: &[Presentation],
    label: Label,
    most: usize,
    worse: impl Fn(&f64, &f64) -> Ordering,
) -> Vec<Worst> {
    let scored = presentations.iter().filter(|each| each.label == label);
    let mut scored: Vec<_> =
        scored.filter_map(|each| each.score().map(|score| (score, each))).collect();
    scored.sort_by(|(a, of_a), (b, of_b)| worse(a, b).then_with(|| of_a.file.cmp(&of_b.file)));
    let entry = |(score, each): (f64, &Presentation)| Worst {
        file: each.file.clone(),
        label,
        attack_type: (label == Label::Spoof).then(|| type_of(each).to_owned()),
        score,
        thumbnail_png: None,
    };
    scored.into_iter().take(most).map(entry).collect()
}

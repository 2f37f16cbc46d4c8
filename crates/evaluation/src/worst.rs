//! The presentations with the worst scores.

use std::cmp::Ordering;

use serde::Serialize;

use crate::presentation::{Label, Presentation};

/// A presentation with one of the worst scores of its class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Worst {
    /// Its name.
    pub file: String,
    /// Its true class.
    pub label: Label,
    /// The type of attack; `None` for bona fide.
    pub attack_type: Option<String>,
    /// Its score, 0 to 1.
    pub score: f64,
    /// A small picture as PNG, for the page only. None unless the caller adds one.
    #[serde(skip)]
    pub thumbnail_png: Option<Vec<u8>>,
}

impl Worst {
    /// Up to `most` bona fide presentations with the lowest scores, then up to `most` attacks with
    /// the highest.
    #[must_use]
    pub fn of(presentations: &[Presentation], most: usize) -> Vec<Self> {
        let worst = |label, worse: fn(&f64, &f64) -> Ordering| {
            let of_class = presentations.iter().filter(move |each| each.label == label);
            let mut scored: Vec<_> = of_class.filter_map(Presentation::scored).collect();
            scored.sort_by(|(a, of_a), (b, of_b)| {
                worse(a, b).then_with(|| of_a.file.cmp(&of_b.file))
            });
            scored.into_iter().take(most)
        };
        let live = worst(Label::Live, f64::total_cmp);
        let attacks = worst(Label::Spoof, |a, b| b.total_cmp(a));
        let entry = |(score, each): (f64, &Presentation)| Self {
            file: each.file.clone(),
            label: each.label,
            attack_type: (each.label == Label::Spoof).then(|| each.type_name().to_owned()),
            score,
            thumbnail_png: None,
        };
        live.chain(attacks).map(entry).collect()
    }
}

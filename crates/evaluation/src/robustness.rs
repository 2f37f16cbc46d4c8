//! Decisions on altered pictures.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::evaluation::Evaluation;
use crate::presentation::Presentation;
use crate::share::Share;

/// The same presentations with pictures altered in one way (compressed, darkened, turned).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Variant {
    /// A short name: `jpeg-50`.
    pub name: String,
    /// The alteration in words.
    pub description: String,
    /// The metrics of the altered pictures, at the same threshold, without curves.
    pub evaluation: Evaluation,
    /// Presentations with another decision (accepted, refused, no score), of those whose file is in
    /// both sets.
    pub decisions_changed: Share,
    /// Changes of scores; `None` if no presentation has a score in both sets.
    pub score_change: Option<ScoreChange>,
}

/// Absolute changes of scores, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ScoreChange {
    /// Half of the changes are not greater.
    pub median: f64,
    /// 95 of 100 changes are not greater.
    pub percentile_95: f64,
    /// The greatest change.
    pub greatest: f64,
}

impl Variant {
    /// Compares `changed` to `original`, file by file.
    #[must_use]
    pub fn of(
        name: &str,
        description: &str,
        original: &[Presentation],
        changed: &[Presentation],
        threshold: f64,
    ) -> Self {
        let before: BTreeMap<&str, &Presentation> =
            original.iter().map(|each| (each.file.as_str(), each)).collect();
        let both = changed.iter().filter_map(|after| Some((*before.get(&*after.file)?, after)));
        let both: Vec<(&Presentation, &Presentation)> = both.collect();
        let decision = |each: &Presentation| each.score().map(|score| score >= threshold);
        let turned = both.iter().filter(|(before, after)| decision(before) != decision(after));
        let moved = |(before, after): &(&Presentation, &Presentation)| {
            Some((before.score()? - after.score()?).abs())
        };
        Self {
            name: name.to_owned(),
            description: description.to_owned(),
            evaluation: Evaluation::of(changed, threshold).without_curves(),
            decisions_changed: Share::of(turned.count() as u64, both.len() as u64),
            score_change: ScoreChange::of(both.iter().filter_map(moved).collect()),
        }
    }
}

impl ScoreChange {
    fn of(mut moved: Vec<f64>) -> Option<Self> {
        moved.sort_by(f64::total_cmp);
        // The nearest rank.
        let at = |part: f64| {
            let rank = (part * moved.len() as f64).ceil() as usize;
            moved.get(rank.saturating_sub(1)).copied()
        };
        Some(Self { median: at(0.5)?, percentile_95: at(0.95)?, greatest: at(1.0)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presentation::{Label, Outcome};

    fn presentation(file: &str, outcome: Outcome) -> Presentation {
        Presentation {
            file: file.into(),
            label: Label::Live,
            attack_type: None,
            groups: BTreeMap::new(),
            outcome,
            models: BTreeMap::new(),
        }
    }

    fn scored(file: &str, score: f64) -> Presentation {
        presentation(file, Outcome::Scored { score, fused: score })
    }

    #[test]
    fn files_of_one_name_are_compared() {
        // a keeps its decision, b falls below 0.5, c loses its score, d is new.
        let original = [scored("a", 0.75), scored("b", 0.75), scored("c", 0.75)];
        let gone = presentation("c", Outcome::NotAssessed { reasons: vec!["no_face".into()] });
        let changed = [gone, scored("b", 0.25), scored("a", 0.625), scored("d", 0.0)];
        let variant = Variant::of("dark", "half as bright", &original, &changed, 0.5);
        assert_eq!((variant.decisions_changed.count, variant.decisions_changed.of), (2, 3));
        // Moved: 0.125 and 0.5.
        let expected = ScoreChange { median: 0.125, percentile_95: 0.5, greatest: 0.5 };
        assert_eq!(variant.score_change, Some(expected));
    }

    #[test]
    fn sets_without_a_common_file_have_no_change() {
        let variant = Variant::of("x", "", &[scored("a", 1.0)], &[scored("b", 1.0)], 0.5);
        assert_eq!((variant.decisions_changed.share, variant.score_change), (None, None));
    }
}

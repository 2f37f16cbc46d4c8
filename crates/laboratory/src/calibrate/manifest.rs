//! The text of a new `pack.toml`: the old text with other figures. Comments stay, except on
//! replaced sections.

use anyhow::Context;
use engine::UsageError;
use evaluation::{Calibrated, Evaluation, PerLevel};
use model_pack::{Manifest, SecurityLevel};
use toml_edit::{DocumentMut, Item, Table, Value, value};

use crate::rounding::rounded;

/// `text` with the figures of `calibrated`. `at_half` is its evaluation at a score of 0.5.
pub(super) fn edited(
    text: &str,
    name: &str,
    calibrated: &Calibrated,
    at_half: &Evaluation,
    pictures: &str,
) -> anyhow::Result<String> {
    let mut document: DocumentMut = text.parse().context("the old pack.toml is no TOML")?;
    let parts = document.as_table_mut();
    let mut named = Value::from(name);
    if let Some(old) = parts.get("name").and_then(Item::as_value) {
        *named.decor_mut() = old.decor().clone();
    }
    parts.insert("name", Item::Value(named));

    let figure = |(key, number): (&'static str, f64)| (key, value(rounded(number)));
    let mut calibration: Table = [("slope", calibrated.slope), ("offset", calibrated.offset)]
        .map(figure)
        .into_iter()
        .collect();
    calibration.decor_mut().set_prefix("\n# Fitted by `livegate calibrate`, as are the levels.\n");
    let position = replace(parts, "calibration", calibration, None);

    let mut evaluation = Table::new();
    evaluation.insert("pictures", value(pictures));
    let figures = [
        ("auc", calibrated.auc.auc),
        ("eer", calibrated.eer.eer),
        ("apcer_at_half", at_half.apcer.share.unwrap_or_default()),
        ("bpcer_at_half", at_half.bpcer.share.unwrap_or_default()),
    ];
    evaluation.extend(figures.map(figure));
    replace(parts, "evaluation", evaluation, position);

    let mut levels = Table::new();
    levels.set_implicit(true);
    for level in SecurityLevel::ALL.into_iter().filter(|level| is_kept(calibrated, *level)) {
        let found = level_of(&calibrated.levels, level);
        let shares = [("apcer", found.rates.apcer.share), ("bpcer", found.rates.bpcer.share)];
        let shares = shares.into_iter().filter_map(|(key, share)| Some((key, share?)));
        let point =
            [("threshold", found.threshold)].into_iter().chain(shares).map(figure).collect();
        levels.insert(level.as_str(), Item::Table(point));
    }
    replace(parts, "levels", levels, position);
    let text = document.to_string();
    Manifest::parse(&text)
        .map_err(|error| UsageError(format!("the new pack.toml would be none: {error}")))?;
    Ok(text)
}

/// True if the level meets its target. A pack does not offer the others.
pub(super) fn is_kept(calibrated: &Calibrated, level: SecurityLevel) -> bool {
    level_of(&calibrated.levels, level).meets_target != Some(false)
}

pub(super) fn level_of<T>(levels: &PerLevel<T>, level: SecurityLevel) -> &T {
    match level {
        SecurityLevel::Convenience => &levels.convenience,
        SecurityLevel::Standard => &levels.standard,
        SecurityLevel::Hardened => &levels.hardened,
    }
}

/// Replaces the table `key` in its place, or puts it at `position`; returns the place.
fn replace(
    parts: &mut Table,
    key: &str,
    mut table: Table,
    position: Option<isize>,
) -> Option<isize> {
    let old = parts.get(key).and_then(Item::as_table);
    // An implicit table has no position of its own, but its parts have.
    let of_old = old.and_then(|old| {
        let first = || old.iter().find_map(|(_, part)| part.as_table()?.position());
        old.position().or_else(first)
    });
    let position = of_old.or(position);
    table.set_position(position);
    for (_, part) in table.iter_mut() {
        if let Some(part) = part.as_table_mut() {
            part.set_position(position);
        }
    }
    parts.insert(key, Item::Table(table));
    position
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use evaluation::{Label, Outcome, Presentation, Targets};

    use super::*;

    const STARTER: &str = include_str!("../../../../models/packs/starter.toml");

    fn calibrated() -> (Calibrated, Evaluation) {
        let presentation = |i: i32| {
            let label = if i % 2 == 0 { Label::Live } else { Label::Spoof };
            let fused = f64::from(i * 37 % 100) / 200.0 + if i % 2 == 0 { 0.4 } else { 0.1 };
            Presentation {
                file: i.to_string(),
                label,
                attack_type: None,
                groups: BTreeMap::new(),
                outcome: Outcome::Scored { score: fused, fused },
                models: BTreeMap::new(),
            }
        };
        let presentations: Vec<_> = (0..100).map(presentation).collect();
        let calibrated = evaluation::calibrate(&presentations, Targets::default()).unwrap();
        let evaluation = Evaluation::of(&calibrated.apply(&presentations), 0.5);
        (calibrated, evaluation)
    }

    #[test]
    fn only_the_name_and_the_figures_change() {
        let (calibrated, at_half) = calibrated();
        let text = edited(STARTER, "mine", &calibrated, &at_half, "these").unwrap();
        let (old, new) = (Manifest::parse(STARTER).unwrap(), Manifest::parse(&text).unwrap());
        assert_eq!(new.name, "mine");
        assert!((new.calibration.slope - calibrated.slope).abs() < 1e-6);
        assert!((new.calibration.offset - calibrated.offset).abs() < 1e-6);
        let found = new.evaluation.clone().unwrap();
        assert_eq!(found.pictures, "these");
        assert!((found.eer - calibrated.eer.eer).abs() < 1e-6);
        let hardened = new.levels.get(SecurityLevel::Hardened).unwrap();
        assert!((hardened.threshold - calibrated.levels.hardened.threshold).abs() < 1e-6);
        assert!(
            hardened.apcer.unwrap() <= 0.05 && new.levels.get(SecurityLevel::Convenience).is_some()
        );
        let Manifest { name, calibration, evaluation, levels, .. } = old.clone();
        assert_eq!(Manifest { name, calibration, evaluation, levels, ..new }, old);
    }

    #[test]
    fn the_sections_keep_their_places_and_lose_the_old_comments() {
        let (calibrated, at_half) = calibrated();
        let text = edited(STARTER, "mine", &calibrated, &at_half, "these").unwrap();
        let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what} in {text}"));
        let order = ["[[scorers]]", "[calibration]", "[evaluation]", "[levels.convenience]"];
        let order =
            order.into_iter().chain(["[levels.standard]", "[levels.hardened]", "[[golden]]"]);
        assert!(order.map(at).is_sorted(), "{text}");
        assert!(
            !text.contains("uncalibrated") && !text.contains("equal error rate lies"),
            "{text}"
        );
        // From the golden vectors on nothing is touched.
        let golden = |text: &str| text[text.find("[[golden]]").unwrap()..].to_owned();
        assert_eq!(golden(&text), golden(STARTER));
    }

    #[test]
    fn inline_sections_are_replaced_too() {
        let start = STARTER.find("# The model's equal").unwrap();
        let end = STARTER.find("[evaluation]").unwrap();
        let calibration = "calibration = { slope = 2.0, offset = 1.0 }\n";
        let inline = format!("# Mine.\n{calibration}{}{}", &STARTER[..start], &STARTER[end..]);
        Manifest::parse(&inline).unwrap();
        let (calibrated, at_half) = calibrated();
        let text = edited(&inline, "mine", &calibrated, &at_half, "these").unwrap();
        let new = Manifest::parse(&text).unwrap();
        assert!((new.calibration.slope - calibrated.slope).abs() < 1e-6);
        assert_eq!(text.matches("calibration").count(), 1, "{text}");
    }
}

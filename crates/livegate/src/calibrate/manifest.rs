//! The text of a new `pack.toml`: that of the old one with other figures. Comments stay, but for those on
//! what is replaced.

use anyhow::Context;
use evaluation::{Calibrated, Evaluation, Level};
use model_pack::{Manifest, SecurityLevel};
use toml_edit::{DocumentMut, Item, Table, value};

use crate::keys::Unusable;

/// `text` with what `calibrated` found. `at_half` is what 0.5 does with it.
pub(super) fn edited(
    text: &str,
    name: &str,
    calibrated: &Calibrated,
    at_half: &Evaluation,
    pictures: &str,
) -> anyhow::Result<String> {
    let mut document: DocumentMut = text.parse().context("the old pack.toml is no TOML")?;
    let parts = document.as_table_mut();
    let decor = parts.get("name").and_then(Item::as_value).map(|name| name.decor().clone());
    parts.insert("name", value(name));
    if let (Some(decor), Some(name)) = (decor, parts.get_mut("name").and_then(Item::as_value_mut)) {
        *name.decor_mut() = decor;
    }

    let mut calibration = Table::new();
    calibration.insert("slope", value(rounded(calibrated.slope)));
    calibration.insert("offset", value(rounded(calibrated.offset)));
    calibration.decor_mut().set_prefix("\n# Fitted by `livegate calibrate`, as are the levels.\n");
    let position = replace(parts, "calibration", calibration, None);

    let mut evaluation = Table::new();
    evaluation.insert("pictures", value(pictures));
    evaluation.insert("auc", value(rounded(calibrated.auc.auc)));
    evaluation.insert("eer", value(rounded(calibrated.eer.eer)));
    let share = |share: &evaluation::Share| value(rounded(share.share.unwrap_or_default()));
    evaluation.insert("apcer_at_half", share(&at_half.apcer));
    evaluation.insert("bpcer_at_half", share(&at_half.bpcer));
    replace(parts, "evaluation", evaluation, position);

    let mut levels = Table::new();
    levels.set_implicit(true);
    for (level, found) in kept(calibrated) {
        let mut point = Table::new();
        point.insert("threshold", value(rounded(found.threshold)));
        for (key, share) in [("apcer", found.rates.apcer), ("bpcer", found.rates.bpcer)] {
            if let Some(share) = share.share {
                point.insert(key, value(rounded(share)));
            }
        }
        levels.insert(level.as_str(), Item::Table(point));
    }
    replace(parts, "levels", levels, position);
    let text = document.to_string();
    Manifest::parse(&text)
        .map_err(|error| Unusable(format!("the new pack.toml would be none: {error}")))?;
    Ok(text)
}

/// Each level that keeps what it promises; a pack does not offer the others.
pub(super) fn kept(calibrated: &Calibrated) -> impl Iterator<Item = (SecurityLevel, &Level)> {
    let levels = SecurityLevel::ALL.into_iter().map(|level| (level, level_of(calibrated, level)));
    levels.filter(|(_, found)| found.meets_target != Some(false))
}

pub(super) fn level_of(calibrated: &Calibrated, level: SecurityLevel) -> &Level {
    match level {
        SecurityLevel::Convenience => &calibrated.levels.convenience,
        SecurityLevel::Standard => &calibrated.levels.standard,
        SecurityLevel::Hardened => &calibrated.levels.hardened,
    }
}

/// Puts `table` where the old one of that name was, or where `position` says; tells where that is.
fn replace(
    parts: &mut Table,
    key: &str,
    mut table: Table,
    position: Option<isize>,
) -> Option<isize> {
    let old = parts.get(key).and_then(Item::as_table);
    // A table that is there by its parts alone has no place of its own.
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

/// Six decimals are far finer than any measurement, and can be read.
fn rounded(number: f64) -> f64 {
    (number * 1e6).round() / 1e6
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
        let hardened = new.levels.hardened.unwrap();
        assert!((hardened.threshold - calibrated.levels.hardened.threshold).abs() < 1e-6);
        assert!(hardened.apcer.unwrap() <= 0.05 && new.levels.convenience.is_some());
        let Manifest { name, calibration, evaluation, levels, .. } = old.clone();
        assert_eq!(Manifest { name, calibration, evaluation, levels, ..new }, old);
    }

    #[test]
    fn the_sections_keep_their_places_and_lose_the_old_reasons() {
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
    fn sections_in_another_spelling_are_replaced_too() {
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

//! The old pack and the new one side by side.

use anyhow::Context;
use evaluation::{
    Calibrated, CrossValidated, Evaluation, LevelRates, Outcome, Presentation, Share,
};
use liveness::Score;
use model_pack::{Manifest, SecurityLevel};

use super::manifest::{kept, level_of};
use crate::evaluate::percent;
use crate::keys::table;

/// What the old pack does with the same pictures.
pub(super) struct Old {
    slope: f64,
    offset: f64,
    levels: Vec<(SecurityLevel, f64, Evaluation)>,
    all: Evaluation,
}

impl Old {
    /// `fused` is before calibration, so that scores are those of this pack whichever gave them.
    pub(super) fn of(manifest: &Manifest, presentations: &[Presentation]) -> anyhow::Result<Self> {
        let mut presentations = presentations.to_vec();
        for presentation in &mut presentations {
            if let Outcome::Scored { score, fused } = &mut presentation.outcome {
                let scored = Score::new(*fused).and_then(|p| manifest.calibration.apply(p));
                *score = scored.context("the old calibration gives no score")?.get();
            }
        }
        let level = |level| {
            let threshold = manifest.levels.get(level)?.threshold;
            Some((level, threshold, Evaluation::of(&presentations, threshold)))
        };
        Ok(Self {
            slope: manifest.calibration.slope,
            offset: manifest.calibration.offset,
            levels: SecurityLevel::ALL.into_iter().filter_map(level).collect(),
            all: Evaluation::of(&presentations, 0.5),
        })
    }
}

pub(super) fn text(old: &Old, new: &Calibrated, old_name: &str, new_name: &str) -> String {
    let mut rows = table(["", old_name, new_name, "on pictures held back"]);
    let mut row =
        |name: &str, of_old: Option<String>, of_new: String, held_back: Option<String>| {
            let none = || "-".to_owned();
            let of_old = of_old.unwrap_or_else(none);
            rows.add_row([name.to_owned(), of_old, of_new, held_back.unwrap_or_else(none)]);
        };
    row("slope", Some(decimal(old.slope)), decimal(new.slope), None);
    row("offset", Some(decimal(old.offset)), decimal(new.offset), None);
    row(
        "AUC",
        old.all.auc.map(|auc| format!("{:.4}", auc.auc)),
        format!("{:.4}", new.auc.auc),
        None,
    );
    let held_back = new.cross_validated.as_ref();
    let eer = old.all.eer.map(|eer| percent(eer.eer));
    row("EER", eer, percent(new.eer.eer), held_back.map(|rates| percent(rates.eer)));
    for level in SecurityLevel::ALL {
        let of_old = old.levels.iter().find(|(name, ..)| *name == level);
        let of_new = level_of(new, level);
        let held_back = held_back.map(|rates| held_back_at(rates, level));
        let threshold = format!("{:.4}", of_new.threshold);
        let old_threshold = of_old.map(|(_, threshold, _)| format!("{threshold:.4}"));
        row(&format!("{level}: threshold"), old_threshold, threshold, None);
        row(
            "  APCER, worst type",
            of_old.map(|(.., rates)| rate(&rates.apcer)),
            rate(&of_new.rates.apcer),
            held_back.map(|rates| rate(&rates.apcer)),
        );
        row(
            "  BPCER",
            of_old.map(|(.., rates)| rate(&rates.bpcer)),
            rate(&of_new.rates.bpcer),
            held_back.map(|rates| rate(&rates.bpcer)),
        );
    }
    let mut lines = vec![rows.trim_fmt()];
    let offered: Vec<SecurityLevel> = kept(new).map(|(level, _)| level).collect();
    let left_out = SecurityLevel::ALL.into_iter().filter(|level| !offered.contains(level));
    lines.extend(left_out.map(|level| {
        format!("NOTE: the level {level} does not keep what it should and is not in the pack.")
    }));
    lines.extend(new.notes.iter().map(|note| format!("NOTE: {note}")));
    lines.push(format!(
        "The pack `{new_name}` is installed and has passed its self-test: --pack {new_name}"
    ));
    lines.join("\n")
}

/// Adding 0 makes 0 of -0, which nobody means.
fn decimal(number: f64) -> String {
    format!("{:.4}", (number * 1e4).round() / 1e4 + 0.0)
}

fn held_back_at(rates: &CrossValidated, level: SecurityLevel) -> &LevelRates {
    match level {
        SecurityLevel::Convenience => &rates.convenience,
        SecurityLevel::Standard => &rates.standard,
        SecurityLevel::Hardened => &rates.hardened,
    }
}

fn rate(share: &Share) -> String {
    share.share.map_or("-".to_owned(), |rate| {
        format!("{} ({} of {})", percent(rate), share.count, share.of)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_has_no_sign() {
        let shown = [-0.0, -0.000_04, -0.000_06, 1.5].map(decimal);
        assert_eq!(shown, ["0.0000", "0.0000", "-0.0001", "1.5000"]);
    }
}

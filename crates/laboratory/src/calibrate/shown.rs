//! The old pack and the new one side by side.

use anyhow::Context;
use engine::terminal::{percent, table};
use evaluation::{Calibrated, Evaluation, Outcome, Presentation, Share};
use liveness::Score;
use model_pack::{Manifest, SecurityLevel};

use super::manifest::{is_kept, level_of};

/// The table and the notes. The figures of the old pack are those of its calibration of `fused`.
pub(super) fn text(
    old: &Manifest,
    presentations: &[Presentation],
    new: &Calibrated,
    new_name: &str,
) -> anyhow::Result<String> {
    let mut presentations = presentations.to_vec();
    for presentation in &mut presentations {
        if let Outcome::Scored { score, fused } = &mut presentation.outcome {
            let scored = Score::new(*fused).and_then(|fused| old.calibration.apply(fused));
            *score = scored.context("the old calibration gives no score")?.get();
        }
    }
    let old_at = |threshold| Evaluation::of(&presentations, threshold);
    let mut rows = table(&format!("  {}  {new_name}  on pictures held back", old.name));
    let mut row =
        |name: &str, of_old: Option<String>, of_new: String, held_back: Option<String>| {
            let [of_old, held_back] = [of_old, held_back].map(|it| it.unwrap_or("-".to_owned()));
            rows.add_row([name.to_owned(), of_old, of_new, held_back]);
        };
    row("slope", Some(decimal(old.calibration.slope)), decimal(new.slope), None);
    row("offset", Some(decimal(old.calibration.offset)), decimal(new.offset), None);
    let four = |figure: f64| format!("{figure:.4}");
    let Evaluation { auc, eer, .. } = old_at(0.5);
    row("AUC", auc.map(|auc| four(auc.auc)), four(new.auc.auc), None);
    let held_back = new.cross_validated.as_ref();
    let [of_old, held_back_eer] =
        [eer.map(|eer| eer.eer), held_back.map(|it| it.eer)].map(|eer| eer.map(percent));
    row("EER", of_old, percent(new.eer.eer), held_back_eer);
    for level in SecurityLevel::ALL {
        let threshold = old.levels.get(level).map(|point| point.threshold);
        let of_new = level_of(&new.levels, level);
        row(&format!("{level}: threshold"), threshold.map(four), four(of_new.threshold), None);
        let of_old = threshold.map(old_at).map(|rates| [rates.apcer, rates.bpcer]);
        let held_back = held_back.map(|it| level_of(&it.rates, level));
        let held_back = held_back.map(|rates| [rates.apcer, rates.bpcer]);
        let of_new = [of_new.rates.apcer, of_new.rates.bpcer];
        for (i, name) in ["  APCER, worst type", "  BPCER"].into_iter().enumerate() {
            let shown = |shares: [Share; 2]| rate(shares[i]);
            row(name, of_old.map(shown), shown(of_new), held_back.map(shown));
        }
    }
    let mut lines = vec![rows.trim_fmt()];
    let left_out = SecurityLevel::ALL.into_iter().filter(|level| !is_kept(new, *level));
    lines.extend(left_out.map(|level| {
        format!("NOTE: the level {level} does not keep what it should and is not in the pack.")
    }));
    lines.extend(new.notes.iter().map(|note| format!("NOTE: {note}")));
    lines.push(format!(
        "The pack `{new_name}` is installed and has passed its self-test: --pack {new_name}"
    ));
    Ok(lines.join("\n"))
}

/// Four decimals. Adding 0 turns -0 into 0.
fn decimal(number: f64) -> String {
    format!("{:.4}", (number * 1e4).round() / 1e4 + 0.0)
}

fn rate(share: Share) -> String {
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

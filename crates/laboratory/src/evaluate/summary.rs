//! The summary at the end.

use std::path::Path;

use engine::terminal::{percent, plain_table, table};
use evaluation::{AttackType, Evaluation, Report, Responses, Share, Variant};
use serde_json::{Value, json};

/// The figures as text.
pub(super) fn text(report: &Report, passed_over: usize, out: &Path) -> String {
    let Report { run, evaluation, .. } = report;
    let mut lines = vec![format!(
        "pack {} ({}), {}, threshold {}{}{}",
        run.pack,
        &run.pack_digest[..12],
        run.device,
        run.threshold,
        run.security_level.as_ref().map(|level| format!(" ({level})")).unwrap_or_default(),
        if run.exact { ", exact" } else { "" },
    )];
    let mut rows = plain_table();
    let mut row = |name: &str, value: String| {
        rows.add_row([name.to_owned(), value]);
    };
    row("bona fide", responses(&evaluation.live));
    row("attacks", responses(&evaluation.attacks));
    if let Some(auc) = &evaluation.auc {
        row("AUC", format!("{:.4} (95%: {:.4} to {:.4})", auc.auc, auc.low, auc.high));
    }
    if let Some(eer) = &evaluation.eer {
        let [rate, low, high] = [eer.eer, eer.low, eer.high].map(percent);
        row("EER", format!("{rate} (95%: {low} to {high})"));
    }
    let worst = evaluation.apcer_type.as_ref().map(|name| format!(", the worst type: {name}"));
    row("APCER", share(&evaluation.apcer) + &worst.unwrap_or_default());
    for AttackType { attack_type, apcer, .. } in &evaluation.attack_types {
        row(&format!("  {attack_type}"), share(apcer));
    }
    row("BPCER", share(&evaluation.bpcer));
    row("APNRR (no answer to attacks)", share(&evaluation.apnrr));
    row("BPNRR (no answer to people)", share(&evaluation.bpnrr));
    lines.push(rows.trim_fmt());
    if !report.robustness.is_empty() {
        lines.push(robustness(&report.robustness, evaluation));
    }
    lines.extend(evaluation.notes.iter().map(|note| format!("NOTE: {note}")));
    if passed_over > 0 {
        lines.push(format!("passed over as no pictures: {passed_over}"));
    }
    lines.push(match report.problems.len() {
        0 => "no problems".to_owned(),
        problems => format!("problems: {problems}, each named in report.json"),
    });
    lines.push(format!("report: {}", out.join("report.html").display()));
    lines.join("\n")
}

/// The figures as JSON: report.json without the curves of the plots and the lists of files.
pub(super) fn json(report: &Report, passed_over: usize, out: &Path) -> anyhow::Result<Value> {
    let mut overall = serde_json::to_value(report)?;
    if let Some(parts) = overall.as_object_mut() {
        parts.remove("worst");
        parts.remove("groups");
        parts.insert("problems".to_owned(), report.problems.len().into());
        parts.insert("passed_over".to_owned(), passed_over.into());
        parts.insert("report".to_owned(), json!(out.join("report.html").display().to_string()));
    }
    let without_curves = |measured: &mut Value| {
        measured["evaluation"].as_object_mut().and_then(|parts| parts.remove("curves"))
    };
    without_curves(&mut overall);
    for variant in overall["robustness"].as_array_mut().into_iter().flatten() {
        without_curves(variant);
    }
    Ok(overall)
}

fn robustness(variants: &[Variant], unaltered: &Evaluation) -> String {
    let mut rows = table(
        "altered  EER  APCER  BPCER  no answer  other decision  score change: half  95%  most",
    );
    let rate = |share: Option<f64>| share.map_or("-".to_owned(), percent);
    let mut row = |name: &str, evaluation: &Evaluation, changes: [String; 4]| {
        // Error rates count scored pictures only: the effect of blur may show here alone.
        let Evaluation { live, attacks, eer, apcer, bpcer, .. } = evaluation;
        let presented = live.presented + attacks.presented;
        let unanswered = presented - live.scored - attacks.scored;
        let [eer, apcer, bpcer] = [eer.map(|eer| eer.eer), apcer.share, bpcer.share].map(rate);
        let figures = [name.to_owned(), eer, apcer, bpcer, format!("{unanswered} of {presented}")];
        rows.add_row(figures.into_iter().chain(changes));
    };
    row("not at all", unaltered, Default::default());
    for Variant { name, evaluation, decisions_changed, score_change, .. } in variants {
        let [median, most_of, greatest] = match score_change {
            Some(change) => [change.median, change.percentile_95, change.greatest]
                .map(|change| format!("{change:.4}")),
            None => ["-", "-", "-"].map(str::to_owned),
        };
        let changed = format!("{} of {}", decisions_changed.count, decisions_changed.of);
        row(name, evaluation, [changed, median, most_of, greatest]);
    }
    rows.trim_fmt()
}

fn responses(responses: &Responses) -> String {
    let Responses { presented, scored, not_assessed, failed } = responses;
    format!("{presented}: {scored} scored, {not_assessed} not assessed, {failed} failed")
}

fn share(share: &Share) -> String {
    let Share { share, count, of, low, high } = share;
    match share {
        Some(share) => {
            let [share, low, high] = [*share, *low, *high].map(percent);
            format!("{share} ({count} of {of}; 95%: {low} to {high})")
        }
        None => "not measured".to_owned(),
    }
}

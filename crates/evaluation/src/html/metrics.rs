//! The metrics as tables.

use maud::{Markup, html};

use super::format;
use crate::report::Report;
use crate::share::percent;

/// The metrics of all attacks, each term with an explanation.
pub(super) fn section(report: &Report) -> Markup {
    let evaluation = &report.evaluation;
    let eer_threshold = evaluation.eer.map(|eer| format::threshold(eer.threshold));
    let shares = [
        ("APCER", "attacks taken for living people, of those scored; worst type", evaluation.apcer),
        ("BPCER", "living people taken for attacks, of those scored", evaluation.bpcer),
        ("APNRR", "attacks without a score", evaluation.apnrr),
        ("BPNRR", "living people without a score", evaluation.bpnrr),
        ("All attacks", "accepted, of all attacks", evaluation.attacks_accepted),
        ("All people", "not let in, of all living people", evaluation.live_not_let_in),
    ];
    let rows = html! {
        @for (term, meaning, share) in shares { tr {
            (term_cell(term, &html! { (meaning) }))
            td class="value" { (format::share(share.share)) }
            td class="count" { (format::interval(share)) }
            td class="count" { (share.count) " of " (share.of) }
        } }
        tr {
            (term_cell("EER", &html! {
                "where both errors are equal, all attacks together"
                @if let Some(threshold) = eer_threshold { ", at the threshold " (threshold) }
            }))
            td class="value" { (format::share(evaluation.eer.map(|eer| eer.eer))) }
            td { @if let Some(eer) = evaluation.eer { (format::ends(eer.low, eer.high)) } }
            td {}
        }
        tr {
            (term_cell("AUC", &html! {
                "probability that a living person scores higher than an attack; 0.5 is guessing"
            }))
            td class="value" { (format::optional_score(evaluation.auc.map(|auc| auc.auc))) }
            td { @if let Some(auc) = evaluation.auc {
                (format::score(auc.low)) " to " (format::score(auc.high))
            } }
            td {}
        }
        tr {
            (term_cell("ACER", &html! {
                "mean of APCER and BPCER; the standard deprecates it, as one error hides behind the other"
            }))
            td class="value" { (format::share(evaluation.acer)) }
            td {} td {}
        }
    };
    html! {
        section {
            h2 { "Metrics at the threshold " (format::score(evaluation.threshold)) }
            (format::table("Term and meaning", "Value | 95% interval | Count", &rows))
            (operating_points(report))
        }
    }
}

/// The standard's term with its meaning.
fn term_cell(term: &str, meaning: &Markup) -> Markup {
    html! { td class="term" { b { (term) } " " span { (meaning) } } }
}

fn operating_points(report: &Report) -> Markup {
    let points = &report.evaluation.operating_points;
    let headings = "BPCER | 95% interval | Threshold | APCER there";
    let rows = html! {
        @for point in points { tr {
            (term_cell(point.name, &html! {
                "living people refused if the APCER of every type of attack is at most "
                (percent(point.apcer_at_most))
            }))
            td class="value" { (format::share(point.bpcer.share)) }
            td class="count" { (format::interval(point.bpcer)) }
            td { (format::threshold(point.threshold)) }
            td { (format::percent(point.apcer)) }
        } }
    };
    html! {
        @if !points.is_empty() {
            h3 { "The cost of a lower APCER" }
            (format::table("Term and meaning", headings, &rows))
            p class="small" {
                "These thresholds were chosen on the same pictures, so the rates are too good."
            }
        }
    }
}

/// One row for each type of attack.
pub(super) fn attack_types(report: &Report) -> Markup {
    let types = &report.evaluation.attack_types;
    let headings = "APCER | 95% interval | Accepted of scored | Accepted of all | No score (APNRR) | \
                    Failed | EER | AUC";
    let rows = html! {
        @for each in types {
            @let is_worst = report.evaluation.apcer_type.as_ref() == Some(&each.attack_type);
            tr class=[is_worst.then_some("worst")] {
                td { (each.attack_type) @if is_worst { " (worst)" } }
                td class="value" { (format::share(each.apcer.share)) }
                td { (format::interval(each.apcer)) }
                td { (each.apcer.count) " of " (each.apcer.of) }
                td { (format::counted(each.accepted)) }
                td { (format::share(each.apnrr.share)) " (" (each.apnrr.count) ")" }
                td { (each.responses.failed) }
                td { (format::share(each.eer)) }
                td { (format::optional_score(each.auc)) }
            }
        }
    };
    html! {
        @if !types.is_empty() {
            section {
                h2 { "Types of attack" }
                p {
                    "The standard rates each type (species of attack instrument) by itself. In a mean over types, a "
                    "common weak attack would hide a rare strong one."
                }
                (format::table("Type", headings, &rows))
            }
        }
    }
}

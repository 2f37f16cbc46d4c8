//! The metrics as tables.

use maud::{Markup, html};

use super::format;
use crate::notes;
use crate::report::Report;
use crate::share::Share;

/// Everything over all attacks, each with plain words beside the term.
pub(super) fn section(report: &Report) -> Markup {
    let evaluation = &report.evaluation;
    html! {
        section {
            h2 { "Metrics at the threshold " (format::score(evaluation.threshold)) }
            div class="scroll" { table {
                thead { tr { th { "Term, and in plain words" } th { "Value" } th { "95% interval" } th { "Count" } } }
                tbody {
                    (row("APCER", "attacks taken for living people, of those scored; worst type", evaluation.apcer))
                    (row("BPCER", "living people taken for attacks, of those scored", evaluation.bpcer))
                    (row("APNRR", "attacks that got no answer", evaluation.apnrr))
                    (row("BPNRR", "living people who got no answer", evaluation.bpnrr))
                    (row("All attacks", "accepted, of all attacks, answered or not", evaluation.attacks_accepted))
                    (row("All people", "not let in, of all living people, answered or not", evaluation.live_not_let_in))
                    tr {
                        (term_cell("EER", &html! { "where both errors are equal, all attacks together"
                            @if let Some(eer) = evaluation.eer { ", at the threshold " (format::threshold(eer.threshold)) } }))
                        td class="value" { (format::share(evaluation.eer.map(|eer| eer.eer))) }
                        td { @if let Some(eer) = evaluation.eer { (format::ends(eer.low, eer.high)) } }
                        td {}
                    }
                    tr {
                        (term_cell("AUC", &html! { "how probably a living person scores higher than an attack; 0.5 is guessing" }))
                        td class="value" { @if let Some(auc) = evaluation.auc { (format::score(auc.auc)) } @else { (format::NONE) } }
                        td { @if let Some(auc) = evaluation.auc { (format::score(auc.low)) " to " (format::score(auc.high)) } }
                        td {}
                    }
                    tr {
                        (term_cell("ACER", &html! { "mean of APCER and BPCER; deprecated by the standard, as one error hides behind the other" }))
                        td class="value" { (format::share(evaluation.acer)) }
                        td {} td {}
                    }
                }
            } }
            (operating_points(report))
        }
    }
}

fn row(term: &str, words: &str, share: Share) -> Markup {
    html! {
        tr {
            (term_cell(term, &html! { (words) }))
            td class="value" { (format::share(share.share)) }
            td class="count" { (format::interval(share)) }
            td class="count" { (share.count) " of " (share.of) }
        }
    }
}

/// The standard's term with what it means under or beside it, as there is room.
fn term_cell(term: &str, words: &Markup) -> Markup {
    html! { td class="term" { b { (term) } " " span { (words) } } }
}

fn operating_points(report: &Report) -> Markup {
    let points = &report.evaluation.operating_points;
    html! {
        @if !points.is_empty() {
            h3 { "What holding attacks down would cost" }
            div class="scroll" { table {
                thead { tr {
                    th { "Term, and in plain words" } th { "BPCER" } th { "95% interval" } th { "Threshold" }
                    th { "APCER there" }
                } }
                tbody { @for point in points { tr {
                    (term_cell(point.name, &html! { "living people refused if no type of attack may get in more often than "
                        (notes::percent(point.apcer_at_most)) }))
                    td class="value" { (format::share(point.bpcer.share)) }
                    td class="count" { (format::interval(point.bpcer)) }
                    td { (format::threshold(point.threshold)) }
                    td { (format::percent(point.apcer)) }
                } } }
            } }
            p class="small" {
                "These thresholds were chosen on the same pictures, which flatters them."
            }
        }
    }
}

/// One row for each type of attack.
pub(super) fn attack_types(report: &Report) -> Markup {
    let types = &report.evaluation.attack_types;
    html! {
        @if !types.is_empty() {
            section {
                h2 { "Types of attack" }
                p { "The standard rates each type (species of attack instrument) by itself; a mean over types would "
                    "let a common weak attack hide a rare strong one." }
                div class="scroll" { table {
                    thead { tr {
                        th { "Type" } th { "APCER" } th { "95% interval" } th { "Accepted of scored" }
                        th { "Accepted of all" } th { "No answer (APNRR)" } th { "Failed" } th { "EER" } th { "AUC" }
                    } }
                    tbody { @for each in types {
                        @let is_worst = report.evaluation.apcer_type.as_ref() == Some(&each.attack_type);
                        tr class=[is_worst.then_some("worst")] {
                            td { (each.attack_type) @if is_worst { " (worst)" } }
                            td class="value" { (format::share(each.apcer.share)) }
                            td { (format::interval(each.apcer)) }
                            td { (each.apcer.count) " of " (each.apcer.of) }
                            td { (format::share(each.accepted.share)) " (" (each.accepted.count) " of " (each.accepted.of) ")" }
                            td { (format::share(each.apnrr.share)) " (" (each.apnrr.count) ")" }
                            td { (each.responses.failed) }
                            td { (format::share(each.eer)) }
                            td { @if let Some(auc) = each.auc { (format::score(auc)) } @else { (format::NONE) } }
                        }
                    } }
                } }
            }
        }
    }
}

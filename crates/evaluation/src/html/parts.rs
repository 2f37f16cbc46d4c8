//! Non-responses, groups and spoiled pictures.

use maud::{Markup, html};

use super::format;
use crate::reasons::Occurrence;
use crate::report::Report;
use crate::responses::Responses;
use crate::share::Share;

/// How many got an answer, and why the others did not.
pub(super) fn responses(report: &Report) -> Markup {
    let evaluation = &report.evaluation;
    let row = |name: &str, responses: Responses| {
        html! { tr {
            td { (name) } td { (responses.presented) } td { (responses.scored) } td { (responses.not_assessed) }
            td { (responses.failed) }
        } }
    };
    html! {
        section {
            h2 { "Answers and refusals to answer" }
            div class="scroll" { table {
                thead { tr { th { "Class" } th { "Presented" } th { "Scored" } th { "Not assessed" } th { "Failed" } } }
                tbody { (row("living people", evaluation.live)) (row("attacks", evaluation.attacks)) }
            } }
            (occurrences("Why they were not assessed", "Reason", &report.reasons))
            (occurrences("Why they failed", "Error", &report.failures))
        }
    }
}

fn occurrences(title: &str, what: &str, occurrences: &[Occurrence]) -> Markup {
    html! {
        @if !occurrences.is_empty() {
            h3 { (title) }
            div class="scroll" { table {
                thead { tr { th { (what) } th { "Living people" } th { "Attacks" } } }
                tbody { @for each in occurrences { tr { td { (each.what) } td { (each.live) } td { (each.attacks) } } } }
            } }
        }
    }
}

/// One table for each group column.
pub(super) fn groups(report: &Report) -> Markup {
    html! {
        @if !report.groups.is_empty() {
            section {
                h2 { "Groups" }
                p { "The same threshold for everybody. Groups whose intervals do not overlap are treated "
                    "differently; where they are wide, there are too few pictures to say that they are not." }
                @for column in &report.groups {
                    h3 { (column.column) }
                    div class="scroll" { table {
                        thead { tr {
                            th { (column.column) } th { "BPCER" } th { "95% interval" } th { "Not let in, of all" }
                            th { "APCER (worst type)" } th { "95% interval" } th { "EER" }
                        } }
                        tbody { @for group in &column.values {
                            @let of = &group.evaluation;
                            tr {
                                td { (group.value) }
                                (counted(of.bpcer))
                                td { (format::interval(of.bpcer)) }
                                (counted(of.live_not_let_in))
                                (counted(of.apcer))
                                td { (format::interval(of.apcer)) }
                                td { (format::share(of.eer.map(|eer| eer.eer))) }
                            }
                        } }
                    } }
                    @if column.values_left_out > 0 {
                        p class="small" { (column.values_left_out) " more values with fewer presentations are left out." }
                    }
                }
            }
        }
    }
}

fn counted(share: Share) -> Markup {
    html! { td class="value" { (format::share(share.share)) " (" (share.count) " of " (share.of) ")" } }
}

/// One row for each way of spoiling the pictures.
pub(super) fn robustness(report: &Report) -> Markup {
    html! {
        @if !report.robustness.is_empty() {
            section {
                h2 { "Spoiled pictures" }
                p { "The same presentations, changed in one way each, at the same threshold." }
                div class="scroll" { table {
                    thead { tr {
                        th { "Change" } th { "What was done" } th { "Answers that changed" } th { "APCER" } th { "BPCER" }
                        th { "No answer" } th { "Score moved: median" } th { "95 of 100" } th { "most" }
                    } }
                    tbody { @for variant in &report.robustness {
                        @let of = &variant.evaluation;
                        @let silent = of.live.not_assessed + of.attacks.not_assessed;
                        @let presented = of.live.presented + of.attacks.presented;
                        tr {
                            td { (variant.name) }
                            td { (variant.description) }
                            (counted(variant.decisions_changed))
                            td { (format::share(of.apcer.share)) }
                            td { (format::share(of.bpcer.share)) }
                            td { (format::share(Share::of(silent, presented).share)) }
                            @if let Some(change) = variant.score_change {
                                td { (format::score(change.median)) }
                                td { (format::score(change.percentile_95)) }
                                td { (format::score(change.greatest)) }
                            } @else { td colspan="3" { (format::NONE) } }
                        }
                    } }
                } }
            }
        }
    }
}

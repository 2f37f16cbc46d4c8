//! Non-responses, groups and altered pictures.

use maud::{Markup, html};

use super::format;
use crate::group::GroupColumn;
use crate::reasons::Occurrence;
use crate::report::Report;
use crate::responses::Responses;
use crate::share::Share;

/// Numbers of presentations by outcome, with reasons and errors.
pub(super) fn responses(report: &Report) -> Markup {
    let evaluation = &report.evaluation;
    let classes = [("living people", evaluation.live), ("attacks", evaluation.attacks)];
    let rows = html! {
        @for (name, Responses { presented, scored, not_assessed, failed }) in classes { tr {
            td { (name) } td { (presented) } td { (scored) } td { (not_assessed) } td { (failed) }
        } }
    };
    html! {
        section {
            h2 { "Answers and refusals to answer" }
            (format::table("Class", "Presented | Scored | Not assessed | Failed", &rows))
            (occurrences("Reasons of presentations not assessed", "Reason", &report.reasons))
            (occurrences("Errors of presentations that failed", "Error", &report.failures))
        }
    }
}

fn occurrences(title: &str, what: &str, occurrences: &[Occurrence]) -> Markup {
    let rows = html! {
        @for each in occurrences { tr {
            td { (each.what) } td { (each.live) } td { (each.attacks) }
        } }
    };
    html! {
        @if !occurrences.is_empty() {
            h3 { (title) }
            (format::table(what, "Living people | Attacks", &rows))
        }
    }
}

/// One table for each group column.
pub(super) fn groups(report: &Report) -> Markup {
    html! {
        @if !report.groups.is_empty() {
            section {
                h2 { "Groups" }
                p {
                    "All groups have the same threshold. The error rates of two groups differ if their intervals do "
                    "not overlap. Wide intervals come from few pictures, and may hide a difference."
                }
                @for column in &report.groups {
                    h3 { (column.column) }
                    (group_table(column))
                    @if column.values_left_out > 0 {
                        p class="small" {
                            (column.values_left_out) " more values with fewer presentations are left out."
                        }
                    }
                }
            }
        }
    }
}

fn group_table(column: &GroupColumn) -> Markup {
    let headings =
        "BPCER | 95% interval | Not let in, of all | APCER (worst type) | 95% interval | EER";
    let rows = html! {
        @for group in &column.values {
            @let of = &group.evaluation;
            tr {
                td { (group.value) }
                td class="value" { (format::counted(of.bpcer)) }
                td { (format::interval(of.bpcer)) }
                td class="value" { (format::counted(of.live_not_let_in)) }
                td class="value" { (format::counted(of.apcer)) }
                td { (format::interval(of.apcer)) }
                td { (format::share(of.eer.map(|eer| eer.eer))) }
            }
        }
    };
    format::table(&column.column, headings, &rows)
}

/// One row for each alteration.
pub(super) fn robustness(report: &Report) -> Markup {
    let headings = "Alteration | Decisions changed | APCER | BPCER | No score | \
                    Score change: median | 95 of 100 | greatest";
    let rows = html! {
        @for variant in &report.robustness {
            @let of = &variant.evaluation;
            @let without_score = of.live.not_assessed + of.attacks.not_assessed;
            @let presented = of.live.presented + of.attacks.presented;
            tr {
                td { (variant.name) }
                td { (variant.description) }
                td class="value" { (format::counted(variant.decisions_changed)) }
                td { (format::share(of.apcer.share)) }
                td { (format::share(of.bpcer.share)) }
                td { (format::share(Share::of(without_score, presented).share)) }
                @if let Some(change) = variant.score_change {
                    td { (format::score(change.median)) }
                    td { (format::score(change.percentile_95)) }
                    td { (format::score(change.greatest)) }
                } @else { td colspan="3" { (format::NONE) } }
            }
        }
    };
    html! {
        @if !report.robustness.is_empty() {
            section {
                h2 { "Spoiled pictures" }
                p { "The same presentations at the same threshold, with pictures altered in one way each." }
                (format::table("Change", headings, &rows))
            }
        }
    }
}

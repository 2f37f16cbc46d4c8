//! Single pictures: the worst scores, and problems.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use maud::{Markup, html};

use super::format;
use crate::presentation::Label;
use crate::report::Report;

/// Maximum number of problems listed; the rest is counted.
const MOST_PROBLEMS: usize = 300;

/// Living people with the lowest scores and attacks with the highest.
pub(super) fn worst(report: &Report) -> Markup {
    html! {
        @if !report.worst.is_empty() {
            section {
                h2 { "Where to look first" }
                (list("Living people with the lowest scores", report, Label::Live))
                (list("Attacks with the highest scores", report, Label::Spoof))
            }
        }
    }
}

fn list(title: &str, report: &Report, label: Label) -> Markup {
    let mut worst = report.worst.iter().filter(|each| each.label == label).peekable();
    html! {
        @if worst.peek().is_some() {
            h3 { (title) }
            ol class="worst" { @for each in worst {
                @let accepted = each.score >= report.run.threshold;
                li {
                    @if let Some(png) = &each.thumbnail_png {
                        img alt="" src={ "data:image/png;base64," (BASE64_STANDARD.encode(png)) };
                    }
                    div {
                        b { (format::score(each.score)) } " "
                        span { (if accepted { "accepted" } else { "refused" }) }
                        @if accepted != (each.label == Label::Live) { " " strong { "wrong" } }
                        @if let Some(attack_type) = &each.attack_type { " " span { (attack_type) } }
                        br; span class="file" { (each.file) }
                    }
                }
            } }
        }
    }
}

/// Entries that could not be evaluated as listed.
pub(super) fn problems(report: &Report) -> Markup {
    let problems = &report.problems;
    let rows = html! {
        @for problem in problems.iter().take(MOST_PROBLEMS) {
            tr { td class="file" { (problem.file) } td { (problem.what) } }
        }
    };
    html! {
        section {
            h2 { "Problems: " (problems.len()) }
            @if problems.is_empty() {
                p { "Every listed picture was found and used." }
            } @else {
                p {
                    "These entries could not be evaluated as listed. No number includes them, except those that are "
                    "counted as failed above."
                }
                (format::table("File", "Fault", &rows))
                @if problems.len() > MOST_PROBLEMS {
                    p { "And " (problems.len() - MOST_PROBLEMS) " more." }
                }
            }
        }
    }
}

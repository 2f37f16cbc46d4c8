//! Single pictures: the worst, and those with problems.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use maud::{Markup, html};

use super::format;
use crate::presentation::Label;
use crate::report::Report;
use crate::worst::Worst;

/// Problems that are listed; beyond, only their number is told.
const MOST_PROBLEMS: usize = 300;

/// Living people with the lowest scores and attacks with the highest.
pub(super) fn worst(report: &Report) -> Markup {
    let of =
        |label| report.worst.iter().filter(move |each| each.label == label).collect::<Vec<_>>();
    html! {
        @if !report.worst.is_empty() {
            section {
                h2 { "Where to look first" }
                (list("Living people with the lowest scores", &of(Label::Live), report.run.threshold))
                (list("Attacks with the highest scores", &of(Label::Spoof), report.run.threshold))
            }
        }
    }
}

fn list(title: &str, worst: &[&Worst], threshold: f64) -> Markup {
    html! {
        @if !worst.is_empty() {
            h3 { (title) }
            ol class="worst" { @for each in worst {
                @let accepted = each.score >= threshold;
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

/// What was listed and not evaluated as it was meant.
pub(super) fn problems(report: &Report) -> Markup {
    let problems = &report.problems;
    html! {
        section {
            h2 { "Problems: " (problems.len()) }
            @if problems.is_empty() {
                p { "Everything that was listed was there and could be used." }
            } @else {
                p { "Listed, and not evaluated as it was meant. They are in none of the numbers unless they are "
                    "counted as failed above." }
                div class="scroll" { table {
                    thead { tr { th { "File" } th { "What is wrong" } } }
                    tbody { @for problem in problems.iter().take(MOST_PROBLEMS) {
                        tr { td class="file" { (problem.file) } td { (problem.what) } }
                    } }
                } }
                @if problems.len() > MOST_PROBLEMS {
                    p { "And " (problems.len() - MOST_PROBLEMS) " more." }
                }
            }
        }
    }
}

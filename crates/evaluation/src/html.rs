//! The report as one self-contained page.

mod bars;
mod det;
mod figure;
mod format;
mod histogram;
mod line_plot;
mod method;
mod metrics;
mod over_threshold;
mod parts;
mod pictures;
mod run;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::report::Report;
use crate::share::Share;

pub use figure::Axis;
pub use line_plot::{Line, LinePlot, Point};

const STYLE: &str = include_str!("html/page.css");

/// The page may load its own style and the pictures inside it. No server learns that it was opened.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// The report as one self-contained HTML page. It has no script and loads nothing; plots are inline
/// SVG, and every text from outside is escaped.
#[must_use]
pub fn html(report: &Report) -> String {
    let title = format!("Presentation attack detection: {}", report.run.pack);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="generator" content=(report.run.program_version);
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    header {
                        h1 { (title) }
                        p class="lead" {
                            (report.pictures) " presentations, " (report.evaluation.live.presented)
                            " of living people and " (report.evaluation.attacks.presented)
                            " attacks, in the terms of " span class="nowrap" { "ISO/IEC 30107-3:2023" } "."
                        }
                    }
                    (headline(report))
                    (notes(&report.evaluation.notes))
                    (run::section(report))
                    (metrics::section(report))
                    (metrics::attack_types(report))
                    (plots(report))
                    (parts::responses(report))
                    (parts::groups(report))
                    (parts::robustness(report))
                    (pictures::worst(report))
                    (pictures::problems(report))
                    (method::section(report))
                }
            }
        }
    }
    .into_string()
}

/// Four numbers. Neither a mean nor a refusal to score can improve all of them.
fn headline(report: &Report) -> Markup {
    let evaluation = &report.evaluation;
    let worst = evaluation.apcer_type.as_deref();
    let apcer = worst.map_or("Attacks taken for living people".to_owned(), |worst| {
        format!("Attacks taken for living people, of the worst type, \u{201c}{worst}\u{201d}")
    });
    let all_attacks = "Accepted, of all attacks, with or without a score";
    let all_people = "Not let in, of all living people, with or without a score";
    html! {
        section class="cards" aria-label="Headline" {
            (card("attack", "APCER", &apcer, evaluation.apcer))
            (card("live", "BPCER", "Living people taken for attacks", evaluation.bpcer))
            (card("attack", "All attacks", all_attacks, evaluation.attacks_accepted))
            (card("live", "All people", all_people, evaluation.live_not_let_in))
        }
    }
}

fn card(class: &str, term: &str, meaning: &str, share: Share) -> Markup {
    html! {
        div class={ "card " (class) } {
            div class="term" { (term) }
            div class="number" { (format::share(share.share)) }
            div class="interval" { (share.count) " of " (share.of) ", 95%: " (format::interval(share)) }
            div class="words" { (meaning) }
        }
    }
}

fn notes(notes: &[String]) -> Markup {
    html! {
        @if !notes.is_empty() {
            section class="notes" {
                h2 { "Before reading the numbers" }
                ul { @for note in notes { li { (note) } } }
            }
        }
    }
}

fn plots(report: &Report) -> Markup {
    let curves = &report.evaluation.curves;
    html! {
        section {
            h2 { "Curves" }
            @if curves.det.is_empty() {
                p { "Curves need scored presentations of both classes." }
            }
            div class="figures" {
                (histogram::figure(report))
                (over_threshold::figure(report))
                (det::figure(report))
                (bars::figure(report))
            }
        }
    }
}

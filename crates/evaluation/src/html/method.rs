//! The methods of the report.

use maud::{Markup, html};

use super::format;
use crate::report::Report;

/// Definitions and sources, so that others can compute the numbers again.
pub(super) fn section(report: &Report) -> Markup {
    html! {
        section class="small" {
            h2 { "How this was computed" }
            ul {
                li { "A presentation is accepted if its score is at or above the threshold ("
                    (format::score(report.run.threshold)) "). Scores go from 0 (surely an attack) to 1 (surely a living "
                    "person)." }
                li { "APCER and BPCER are shares of the presentations with a score. The headline APCER is the greatest "
                    "of the types of attack. Attacks without a type are one type." }
                li { "APNRR and BPNRR are shares of all presentations. Failures (unreadable files, errors) are counted "
                    "apart. \u{201c}All attacks\u{201d} and \u{201c}all people\u{201d} are shares of all presentations: a "
                    "system cannot improve them by refusing to score." }
                li { "BPCER10, BPCER20 and BPCER100 are the least BPCER at which the APCER of every type is at most "
                    "10%, 5% and 1%." }
                li { "EER and AUC are those of all attacks together. EER is interpolated linearly on the ROC curve; "
                    "AUC counts ties half." }
                li { "Intervals are at 95%: of shares by Clopper and Pearson (exact binomial), of AUC by DeLong on the "
                    "log-odds (by Newcombe's method 5 where the classes are fully separated), of EER by 1000 seeded "
                    "draws of a stratified bootstrap, widened by Clopper and Pearson for as many errors of the "
                    "smaller class. All assume independent presentations. Several pictures of one person or of one "
                    "mask are not independent: the true intervals are then wider." }
                li { "These thresholds lie midway between neighbouring scores." }
                li { "This is an evaluation of the listed pictures in the terms of the standard. It is not a "
                    "conformity assessment by an accredited laboratory." }
            }
        }
    }
}

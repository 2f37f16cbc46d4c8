//! How everything was computed.

use maud::{Markup, html};

use super::format;
use crate::report::Report;

/// Definitions and sources, so that the numbers can be computed again by others.
pub(super) fn section(report: &Report) -> Markup {
    html! {
        section class="small" {
            h2 { "How this was computed" }
            ul {
                li { "A presentation is accepted if its score is at or above the threshold ("
                    (format::score(report.run.threshold)) "). Scores go from 0 (surely an attack) to 1 (surely a living "
                    "person)." }
                li { "APCER and BPCER are shares of the presentations that got a score; the headline APCER is the "
                    "greatest over the types of attack. Attacks without a type are one type of their own." }
                li { "APNRR and BPNRR are shares of all presentations. Failures (unreadable files, errors) are counted "
                    "apart. \u{201c}All attacks\u{201d} and \u{201c}all people\u{201d} are out of everybody presented, so that "
                    "refusing to answer improves nothing there." }
                li { "BPCER10, BPCER20 and BPCER100 are the least BPCER at which the APCER of every type is at most 10%, 5% "
                    "and 1%." }
                li { "EER and AUC are over all attacks together. EER is interpolated linearly on the ROC curve; AUC counts "
                    "ties half." }
                li { "Intervals are at 95%: of shares by Clopper and Pearson (exact binomial), of AUC by DeLong on the "
                    "log-odds (by Newcombe's method 5 where the classes are fully separated), of EER by 1000 seeded draws "
                    "of a stratified bootstrap, widened by Clopper and Pearson for as many errors of the smaller class. "
                    "All take presentations for independent: several pictures of one person, "
                    "or of one mask, make the truth wider." }
                li { "Thresholds named here lie midway between neighbouring scores." }
                li { "This is an evaluation of the pictures listed, made with the terms of the standard. It is not a "
                    "conformity assessment by an accredited laboratory." }
            }
        }
    }
}

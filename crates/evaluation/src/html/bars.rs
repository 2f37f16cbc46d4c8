//! The error of each type of attack with its interval.

use maud::{Markup, html};

use super::figure::{WIDTH, px, segment};
use super::format;
use crate::report::Report;
use crate::share::Share;

/// Maximum number of types drawn; the table has all.
const MOST: usize = 24;

const NAMES: f64 = 128.0;
const VALUES: f64 = 62.0;
const ROW: f64 = 26.0;

/// Possible ends of the axis.
const ENDS: [f64; 4] = [0.1, 0.2, 0.4, 1.0];

/// BPCER first, then APCER by type.
pub(super) fn figure(report: &Report) -> Markup {
    let evaluation = &report.evaluation;
    let types = evaluation.attack_types.iter().filter(|each| each.apcer.of > 0);
    let types = types.map(|each| ("attack", each.attack_type.as_str(), each.apcer));
    let live = (evaluation.bpcer.of > 0).then_some(("live", "living people", evaluation.bpcer));
    let rows: Vec<(&str, &str, Share)> = live.into_iter().chain(types).take(MOST + 1).collect();
    if rows.is_empty() {
        return html! {};
    }
    let height = rows.len() as f64 * ROW + 24.0;
    let furthest = rows.iter().map(|(_, _, share)| share.high).fold(0.0, f64::max);
    let end = ENDS.into_iter().find(|end| furthest <= *end).unwrap_or(1.0);
    let width = |share: f64| share / end * (WIDTH - NAMES - VALUES);
    let x = |share: f64| NAMES + width(share);
    let title = "Errors at the threshold, by type";
    html! {
        figure {
            h3 { (title) }
            svg viewBox={ "0 0 " (WIDTH) " " (height) } role="img" aria-label=(title) {
                @for tick in [0.0, 0.5, 1.0].map(|part| part * end) {
                    (segment("grid", (x(tick), 0.0), (x(tick), height - 20.0)))
                    text x=(px(x(tick))) y=(px(height - 5.0)) text-anchor="middle" {
                        (format!("{:.0}%", tick * 100.0))
                    }
                }
                @for (row, (class, name, share)) in rows.iter().enumerate() {
                    @let y = row as f64 * ROW;
                    @let value = share.share.unwrap_or(0.0);
                    @let (low, high) = (x(share.low), x(share.high));
                    text x=(px(NAMES - 6.0)) y=(px(y + 17.0)) text-anchor="end" {
                        title { (name) } (format::short(name, 17))
                    }
                    rect class=(class) x=(px(x(0.0))) y=(px(y + 5.0)) height=(px(ROW - 10.0))
                        width=(px(width(value))) {}
                    (segment("whisker", (low, y + 13.0), (high, y + 13.0)))
                    (segment("whisker", (low, y + 9.0), (low, y + 17.0)))
                    (segment("whisker", (high, y + 9.0), (high, y + 17.0)))
                    text x=(px(WIDTH - 2.0)) y=(px(y + 17.0)) text-anchor="end" {
                        (format::share(share.share))
                    }
                }
            }
            figcaption {
                "BPCER of living people and APCER of each type of attack. The whisker is the 95% interval. "
                "Fewer pictures make it wider."
                @if evaluation.attack_types.len() > MOST { " Only the first " (MOST) " types are drawn." }
            }
        }
    }
}

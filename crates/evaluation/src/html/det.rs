//! The detection error trade-off.

use maud::{Markup, html};
use statrs::distribution::{ContinuousCDF, Normal};

use super::figure::{Axis, Plot, px, segment};
use super::format;
use crate::report::Report;

/// Possible ticks.
const TICKS: [f64; 9] = [0.0001, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6];

/// The share at the far end of both axes. Worse thresholds are of no interest.
const WORST: f64 = 0.8;

/// BPCER over APCER on normal deviates (Martin and others, "The DET curve in assessment of
/// detection task performance", Eurospeech 1997).
pub(super) fn figure(report: &Report) -> Markup {
    let evaluation = &report.evaluation;
    let points = &evaluation.curves.det;
    if points.is_empty() {
        return html! {};
    }
    let normal = Normal::standard();
    let fewest = evaluation.live.scored.min(evaluation.attacks.scored).max(1) as f64;
    // One picture is the finest share.
    let best = TICKS.into_iter().rev().find(|tick| *tick <= 0.5 / fewest).unwrap_or(TICKS[0]);
    let deviate = |share: f64| normal.inverse_cdf(share.clamp(best, WORST));
    let axis = |title: &str| Axis {
        title: title.to_owned(),
        from: deviate(best),
        to: deviate(WORST),
        ticks: TICKS
            .into_iter()
            .filter(|tick| *tick >= best)
            .map(|tick| (deviate(tick), format!("{}%", tick * 100.0)))
            .collect(),
    };
    let plot = Plot { x: axis("APCER"), y: axis("BPCER") };
    // Points beyond the far end would lie on the edge.
    let shown = |apcer: f64, bpcer: f64| {
        (apcer <= WORST && bpcer <= WORST).then(|| (deviate(apcer), deviate(bpcer)))
    };
    let worst = plot.line(points.iter().filter_map(|point| shown(point.apcer, point.bpcer)));
    let all = plot.line(points.iter().filter_map(|point| shown(point.apcer_of_all, point.bpcer)));
    let used = evaluation.apcer.share.zip(evaluation.bpcer.share).and_then(|(a, b)| shown(a, b));
    let corner = |share: f64| (plot.x(deviate(share)), plot.y(deviate(share)));
    let drawing = html! {
        (segment("diagonal", corner(best), corner(WORST)))
        polyline class="line live dashed" points=(all) {}
        polyline class="line attack" points=(worst) {}
        @if let Some((x, y)) = used {
            circle class="used" cx=(px(plot.x(x))) cy=(px(plot.y(y))) r="5" {}
        }
    };
    let words = html! {
        "Each point is a threshold; points nearer to the lower left are better. Errors below "
        (format::percent(best)) " (0 among them) lie on the edge. The ring is the threshold used. "
        "Both errors are equal where a curve meets the dotted diagonal."
    };
    let legend = [("attack", "worst type of attack"), ("live dashed", "all attacks together")];
    plot.figure("Detection error trade-off (DET)", &drawing, &legend, &words)
}

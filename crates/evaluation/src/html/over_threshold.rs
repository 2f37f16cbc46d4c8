//! Both errors over the threshold.

use maud::{Markup, html};

use super::figure::{Axis, Plot, score_axis};
use crate::report::Report;

/// APCER falling and BPCER rising, with the threshold used and the named ones.
pub(super) fn figure(report: &Report) -> Markup {
    let points = &report.evaluation.curves.over_threshold;
    if points.is_empty() {
        return html! {};
    }
    let ticks = (0..=5).map(|tick| (f64::from(tick) / 5.0, format!("{}%", tick * 20))).collect();
    let y = Axis { title: "errors".to_owned(), from: 0.0, to: 1.0, ticks };
    let plot = Plot { x: score_axis("threshold"), y };
    let run = &report.run;
    let levels = run.levels.iter().filter(|level| level.threshold != run.threshold);
    let used = run.levels.iter().find(|level| level.threshold == run.threshold);
    let used = used.map_or("used".to_owned(), |level| format!("used ({})", level.name));
    let drawing = html! {
        polyline class="line attack" points=(plot.line(points.iter().map(|p| (p.threshold, p.apcer)))) {}
        polyline class="line live dashed" points=(plot.line(points.iter().map(|p| (p.threshold, p.bpcer)))) {}
        @for (row, level) in levels.enumerate() {
            (plot.upright("level", level.threshold, &super::format::short(&level.name, 16), (level.threshold < run.threshold, row % 4 + 1)))
        }
        (plot.upright("threshold", run.threshold, &used, (false, 0)))
    };
    let words = html! {
        "A higher threshold accepts fewer attacks and refuses more people. APCER is that of the worst type at each "
        "threshold."
    };
    let legend = [("attack", "APCER, worst type"), ("live dashed", "BPCER")];
    plot.figure("Errors over the threshold", &drawing, &legend, &words)
}

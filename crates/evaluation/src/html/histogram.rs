//! The histogram of scores.

use maud::{Markup, html};

use super::figure::{Axis, Plot, px, score_axis, segment};
use super::format;
use crate::curves::Bin;
use crate::report::Report;

/// Bona fide presentations upwards and attacks downwards, each as shares of its class.
pub(super) fn figure(report: &Report) -> Markup {
    let evaluation = &report.evaluation;
    let bins = &evaluation.curves.histogram;
    let (live, attacks) = (evaluation.live.scored, evaluation.attacks.scored);
    if live + attacks == 0 {
        return html! {};
    }
    let share = |count: u64, of: u64| if of == 0 { 0.0 } else { count as f64 / of as f64 };
    let up = |bin: &Bin| share(bin.live, live);
    let down = |bin: &Bin| share(bin.attacks, attacks);
    let top = bins.iter().flat_map(|bin| [up(bin), down(bin)]).fold(0.05, f64::max);
    let tick =
        [0.01, 0.02, 0.05, 0.1, 0.2, 0.5].into_iter().find(|tick| top / tick <= 4.0).unwrap_or(0.5);
    let reach = (top / tick).ceil();
    let ticks = (-(reach as i32)..=reach as i32).map(|at| f64::from(at) * tick);
    let ticks = ticks.map(|at| (at, format!("{:.0}%", at.abs() * 100.0))).collect();
    let y = Axis {
        title: "share of the class".to_owned(),
        from: -reach * tick,
        to: reach * tick,
        ticks,
    };
    let plot = Plot { x: score_axis("score"), y };
    let bar = |class: &str, bin: &Bin, height: f64| {
        let (from, to) = (plot.x(bin.from), plot.x(bin.to));
        let (zero, end) = (plot.y(0.0), plot.y(height));
        html! {
            @if height != 0.0 {
                rect class=(class) x=(px(from + 0.5)) width=(px(to - from - 1.0)) y=(px(zero.min(end)))
                    height=(px((zero - end).abs())) {}
            }
        }
    };
    let drawing = html! {
        @for bin in bins { (bar("live", bin, up(bin))) (bar("attack", bin, -down(bin))) }
        (segment("axis", (plot.x(0.0), plot.y(0.0)), (plot.x(1.0), plot.y(0.0))))
        (plot.upright("threshold", evaluation.threshold, "threshold", (false, 0)))
    };
    let words = html! {
        (live) " scored living people upwards, " (attacks) " scored attacks downwards. Living people left of "
        "the threshold (" (format::score(evaluation.threshold)) ") were refused. Attacks right of it were accepted."
    };
    plot.figure(
        "Scores of both classes",
        &drawing,
        &[("live", "living people"), ("attack", "attacks")],
        &words,
    )
}

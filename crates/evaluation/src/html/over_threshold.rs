//! Both errors at each threshold.

use maud::{Markup, html};

use super::figure::{Axis, Plot, score_axis};
use crate::report::{NamedThreshold, Report};

/// APCER and BPCER, with the threshold used and the named ones.
pub(super) fn figure(report: &Report) -> Markup {
    let points = &report.evaluation.curves.over_threshold;
    if points.is_empty() {
        return html! {};
    }
    let ticks = (0..=5).map(|tick| (f64::from(tick) / 5.0, format!("{}%", tick * 20))).collect();
    let y = Axis { title: "errors".to_owned(), from: 0.0, to: 1.0, ticks };
    let plot = Plot { x: score_axis("threshold"), y };
    let run = &report.run;
    let mut levels = named(&run.levels);
    let used = levels.iter().position(|(threshold, _)| *threshold == run.threshold);
    let used = used.map(|used| levels.remove(used).1);
    let used = used.map_or("used".to_owned(), |names| format!("used ({names})"));
    let drawing = html! {
        polyline class="line attack" points=(plot.line(points.iter().map(|p| (p.threshold, p.apcer)))) {}
        polyline class="line live dashed" points=(plot.line(points.iter().map(|p| (p.threshold, p.bpcer)))) {}
        @for (row, (threshold, names)) in levels.iter().enumerate() {
            (plot.upright("level", *threshold, &super::format::short(names, 40), (*threshold < run.threshold, row % 4 + 1)))
        }
        (plot.upright("threshold", run.threshold, &used, (false, 0)))
    };
    let words = html! {
        "A higher threshold accepts fewer attacks and refuses more people. APCER is the one of the worst type at "
        "each threshold."
    };
    let legend = [("attack", "APCER, worst type"), ("live dashed", "BPCER")];
    plot.figure("Errors over the threshold", &drawing, &legend, &words)
}

/// Each threshold once, with all its names: one label would cover the other.
fn named(levels: &[NamedThreshold]) -> Vec<(f64, String)> {
    let mut labels: Vec<(f64, String)> = Vec::new();
    for level in levels {
        match labels.iter_mut().find(|(threshold, _)| *threshold == level.threshold) {
            Some((_, names)) => names.extend([", ", &level.name]),
            None => labels.push((level.threshold, level.name.clone())),
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_with_one_threshold_share_a_label() {
        let level = |name: &str, threshold| NamedThreshold { name: name.to_owned(), threshold };
        let levels = [level("convenience", 0.5), level("standard", 0.5), level("hardened", 0.7)];
        let expected = [(0.5, "convenience, standard".to_owned()), (0.7, "hardened".to_owned())];
        assert_eq!(named(&levels), expected);
    }
}

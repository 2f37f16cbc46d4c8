//! The frame of all plots: axes, ticks, a title and a caption.

use maud::{Markup, html};

/// Size of a plot in its own units; the page scales it.
pub(super) const WIDTH: f64 = 480.0;
pub(super) const HEIGHT: f64 = 330.0;
pub(super) const LEFT: f64 = 52.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 46.0;

/// A linear axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// The quantity and its unit.
    pub title: String,
    /// The value at its beginning.
    pub from: f64,
    /// The value at its end.
    pub to: f64,
    /// Values, each with its label.
    pub ticks: Vec<(f64, String)>,
}

/// A plot between two axes.
pub(super) struct Plot {
    /// From left to right.
    pub x: Axis,
    /// From bottom to top.
    pub y: Axis,
}

impl Plot {
    /// The place of `value` on the page. Values beyond an axis are at its end.
    pub(super) fn x(&self, value: f64) -> f64 {
        on_axis(&self.x, value) * (WIDTH - LEFT - RIGHT) + LEFT
    }

    /// The same from bottom to top.
    pub(super) fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - on_axis(&self.y, value) * (HEIGHT - TOP - BOTTOM)
    }

    /// The `points` attribute of a polyline.
    pub(super) fn line(&self, points: impl IntoIterator<Item = (f64, f64)>) -> String {
        let points = points.into_iter().map(|(x, y)| format!("{:.1},{:.1}", self.x(x), self.y(y)));
        points.collect::<Vec<_>>().join(" ")
    }

    /// An upright line with a name above it, on its left side if `leftwards`. Names in different
    /// rows do not cover each other.
    pub(super) fn upright(
        &self,
        class: &str,
        value: f64,
        name: &str,
        (leftwards, row): (bool, usize),
    ) -> Markup {
        let x = self.x(value);
        let leftwards = x > WIDTH * 0.8 || (leftwards && x > WIDTH * 0.3);
        let top = TOP - 10.0 + 12.0 * row as f64;
        let (anchor, beside) = if leftwards { ("end", -3.0) } else { ("start", 3.0) };
        html! {
            (segment(class, (x, top - 8.0), (x, HEIGHT - BOTTOM)))
            text class="mark" x=(px(x + beside)) y=(px(top)) text-anchor=(anchor) { (name) }
        }
    }

    /// The whole figure: `drawing` on the axes, with `legend` and the caption `words` below.
    pub(super) fn figure(
        &self,
        title: &str,
        drawing: &Markup,
        legend: &[(&str, &str)],
        words: &Markup,
    ) -> Markup {
        html! {
            figure {
                h3 { (title) }
                svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(title) {
                    (self.axes())
                    (drawing)
                }
                @if !legend.is_empty() {
                    ul class="legend" { @for (class, name) in legend { li { i class=(class) {} (name) } } }
                }
                figcaption { (words) }
            }
        }
    }

    /// Both axes with their ticks and titles.
    pub(super) fn axes(&self) -> Markup {
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        let (middle_x, middle_y) = (px(f64::midpoint(LEFT, right)), px(f64::midpoint(TOP, bottom)));
        html! {
            @for (value, label) in &self.x.ticks {
                @let x = self.x(*value);
                (segment("grid", (x, TOP), (x, bottom)))
                text x=(px(x)) y=(px(bottom + 16.0)) text-anchor="middle" { (label) }
            }
            @for (value, label) in &self.y.ticks {
                @let y = self.y(*value);
                (segment("grid", (LEFT, y), (right, y)))
                text x=(px(LEFT - 6.0)) y=(px(y + 4.0)) text-anchor="end" { (label) }
            }
            (segment("axis", (LEFT, bottom), (right, bottom)))
            (segment("axis", (LEFT, TOP), (LEFT, bottom)))
            text x=(middle_x) y=(px(HEIGHT - 10.0)) text-anchor="middle" { (self.x.title) }
            text x="13" y=(middle_y) text-anchor="middle"
                transform={ "rotate(-90 13 " (middle_y) ")" } { (self.y.title) }
        }
    }
}

fn on_axis(axis: &Axis, value: f64) -> f64 {
    let part = (value - axis.from) / (axis.to - axis.from);
    if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.0 }
}

/// A straight line between two points on the page.
pub(super) fn segment(class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) -> Markup {
    html! { line class=(class) x1=(px(x1)) x2=(px(x2)) y1=(px(y1)) y2=(px(y2)) {} }
}

/// A length on the page.
pub(super) fn px(value: f64) -> String {
    format!("{value:.1}")
}

/// An axis of scores or thresholds from 0 to 1.
pub(super) fn score_axis(title: &str) -> Axis {
    let ticks = (0..=5).map(|tick| f64::from(tick) / 5.0).map(|at| (at, format!("{at:.1}")));
    Axis { title: title.to_owned(), from: 0.0, to: 1.0, ticks: ticks.collect() }
}

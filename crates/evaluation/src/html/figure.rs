//! The frame that the plots share: axes, ticks, a title and words that say the same.

use maud::{Markup, html};

/// Size of a plot in its own units; the page scales it to the width there is.
pub(super) const WIDTH: f64 = 480.0;
pub(super) const HEIGHT: f64 = 330.0;
pub(super) const LEFT: f64 = 52.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 46.0;

/// Where a value is: the ends of an axis, in values that grow evenly along it, and its ticks.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// What it shows.
    pub title: String,
    /// The value at its beginning.
    pub from: f64,
    /// The value at its end.
    pub to: f64,
    /// (where, what is written there).
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
    /// Where `value` is on the page; what is beyond an axis is at its end, so that drawing cannot run away.
    pub(super) fn x(&self, value: f64) -> f64 {
        on_axis(&self.x, value) * (WIDTH - LEFT - RIGHT) + LEFT
    }

    /// The same from bottom to top.
    pub(super) fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - on_axis(&self.y, value) * (HEIGHT - TOP - BOTTOM)
    }

    /// The points of a line.
    pub(super) fn line(&self, points: impl IntoIterator<Item = (f64, f64)>) -> String {
        let points = points.into_iter().map(|(x, y)| format!("{:.1},{:.1}", self.x(x), self.y(y)));
        points.collect::<Vec<_>>().join(" ")
    }

    /// An upright line with a name above it, on its left side if `leftwards`; `row` is how far down, so that names
    /// do not cover each other.
    pub(super) fn upright(
        &self,
        class: &str,
        value: f64,
        name: &str,
        (leftwards, row): (bool, usize),
    ) -> Markup {
        let x = self.x(value);
        let leftwards = x > WIDTH * 0.8 || (leftwards && x > WIDTH * 0.3);
        let (anchor, beside) = if leftwards { ("end", -3.0) } else { ("start", 3.0) };
        html! {
            line class=(class) x1=(px(x)) x2=(px(x)) y1=(px(TOP - 18.0 + 12.0 * row as f64)) y2=(px(HEIGHT - BOTTOM)) {}
            text class="mark" x=(px(x + beside)) y=(px(TOP - 10.0 + 12.0 * row as f64)) text-anchor=(anchor) { (name) }
        }
    }

    /// The whole figure: axes, `drawing` on them, and under it `legend` and `words`.
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

    /// Both axes, with their ticks and what they show.
    pub(super) fn axes(&self) -> Markup {
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        html! {
            @for (value, label) in &self.x.ticks {
                @let x = px(self.x(*value));
                line class="grid" x1=(x) x2=(x) y1=(px(TOP)) y2=(px(bottom)) {}
                text x=(x) y=(px(bottom + 16.0)) text-anchor="middle" { (label) }
            }
            @for (value, label) in &self.y.ticks {
                @let y = self.y(*value);
                line class="grid" x1=(px(LEFT)) x2=(px(right)) y1=(px(y)) y2=(px(y)) {}
                text x=(px(LEFT - 6.0)) y=(px(y + 4.0)) text-anchor="end" { (label) }
            }
            line class="axis" x1=(px(LEFT)) x2=(px(right)) y1=(px(bottom)) y2=(px(bottom)) {}
            line class="axis" x1=(px(LEFT)) x2=(px(LEFT)) y1=(px(TOP)) y2=(px(bottom)) {}
            text x=(px(f64::midpoint(LEFT, right))) y=(px(HEIGHT - 10.0)) text-anchor="middle" { (self.x.title) }
            text x="13" y=(px(f64::midpoint(TOP, bottom))) text-anchor="middle"
                transform={ "rotate(-90 13 " (px(f64::midpoint(TOP, bottom))) ")" } { (self.y.title) }
        }
    }
}

fn on_axis(axis: &Axis, value: f64) -> f64 {
    let part = (value - axis.from) / (axis.to - axis.from);
    if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.0 }
}

/// A length on the page.
pub(super) fn px(value: f64) -> String {
    format!("{value:.1}")
}

/// Scores and thresholds from 0 to 1.
pub(super) fn score_axis(title: &str) -> Axis {
    let ticks = (0..=5).map(|tick| f64::from(tick) / 5.0).map(|at| (at, format!("{at:.1}")));
    Axis { title: title.to_owned(), from: 0.0, to: 1.0, ticks: ticks.collect() }
}

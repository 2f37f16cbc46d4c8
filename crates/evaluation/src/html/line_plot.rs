//! A line plot as a file of its own.

use maud::{Markup, PreEscaped, html};

use super::figure::{Axis, HEIGHT, LEFT, Plot, WIDTH, px};

/// Height of the title above the axes, and of each row of the legend below them.
const TITLE_ROOM: f64 = 26.0;
const LEGEND_ROW: f64 = 17.0;
/// Space around the legend.
const LEGEND_MARGIN: f64 = 10.0;

/// Colours that people with any colour vision can distinguish (Okabe and Ito, "Color Universal
/// Design", 2008).
const COLOURS: [&str; 7] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000"];

const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#5a606b}text.title{font-size:14px;\
    font-weight:600;fill:#1b1d21}text.small{font-size:10.5px}text.mark{font-size:11px;fill:#1b1d21}\
    .grid{stroke:#dcdfe4}.axis{stroke:#5a606b}.line{fill:none;stroke-width:2;stroke-linejoin:round}\
    .dashed{stroke-dasharray:6 3}";

/// Lines between two axes, with a title, units and a legend.
#[derive(Debug, Clone, PartialEq)]
pub struct LinePlot {
    /// The heading.
    pub title: String,
    /// The setup, in smaller letters.
    pub subtitle: String,
    /// From left to right.
    pub x: Axis,
    /// From bottom to top.
    pub y: Axis,
    /// The lines, in the order of the legend.
    pub lines: Vec<Line>,
}

/// One line of a plot.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its name in the legend.
    pub name: String,
    /// Number of its colour.
    pub colour: usize,
    /// True for a dashed line.
    pub is_dashed: bool,
    /// Its points, in the order of drawing.
    pub points: Vec<Point>,
}

/// One point of a line.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// In values of the horizontal axis.
    pub x: f64,
    /// In values of the vertical axis.
    pub y: f64,
    /// Text beside the point; may be empty.
    pub mark: String,
}

impl LinePlot {
    /// The plot as an SVG file. It loads nothing, and every text is escaped.
    #[must_use]
    pub fn svg(&self) -> String {
        let plot = Plot { x: self.x.clone(), y: self.y.clone() };
        let height = TITLE_ROOM + HEIGHT + LEGEND_ROW * self.lines.len() as f64 + LEGEND_MARGIN;
        html! {
            svg xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (WIDTH) " " (height) }
                width=(2.0 * WIDTH) height=(2.0 * height) role="img" aria-label=(self.title) {
                title { (self.title) }
                style { (PreEscaped(STYLE)) }
                rect width=(WIDTH) height=(height) fill="#ffffff" {}
                text class="title" x=(LEFT) y="19" { (self.title) }
                text class="small" x=(LEFT) y="36" { (self.subtitle) }
                g transform={ "translate(0 " (TITLE_ROOM) ")" } {
                    (plot.axes())
                    @for line in &self.lines { (drawn(&plot, line)) }
                }
                @for (row, line) in self.lines.iter().enumerate() {
                    @let y = TITLE_ROOM + HEIGHT + LEGEND_MARGIN + LEGEND_ROW * row as f64;
                    line class=(class(line)) stroke=(colour(line)) x1=(px(LEFT)) x2=(px(LEFT + 26.0))
                        y1=(px(y)) y2=(px(y)) {}
                    text x=(px(LEFT + 34.0)) y=(px(y + 4.0)) { (line.name) }
                }
            }
        }
        .into_string()
    }
}

fn drawn(plot: &Plot, line: &Line) -> Markup {
    let points = plot.line(line.points.iter().map(|point| (point.x, point.y)));
    html! {
        polyline class=(class(line)) stroke=(colour(line)) points=(points) {}
        @for point in &line.points {
            @let (x, y) = (plot.x(point.x), plot.y(point.y));
            circle cx=(px(x)) cy=(px(y)) r="2.6" fill=(colour(line)) {}
            @if !point.mark.is_empty() {
                text class="mark" x=(px(x + 4.0)) y=(px(y + 13.0)) { (point.mark) }
            }
        }
    }
}

fn class(line: &Line) -> &'static str {
    if line.is_dashed { "line dashed" } else { "line" }
}

fn colour(line: &Line) -> &'static str {
    COLOURS[line.colour % COLOURS.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_drawn_and_escaped() {
        let axis = |title: &str| Axis {
            title: title.to_owned(),
            from: 0.0,
            to: 1.0,
            ticks: vec![(0.5, "half".to_owned())],
        };
        let point = |x: f64, y: f64| Point { x, y, mark: "<8>".to_owned() };
        let line = |is_dashed| Line {
            name: "a & b".to_owned(),
            // There are fewer colours.
            colour: 100,
            is_dashed,
            points: vec![point(0.0, 0.0), point(1.0, f64::NAN)],
        };
        let plot = LinePlot {
            title: "</svg>".to_owned(),
            subtitle: "of \"this\"".to_owned(),
            x: axis("x <1>"),
            y: axis("y <2>"),
            lines: vec![line(false), line(true)],
        };
        let svg = plot.svg();
        assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>"), "{svg}");
        assert_eq!(svg.matches("</svg>").count(), 1, "{svg}");
        for text in ["&lt;/svg&gt;", "x &lt;1&gt;", "y &lt;2&gt;", "half", "a &amp; b", "&lt;8&gt;"]
        {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        assert!(svg.contains("\"line dashed\"") && !svg.contains("NaN"), "{svg}");
    }
}

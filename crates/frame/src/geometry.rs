//! Points, boxes and sizes, in pixels of the upright picture. The origin is the top left corner,
//! `x` goes to the right and `y` down.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A place in a picture, in pixels. It may lie outside: a detector guesses where a cut-off ear is.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// Pixels from the left edge.
    pub x: f32,
    /// Pixels from the top edge.
    pub y: f32,
}

impl Point {
    /// The distance to `other`, pixels.
    #[must_use]
    pub fn distance(self, other: Self) -> f32 {
        (self.x - other.x).hypot(self.y - other.y)
    }
}

/// Width and height of a box, in pixels. Named as the Kairos contract names it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Delta {
    /// Width.
    pub x: f32,
    /// Height.
    pub y: f32,
}

/// An upright box: its top left corner, its width and its height, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Rect {
    /// The corner nearest the origin.
    pub top_left: Point,
    /// Width and height.
    pub delta: Delta,
}

impl Rect {
    /// A box from its corner and its size.
    #[must_use]
    pub fn new(x: f32, y: f32, width: f32, height: f32) -> Self {
        Self { top_left: Point { x, y }, delta: Delta { x: width, y: height } }
    }

    /// The same box where one pixel is `x` by `y` pixels.
    #[must_use]
    pub fn stretched(self, x: f32, y: f32) -> Self {
        let Self { top_left, delta } = self;
        Self::new(top_left.x * x, top_left.y * y, delta.x * x, delta.y * y)
    }

    /// True if all four numbers are finite and the box has an area. Every box that a model gives is
    /// checked with this before use.
    #[must_use]
    pub fn is_proper(&self) -> bool {
        let numbers = [self.top_left.x, self.top_left.y, self.delta.x, self.delta.y];
        numbers.iter().all(|n| n.is_finite()) && self.delta.x > 0.0 && self.delta.y > 0.0
    }

    /// The area, square pixels.
    #[must_use]
    pub fn area(&self) -> f32 {
        self.delta.x * self.delta.y
    }

    /// The shorter side, pixels.
    #[must_use]
    pub fn shorter_side(&self) -> f32 {
        self.delta.x.min(self.delta.y)
    }

    /// True if the middle of `other` lies in this box.
    #[must_use]
    pub fn contains_middle_of(&self, other: &Self) -> bool {
        let is_in = |start: f32, length: f32, at: f32| (start..=start + length).contains(&at);
        let (x, y) =
            (other.top_left.x + other.delta.x / 2.0, other.top_left.y + other.delta.y / 2.0);
        is_in(self.top_left.x, self.delta.x, x) && is_in(self.top_left.y, self.delta.y, y)
    }

    /// Intersection over union with `other`: 0 if they are apart, 1 if they are equal.
    #[must_use]
    pub fn iou(&self, other: &Self) -> f32 {
        let overlap = |a: f32, a_len: f32, b: f32, b_len: f32| {
            ((a + a_len).min(b + b_len) - a.max(b)).max(0.0)
        };
        let intersection = overlap(self.top_left.x, self.delta.x, other.top_left.x, other.delta.x)
            * overlap(self.top_left.y, self.delta.y, other.top_left.y, other.delta.y);
        let union = self.area() + other.area() - intersection;
        if union > 0.0 { (intersection / union).min(1.0) } else { 0.0 }
    }
}

/// Width and height in whole pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Size {
    /// Pixels from left to right.
    pub width: usize,
    /// Pixels from top to bottom.
    pub height: usize,
}

impl Size {
    /// A size from its two sides.
    #[must_use]
    pub const fn new(width: usize, height: usize) -> Self {
        Self { width, height }
    }

    /// The number of pixels.
    #[must_use]
    pub const fn area(self) -> usize {
        self.width * self.height
    }

    /// The longer side, pixels.
    #[must_use]
    pub fn longer_side(self) -> usize {
        self.width.max(self.height)
    }

    /// The shorter side, pixels.
    #[must_use]
    pub fn shorter_side(self) -> usize {
        self.width.min(self.height)
    }
}

/// A box of whole pixels inside a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PixelRect {
    /// First column.
    pub left: usize,
    /// First row.
    pub top: usize,
    /// Columns and rows.
    pub size: Size,
}

/// A part of a picture, in whole pixels. It may reach outside the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Columns from the left edge of the picture to the left edge of the part.
    pub left: i64,
    /// Rows from the top edge of the picture to the top edge of the part.
    pub top: i64,
    /// Its width and height.
    pub size: Size,
}

//! Pictures turned by quarters of a circle, and places in them turned back.

use crate::frame::Frame;
use crate::geometry::{Point, Rect, Size};

/// By how many quarters of a circle a picture is turned, clockwise as seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Turn {
    /// Not at all.
    #[default]
    None,
    /// By 90 degrees: what was at the top is at the right.
    Quarter,
    /// By 180 degrees.
    Half,
    /// By 270 degrees: what was at the top is at the left.
    ThreeQuarters,
}

impl Turn {
    /// Every turn but [`Turn::None`].
    pub const OTHERS: [Self; 3] = [Self::Quarter, Self::Half, Self::ThreeQuarters];

    /// The turn that makes up for this one.
    #[must_use]
    pub fn inverse(self) -> Self {
        match self {
            Self::None => Self::None,
            Self::Quarter => Self::ThreeQuarters,
            Self::Half => Self::Half,
            Self::ThreeQuarters => Self::Quarter,
        }
    }

    /// Degrees clockwise: 0, 90, 180 or 270.
    #[must_use]
    pub fn degrees(self) -> u16 {
        match self {
            Self::None => 0,
            Self::Quarter => 90,
            Self::Half => 180,
            Self::ThreeQuarters => 270,
        }
    }

    /// The size of a turned picture that was of `size`.
    #[must_use]
    pub fn size(self, size: Size) -> Size {
        match self {
            Self::None | Self::Half => size,
            Self::Quarter | Self::ThreeQuarters => Size::new(size.height, size.width),
        }
    }

    /// Where a place in the turned picture was before, in a picture that was of `size`.
    #[must_use]
    pub fn undo_point(self, size: Size, Point { x, y }: Point) -> Point {
        let (width, height) = (size.width as f32, size.height as f32);
        match self {
            Self::None => Point { x, y },
            Self::Quarter => Point { x: y, y: height - x },
            Self::Half => Point { x: width - x, y: height - y },
            Self::ThreeQuarters => Point { x: width - y, y: x },
        }
    }

    /// Where a box in the turned picture was before, in a picture that was of `size`.
    #[must_use]
    pub fn undo_rect(self, size: Size, rect: Rect) -> Rect {
        let Rect { top_left, delta } = rect;
        let opposite = Point { x: top_left.x + delta.x, y: top_left.y + delta.y };
        let (a, b) = (self.undo_point(size, top_left), self.undo_point(size, opposite));
        Rect::new(a.x.min(b.x), a.y.min(b.y), (a.x - b.x).abs(), (a.y - b.y).abs())
    }
}

impl Frame {
    /// A copy turned by `turn`.
    ///
    /// # Panics
    /// Never: it has as many pixels.
    #[must_use]
    pub fn turned(&self, turn: Turn) -> Frame {
        let from = self.size();
        let to = turn.size(from);
        let pixel = |x: usize, y: usize| &self.pixels()[3 * (y * from.width + x)..][..3];
        let mut pixels = Vec::with_capacity(self.pixels().len());
        for y in 0..to.height {
            for x in 0..to.width {
                pixels.extend_from_slice(match turn {
                    Turn::None => pixel(x, y),
                    Turn::Quarter => pixel(y, from.height - 1 - x),
                    Turn::Half => pixel(from.width - 1 - x, from.height - 1 - y),
                    Turn::ThreeQuarters => pixel(from.width - 1 - y, x),
                });
            }
        }
        Frame::from_rgb8(to, pixels).expect("as many pixels as before")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Three by two pixels, numbered.
    fn numbered() -> Frame {
        Frame::from_rgb8(Size::new(3, 2), (0..6).flat_map(|n| [n, n, n]).collect()).unwrap()
    }

    #[test]
    fn a_turn_is_clockwise() {
        let numbers = |turn| -> Vec<u8> {
            numbered().turned(turn).pixels().chunks_exact(3).map(|pixel| pixel[0]).collect()
        };
        assert_eq!(numbers(Turn::None), [0, 1, 2, 3, 4, 5]);
        assert_eq!(numbers(Turn::Quarter), [3, 0, 4, 1, 5, 2]);
        assert_eq!(numbers(Turn::Half), [5, 4, 3, 2, 1, 0]);
        assert_eq!(numbers(Turn::ThreeQuarters), [2, 5, 1, 4, 0, 3]);
        assert_eq!(numbered().turned(Turn::Quarter).size(), Size::new(2, 3));
    }

    #[test]
    fn a_pixel_found_in_a_turned_picture_is_found_again() {
        let original = numbered();
        for turn in [Turn::None, Turn::Quarter, Turn::Half, Turn::ThreeQuarters] {
            let turned = original.turned(turn);
            for (i, pixel) in turned.pixels().chunks_exact(3).enumerate() {
                let (x, y) = (i % turned.size().width, i / turned.size().width);
                let middle = Point { x: x as f32 + 0.5, y: y as f32 + 0.5 };
                let Point { x, y } = turn.undo_point(original.size(), middle);
                assert_eq!((y.floor() * 3.0 + x.floor()) as u8, pixel[0], "{turn:?}");
            }
        }
    }

    #[test]
    fn a_turn_and_its_inverse_are_none() {
        for turn in Turn::OTHERS {
            assert_eq!(numbered().turned(turn).turned(turn.inverse()), numbered());
        }
    }

    proptest! {
        #[test]
        fn a_box_keeps_its_area_and_stays_inside(
            width in 1_usize..5000, height in 1_usize..5000,
            x in 0.0_f32..0.9, y in 0.0_f32..0.9, w in 0.01_f32..0.1, h in 0.01_f32..0.1,
        ) {
            let size = Size::new(width, height);
            for turn in Turn::OTHERS {
                let turned = turn.size(size);
                let (tw, th) = (turned.width as f32, turned.height as f32);
                let rect = Rect::new(x * tw, y * th, w * tw, h * th);
                let back = turn.undo_rect(size, rect);
                prop_assert!((back.area() / rect.area() - 1.0).abs() < 0.05);
                prop_assert!(back.top_left.x >= -0.01 && back.top_left.y >= -0.01);
                prop_assert!(back.top_left.x + back.delta.x <= width as f32 + 0.01);
                prop_assert!(back.top_left.y + back.delta.y <= height as f32 + 0.01);
            }
        }
    }
}

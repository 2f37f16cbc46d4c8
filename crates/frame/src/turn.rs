//! Turns of pictures by quarters of a circle, and of places in them back again.

use crate::frame::Frame;
use crate::geometry::{Point, Rect, Size};
use crate::kept::fit;

/// A turn of a picture by quarters of a circle, clockwise as seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Turn {
    /// Not at all.
    #[default]
    None,
    /// By 90 degrees: the top becomes the right side.
    Quarter,
    /// By 180 degrees.
    Half,
    /// By 270 degrees: the top becomes the left side.
    ThreeQuarters,
}

impl Turn {
    /// Every turn but [`Turn::None`].
    pub const OTHERS: [Self; 3] = [Self::Quarter, Self::Half, Self::ThreeQuarters];

    /// The turn that undoes this one.
    #[must_use]
    pub fn inverse(self) -> Self {
        [Self::None, Self::ThreeQuarters, Self::Half, Self::Quarter][self as usize]
    }

    /// Degrees clockwise: 0, 90, 180 or 270.
    #[must_use]
    pub fn degrees(self) -> u16 {
        90 * self as u16
    }

    /// The size that a picture of `size` has after the turn.
    #[must_use]
    pub fn size(self, size: Size) -> Size {
        match self {
            Self::None | Self::Half => size,
            Self::Quarter | Self::ThreeQuarters => Size::new(size.height, size.width),
        }
    }

    /// Maps a place in the turned picture back to the picture before the turn, which has `size`.
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

    /// Maps a box in the turned picture back to the picture before the turn, which has `size`.
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
    #[must_use]
    pub fn turned(&self, turn: Turn) -> Frame {
        let mut turned = Frame::default();
        self.turn_into(turn, &mut turned);
        turned
    }

    /// Replaces `turned` with a copy turned by `turn`.
    ///
    /// # Panics
    /// Never: it has as many pixels.
    pub fn turn_into(&self, turn: Turn, turned: &mut Frame) {
        let mut pixels = std::mem::take(turned).into_pixels();
        turn_pixels(self.pixels(), self.size(), turn, false, &mut pixels);
        *turned =
            Frame::from_rgb8(turn.size(self.size()), pixels).expect("as many pixels as before");
    }
}

/// Side of the squares in which pixels are moved, pixels. A square and its copy take 6 kB, so both
/// stay in the nearest cache.
const TILE: usize = 32;

/// Writes the pixels of a picture of `size` into `to`, mirrored left to right if `is_mirrored`,
/// then turned.
pub(crate) fn turn_pixels(
    from: &[u8],
    size: Size,
    turn: Turn,
    is_mirrored: bool,
    to: &mut Vec<u8>,
) {
    let turned = turn.size(size);
    fit(to, 3 * turned.area());
    let (from, to) = (from.as_chunks::<3>().0, to.as_chunks_mut::<3>().0);
    // The index of the turned picture's first pixel, and the steps from a pixel to its right and
    // lower neighbours.
    let (width, height) = (size.width as isize, size.height as isize);
    let place =
        |x: isize, y: isize| if is_mirrored { y * width + width - 1 - x } else { y * width + x };
    let across = if is_mirrored { -1 } else { 1 };
    let (first, right, down) = match turn {
        Turn::None => (place(0, 0), across, width),
        Turn::Quarter => (place(0, height - 1), -width, across),
        Turn::Half => (place(width - 1, height - 1), -across, -width),
        Turn::ThreeQuarters => (place(width - 1, 0), width, -across),
    };
    for top in (0..turned.height).step_by(TILE) {
        for left in (0..turned.width).step_by(TILE) {
            for y in top..turned.height.min(top + TILE) {
                let end = turned.width.min(left + TILE);
                let row = &mut to[y * turned.width..][left..end];
                let mut at = first + y as isize * down + left as isize * right;
                for pixel in row {
                    *pixel = from[at as usize];
                    at += right;
                }
            }
        }
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
    fn a_place_in_a_turned_picture_maps_back_to_the_same_pixel() {
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
    fn a_turn_and_its_inverse_give_the_picture_back() {
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

//! The region around a face that a model was trained on.

use frame::{Part, PixelRect, Rect, Size};
use serde::{Deserialize, Serialize};

/// The region around a face box that a model sees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Crop {
    /// The box times `scale`, made smaller until it fits the picture, and moved inside. It keeps
    /// its shape. Source: `CropImage` of minivision-ai/Silent-Face-Anti-Spoofing.
    Shifted {
        /// Factor of the box's sides.
        scale: f32,
    },
    /// A square of the box's longer side times `scale` around its centre. Outside the picture the
    /// model sees it mirrored. Source: the training code of `MiniFAS` 128
    /// (VietAnh954/face-antispoof-onnx).
    SquareReflected {
        /// Factor of the box's longer side.
        scale: f32,
    },
}

/// A region in whole pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Region {
    /// Inside the picture.
    Inside(PixelRect),
    /// A square that may reach outside.
    Square(Part),
}

impl Region {
    /// The region as a box.
    pub(crate) fn rect(self) -> Rect {
        let (left, top, size) = match self {
            Self::Inside(PixelRect { left, top, size }) => (left as f32, top as f32, size),
            Self::Square(Part { left, top, size }) => (left as f32, top as f32, size),
        };
        Rect::new(left, top, size.width as f32, size.height as f32)
    }
}

impl Crop {
    /// The region of a picture of `size` around the box `face`, which is proper.
    pub(crate) fn region(self, size: Size, face: &Rect) -> Region {
        match self {
            Self::Shifted { scale } => {
                let (columns, rows, scale) = fitted(size, face, scale);
                let ((left, width), (top, height)) = (columns.span(scale), rows.span(scale));
                Region::Inside(PixelRect { left, top, size: Size::new(width, height) })
            }
            Self::SquareReflected { scale } => Region::Square(square(size, face, scale)),
        }
    }

    /// The factor of the box's sides in a picture of `size`: the scale, or less if the picture has
    /// no room for it.
    pub(crate) fn scale_within(self, size: Size, face: &Rect) -> f32 {
        match self {
            Self::Shifted { scale } => fitted(size, face, scale).2 as f32,
            Self::SquareReflected { scale } => scale,
        }
    }
}

/// The columns or the rows of a picture, and the box among them.
struct Side {
    last: f64,
    start: f64,
    length: f64,
}

/// The columns and rows of the picture, and the largest scale up to `scale` at which the box fits.
fn fitted(picture: Size, face: &Rect, scale: f32) -> (Side, Side, f64) {
    let Rect { top_left, delta } = face;
    let side = |pixels: usize, start: f32, length: f32| Side {
        last: (pixels - 1) as f64,
        start: f64::from(start),
        length: f64::from(length),
    };
    let columns = side(picture.width, top_left.x, delta.x);
    let rows = side(picture.height, top_left.y, delta.y);
    let scale = f64::from(scale).min(columns.last / columns.length).min(rows.last / rows.length);
    (columns, rows, scale)
}

impl Side {
    /// The first pixel and the number of pixels of the box times `scale`, moved inside.
    fn span(&self, scale: f64) -> (usize, usize) {
        let length = self.length * scale;
        let mut start = self.start + self.length / 2.0 - length / 2.0;
        let mut end = start + length;
        if start < 0.0 {
            (start, end) = (0.0, end - start);
        }
        if end > self.last {
            (start, end) = (start - (end - self.last), self.last);
        }
        // Rounding may leave either end slightly outside.
        let first = start.clamp(0.0, self.last) as usize;
        let last = end.clamp(0.0, self.last) as usize;
        (first, last - first.min(last) + 1)
    }
}

fn square(picture: Size, face: &Rect, scale: f32) -> Part {
    let (x, y) = (f64::from(face.top_left.x), f64::from(face.top_left.y));
    let (width, height) = (f64::from(face.delta.x), f64::from(face.delta.y));
    let side = width.max(height) * f64::from(scale);
    // A broken model's huge box must not ask for much memory.
    let pixels = (side as usize).clamp(1, 2 * picture.longer_side());
    Part {
        left: (x + width / 2.0 - side / 2.0) as i64,
        top: (y + height / 2.0 - side / 2.0) as i64,
        size: Size::new(pixels, pixels),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn inside(crop: Crop, size: Size, face: Rect) -> PixelRect {
        match crop.region(size, &face) {
            Region::Inside(rect) => rect,
            Region::Square(_) => panic!("a shifted crop reaches outside"),
        }
    }

    #[test]
    fn a_crop_that_fits_is_the_scaled_box() {
        let rect = inside(
            Crop::Shifted { scale: 2.0 },
            Size::new(1000, 1000),
            Rect::new(400.0, 300.0, 100.0, 200.0),
        );
        assert_eq!(rect, PixelRect { left: 350, top: 200, size: Size::new(201, 401) });
    }

    #[test]
    fn a_crop_at_the_edge_is_moved_inside_and_keeps_its_size() {
        let rect = inside(
            Crop::Shifted { scale: 2.0 },
            Size::new(1000, 1000),
            Rect::new(0.0, 850.0, 100.0, 100.0),
        );
        assert_eq!(rect, PixelRect { left: 0, top: 799, size: Size::new(201, 201) });
    }

    #[test]
    fn the_scale_is_reduced_until_the_crop_fits() {
        let size = Size::new(1000, 1000);
        let seen =
            |crop: Crop, side| crop.scale_within(size, &Rect::new(300.0, 300.0, side, 100.0));
        assert_eq!(seen(Crop::Shifted { scale: 2.7 }, 100.0), 2.7);
        assert_eq!(seen(Crop::Shifted { scale: 2.7 }, 500.0), 1.998);
        assert_eq!(seen(Crop::SquareReflected { scale: 1.5 }, 900.0), 1.5);
    }

    #[test]
    fn a_square_may_reach_outside_the_picture() {
        let region = Crop::SquareReflected { scale: 1.5 }
            .region(Size::new(100, 100), &Rect::new(-10.0, 60.0, 40.0, 60.0));
        assert_eq!(region, Region::Square(Part { left: -35, top: 45, size: Size::new(90, 90) }));
    }

    /// The Python reference cut these crops from pictures whose pixels hold their own place.
    #[test]
    fn crops_are_those_of_the_reference() {
        let lines = include_str!("../tests/data/crops.txt").lines().skip(1);
        let mut cases = 0;
        for line in lines {
            let fields: Vec<&str> = line.split(' ').collect();
            let number = |i: usize| fields[i].parse::<f32>().unwrap();
            let size = Size::new(number(1) as usize, number(2) as usize);
            let face = Rect::new(number(3), number(4), number(5), number(6));
            let scale = number(7);
            let place: Vec<i64> = fields[8..].iter().map(|field| field.parse().unwrap()).collect();
            let (left, top, columns, rows) = (place[0], place[1], place[2], place[3]);
            let region = match fields[0] {
                "shifted" => Crop::Shifted { scale }.region(size, &face),
                _ => Crop::SquareReflected { scale }.region(size, &face),
            };
            let found = match region {
                Region::Inside(PixelRect { left, top, size }) => {
                    (left as i64, top as i64, size.width as i64, size.height as i64)
                }
                Region::Square(Part { left, top, size }) => {
                    (left, top, size.width as i64, size.height as i64)
                }
            };
            assert_eq!(found, (left, top, columns, rows), "{line}");
            cases += 1;
        }
        assert_eq!(cases, 28);
    }

    proptest! {
        #[test]
        fn a_shifted_crop_never_leaves_the_picture(
            width in 1_usize..6000, height in 1_usize..6000, scale in 0.1_f32..8.0,
            x in -1e4_f32..1e4, y in -1e4_f32..1e4, w in 1e-3_f32..1e5, h in 1e-3_f32..1e5,
        ) {
            let size = Size::new(width, height);
            let rect = inside(Crop::Shifted { scale }, size, Rect::new(x, y, w, h));
            prop_assert!(rect.size.area() > 0);
            prop_assert!(rect.left + rect.size.width <= width);
            prop_assert!(rect.top + rect.size.height <= height);
        }

        #[test]
        fn a_square_crop_is_never_wider_than_two_pictures(
            width in 1_usize..6000, height in 1_usize..6000,
            x in -1e6_f32..1e6, w in 1e-3_f32..1e20,
        ) {
            let region = Crop::SquareReflected { scale: 1.5 }
                .region(Size::new(width, height), &Rect::new(x, x, w, w));
            let Region::Square(Part { size: square, .. }) = region else { panic!("a square") };
            prop_assert!(square.width == square.height && square.width >= 1);
            prop_assert!(square.width <= 2 * width.max(height));
        }
    }
}

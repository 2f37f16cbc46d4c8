//! Pictures at another size, where the result need not be OpenCV's: overviews and working copies.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use crate::frame::Frame;
use crate::geometry::Size;
use crate::kept::fit;

impl Frame {
    /// Replaces `binned` with the picture at one `factor`-th of its size. Each pixel is the mean of
    /// a square of `factor` by `factor` pixels, taken across, rounded, and taken down. Places in
    /// `binned` times `factor` are exactly the places in the picture, because incomplete squares at
    /// the right and at the bottom are left out.
    ///
    /// # Panics
    /// When `factor` is zero, or larger than a side of the picture.
    pub fn bin(&self, factor: usize, binned: &mut Frame) {
        let to = Size::new(self.size().width / factor, self.size().height / factor);
        let part = Size::new(to.width * factor, to.height * factor);
        self.scale_into(part, FilterType::Box, to, binned);
    }

    /// The picture with a longer side of `longer_side_px` and the same shape, by Lanczos' filter
    /// with a window of 3.
    ///
    /// # Panics
    /// When `longer_side_px` is zero.
    #[must_use]
    pub fn resized(&self, longer_side_px: usize) -> Frame {
        assert!(longer_side_px > 0, "a picture has pixels");
        let from = self.size();
        let scale = longer_side_px as f64 / from.longer_side() as f64;
        let scaled = |side: usize| ((side as f64 * scale).round() as usize).max(1);
        let mut resized = Frame::default();
        let to = Size::new(scaled(from.width), scaled(from.height));
        self.scale_into(from, FilterType::Lanczos3, to, &mut resized);
        resized
    }

    /// Replaces `scaled` with the upper left `part` of the picture, resized to `to`.
    fn scale_into(&self, part: Size, filter: FilterType, to: Size, scaled: &mut Frame) {
        const SIZES_FIT: &str = "a frame has three bytes a pixel";
        assert!(to.area() > 0, "{to:?} has pixels");
        let sides = |size: Size| (size.width as u32, size.height as u32);
        let ((from_width, from_height), (width, height)) = (sides(self.size()), sides(to));
        let mut pixels = std::mem::take(scaled).into_pixels();
        fit(&mut pixels, 3 * to.area());
        // Of one type of pixel: the compiler takes a minute for those of all types.
        let from = TypedImageRef::<U8x3>::from_buffer(from_width, from_height, self.pixels());
        let into = TypedImage::<U8x3>::from_buffer(width, height, &mut pixels);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).crop(
            0.0,
            0.0,
            part.width as f64,
            part.height as f64,
        );
        Resizer::new()
            .resize_typed(&from.expect(SIZES_FIT), &mut into.expect(SIZES_FIT), &options)
            .expect("the part lies in the picture");
        *scaled = Frame::from_rgb8(to, pixels).expect(SIZES_FIT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resized_picture_keeps_its_shape_and_its_colours() {
        let ramp = |size: Size| {
            let level =
                |i: usize| [(255 * (2 * (i % size.width) + 1) / (2 * size.width)) as u8, 90, 7];
            Frame::from_rgb8(size, (0..size.area()).flat_map(level).collect()).unwrap()
        };
        for (from, to, expected) in [
            (Size::new(160, 90), 80, Size::new(80, 45)),
            (Size::new(90, 160), 320, Size::new(180, 320)),
            (Size::new(1000, 1), 10, Size::new(10, 1)),
            (Size::new(160, 90), 160, Size::new(160, 90)),
        ] {
            let (resized, expected) = (ramp(from).resized(to), ramp(expected));
            assert_eq!(resized.size(), expected.size());
            let pairs = resized.pixels().iter().zip(expected.pixels());
            let sum: usize = pairs.map(|(a, b)| usize::from(a.abs_diff(*b))).sum();
            assert!(sum < 5 * resized.size().area(), "{from:?} to {to}: {sum}");
        }
    }

    #[test]
    fn a_pixel_is_the_mean_of_its_square_and_incomplete_squares_are_left_out() {
        let level = |x: usize, y: usize| (10 * x + y) as u8;
        let pixels = (0..4).flat_map(|y| (0..5).flat_map(move |x| [level(x, y), x as u8, 255]));
        let frame = Frame::from_rgb8(Size::new(5, 4), pixels.collect()).unwrap();
        let binned = |factor| {
            let mut binned = Frame::default();
            frame.bin(factor, &mut binned);
            binned
        };
        let halved = binned(2);
        assert_eq!(halved.size(), Size::new(2, 2));
        // (0 + 10 + 1 + 11) / 4 = 5.5, rounded up; (0 + 1 + 0 + 1) / 4 = 0.5, rounded up.
        assert_eq!(halved.pixels()[..6], [6, 1, 255, 26, 3, 255]);
        assert_eq!(binned(1).pixels(), frame.pixels());
        assert_eq!(binned(4).size(), Size::new(1, 1));
    }
}

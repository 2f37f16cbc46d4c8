//! The brightness of pictures, in full and at a smaller size. A small net and the measures of
//! sharpness and light use it.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{F32, InnerPixel};
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use crate::frame::View;
use crate::geometry::Size;
use crate::kept::{debug_without_buffers, fit};
use crate::vectorized::vectorized;

/// Weights of red, green and blue in luma (ITU-R BT.601: 0.299, 0.587, 0.114), in 65536ths.
const RED_GREEN_BLUE: [i32; 3] = [19_595, 38_470, 7_471];

/// Rows whose luma is held at a time. It bounds the memory that a face of 5000 pixels takes.
const BAND_ROWS: usize = 128;

impl View<'_> {
    /// Replaces `luma` with the luma of each pixel: rows from the top, 0 to 255, not rounded.
    pub fn luma_into(&self, luma: &mut Vec<f32>) {
        let Size { width, height } = self.size();
        fit(luma, self.size().area());
        for (y, out) in (0..height).zip(luma.chunks_exact_mut(width)) {
            luma_of_row(self.row(y), out);
        }
    }
}

vectorized! {
    fn luma_of_row<'a>(row: &'a [u8], out: &'a mut [f32]) {
        let [r, g, b] = RED_GREEN_BLUE;
        for (out, &[red, green, blue]) in out.iter_mut().zip(row.as_chunks().0) {
            let sum = r * i32::from(red) + g * i32::from(green) + b * i32::from(blue);
            // At most 24 bits, which single precision holds.
            *out = sum as f32 / 65_536.0;
        }
    }
}

/// Resizes luma. It keeps its buffers from call to call.
#[derive(Default)]
pub struct LumaSampler {
    resizer: Resizer,
    band: Vec<F32>,
    /// All rows, at the width of the result.
    narrow: Vec<F32>,
    out: Vec<F32>,
}

debug_without_buffers!(LumaSampler,);

impl LumaSampler {
    /// Overwrites the buffers.
    pub fn clear(&mut self) {
        for values in [&mut self.band, &mut self.narrow, &mut self.out] {
            values.fill(F32::default());
        }
        self.resizer.reset_internal_buffers();
    }

    /// The luma of `view` at the size `to`: rows from the top, not rounded. It is resized by the
    /// Catmull-Rom filter, which may overshoot 0 and 255 at an edge by a few levels. The slice
    /// lives until the next call.
    ///
    /// # Panics
    /// When either size has no pixels.
    pub fn sample(&mut self, view: View<'_>, to: Size) -> &[f32] {
        let Self { resizer, band, narrow, out } = self;
        let from = view.size();
        assert!(from.area() > 0 && to.area() > 0, "{from:?} to {to:?}");
        fit(narrow, to.width * from.height);
        fit(out, to.area());
        for (i, narrow) in narrow.chunks_mut(to.width * BAND_ROWS).enumerate() {
            let rows = Size::new(from.width, narrow.len() / to.width);
            fit(band, rows.area());
            for (y, out) in (i * BAND_ROWS..).zip(band.chunks_exact_mut(from.width)) {
                luma_of_row(view.row(y), F32::components_mut(out));
            }
            resize(resizer, (band, rows), (narrow, Size::new(to.width, rows.height)));
        }
        resize(resizer, (narrow, Size::new(to.width, from.height)), (out, to));
        F32::components(out)
    }
}

/// Resizes the first picture into the second.
///
/// Of this library's filters, Catmull-Rom's gave the sharpness of one face at several resolutions
/// the least spread (docs/EVALUATION.md).
fn resize(resizer: &mut Resizer, from: (&[F32], Size), to: (&mut [F32], Size)) {
    const SIZES_FIT: &str = "there are as many pixels as the size says";
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom));
    let sides = |size: Size| (size.width as u32, size.height as u32);
    let ((from, from_size), (to, to_size)) = (from, to);
    let ((from_width, from_height), (width, height)) = (sides(from_size), sides(to_size));
    let from = TypedImageRef::new(from_width, from_height, from).expect(SIZES_FIT);
    let mut to = TypedImage::from_pixels_slice(width, height, to).expect(SIZES_FIT);
    resizer.resize_typed(&from, &mut to, &options).expect("both have one value a pixel");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::frame::Frame;

    #[test]
    fn luma_has_the_weights_of_bt_601() {
        let pixels = vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255];
        let frame = Frame::from_rgb8(Size::new(4, 1), pixels).unwrap();
        let (mut luma, mut sampler) = (Vec::new(), LumaSampler::default());
        frame.view().luma_into(&mut luma);
        for (found, expected) in luma.iter().zip([76.245, 149.685, 29.07, 255.0]) {
            assert!((*found - expected).abs() < 2e-3, "{found} {expected}");
        }
        assert_eq!(sampler.sample(frame.view(), frame.size()), luma);
    }

    #[test]
    fn rows_of_several_bands_are_resized_as_one_picture() {
        let size = Size::new(3, 2 * BAND_ROWS + 50);
        let level = |i: usize| (i / size.width * 255 / size.height) as u8;
        let pixels = (0..size.area()).flat_map(|i| [level(i); 3]).collect();
        let frame = Frame::from_rgb8(size, pixels).unwrap();
        let mut sampler = LumaSampler::default();
        let found = sampler.sample(frame.view(), Size::new(1, 17));
        // A ramp stays one, except for its ends. Levels are rounded down, on average by a half.
        let step = 255.0 / size.height as f32;
        for (i, luma) in found.iter().enumerate().take(16).skip(1) {
            let middle = (i as f32 + 0.5) * size.height as f32 / 17.0 - 0.5;
            assert!((luma - (middle * step - 0.5)).abs() < 0.5, "{i}: {luma} {middle}");
        }
    }

    proptest! {
        #[test]
        fn a_flat_picture_stays_flat(
            width in 1_usize..90, height in 1_usize..300, to_width in 1_usize..40,
            to_height in 1_usize..40,
        ) {
            let size = Size::new(width, height);
            let frame = Frame::from_rgb8(size, vec![77; 3 * size.area()]).unwrap();
            let (mut sampler, to) = (LumaSampler::default(), Size::new(to_width, to_height));
            let found = sampler.sample(frame.view(), to);
            prop_assert_eq!(found.len(), to.area());
            prop_assert!(found.iter().all(|luma| (luma - 77.0).abs() < 1e-3));
        }
    }
}

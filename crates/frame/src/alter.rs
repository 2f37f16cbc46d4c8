//! Pictures altered on purpose: blurred, compressed; `scale.rs` makes them smaller and larger. An
//! evaluation measures with them how a score changes. The service never alters a picture.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use crate::frame::Frame;
use crate::geometry::Size;

/// The frame cannot be written as a JPEG: a side has more than 65535 pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a picture of {}x{} px cannot be written as a JPEG", size.width, size.height)]
pub struct EncodeJpegError {
    /// The frame's size.
    pub size: Size,
}

/// Reach of a Gaussian, in standard deviations. 0.3% of it lies outside.
const REACH_SIGMAS: f32 = 3.0;

impl Frame {
    /// The picture as a baseline JPEG with chroma at half size and no metadata. `quality` (1 to
    /// 100) is on libjpeg's scale, with the tables of T.81, annex K.
    ///
    /// # Errors
    /// When a side has more than 65535 pixels, the maximum of JPEG.
    pub fn encode_jpeg(&self, quality: u8) -> Result<Vec<u8>, EncodeJpegError> {
        let size = self.size();
        let fit = |pixels: usize| u16::try_from(pixels).map_err(|_| EncodeJpegError { size });
        let (width, height) = (fit(size.width)?, fit(size.height)?);
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, quality.clamp(1, 100));
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        encoder
            .encode(self.pixels(), width, height, ColorType::Rgb)
            .map_err(|_| EncodeJpegError { size })?;
        Ok(file)
    }

    /// The picture blurred with a Gaussian of `sigma_px` standard deviation, mirrored at its
    /// borders.
    ///
    /// # Panics
    /// When `sigma_px` is not above zero.
    #[must_use]
    pub fn blurred(&self, sigma_px: f32) -> Frame {
        assert!(sigma_px > 0.0, "a Gaussian's width is above 0, not {sigma_px}");
        let size = self.size();
        let weights = gaussian(sigma_px);
        let reach = weights.len() / 2;
        // One row at a time: down the columns with mirrored ends, then along the row.
        let mut column_sums = vec![0.0_f32; 3 * (size.width + 2 * reach)];
        let mut sums = vec![0.0_f32; 3 * size.width];
        let mut pixels = Vec::with_capacity(3 * size.area());
        for y in 0..size.height {
            let inside = 3 * reach..3 * (reach + size.width);
            column_sums[inside.clone()].fill(0.0);
            for (i, &weight) in weights.iter().enumerate() {
                let row = mirrored(y as i64 + i as i64 - reach as i64, size.height);
                let row = &self.pixels()[3 * size.width * row..][..3 * size.width];
                for (sum, &value) in column_sums[inside.clone()].iter_mut().zip(row) {
                    *sum += weight * f32::from(value);
                }
            }
            for i in (0..reach).chain(reach + size.width..size.width + 2 * reach) {
                let from = reach + mirrored(i as i64 - reach as i64, size.width);
                column_sums.copy_within(3 * from..3 * from + 3, 3 * i);
            }
            sums.fill(0.0);
            for (i, &weight) in weights.iter().enumerate() {
                for (sum, &value) in sums.iter_mut().zip(&column_sums[3 * i..]) {
                    *sum += weight * value;
                }
            }
            pixels.extend(sums.iter().map(|sum| sum.round().clamp(0.0, 255.0) as u8));
        }
        Frame::from_rgb8(size, pixels).expect("every row was filled")
    }
}

/// The weights of an odd number of pixels; they add up to 1.
fn gaussian(sigma_px: f32) -> Vec<f32> {
    let reach = (sigma_px * REACH_SIGMAS).ceil().max(1.0) as i32;
    let weight = |i: i32| (-0.5 * (i as f32 / sigma_px).powi(2)).exp();
    let sum: f32 = (-reach..=reach).map(weight).sum();
    (-reach..=reach).map(|i| weight(i) / sum).collect()
}

/// Maps `i` into `0..len` by mirroring, with edge pixels repeated.
fn mirrored(i: i64, len: usize) -> usize {
    let i = i.rem_euclid(2 * len as i64) as usize;
    i.min(2 * len - 1 - i)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::decode;
    use crate::limits::Limits;

    fn scene(size: Size) -> Frame {
        let pixel = |i: usize| {
            let (x, y) = (i % size.width, i / size.width);
            [(255 * x / size.width) as u8, (255 * y / size.height) as u8, ((x ^ y) & 31) as u8]
        };
        Frame::from_rgb8(size, (0..size.area()).flat_map(pixel).collect()).unwrap()
    }

    fn distance(a: &Frame, b: &Frame) -> f64 {
        assert_eq!(a.size(), b.size());
        let pairs = a.pixels().iter().zip(b.pixels());
        let sum: u64 = pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        sum as f64 / a.pixels().len() as f64
    }

    #[test]
    fn a_lower_quality_makes_a_jpeg_smaller_and_less_exact() {
        let scene = scene(Size::new(161, 90));
        let decoded = |quality| {
            let file = scene.encode_jpeg(quality).unwrap();
            (file.len(), distance(&scene, &decode(&file, &Limits::default()).unwrap()))
        };
        let [coarse, middle, fine] = [50, 75, 90].map(decoded);
        assert!(coarse.0 < middle.0 && middle.0 < fine.0, "{coarse:?} {middle:?} {fine:?}");
        assert!(coarse.1 > middle.1 && middle.1 > fine.1, "{coarse:?} {middle:?} {fine:?}");
        assert!(fine.1 < 5.0, "{fine:?}");
    }

    #[test]
    fn a_frame_of_more_than_65535_pixels_a_side_cannot_be_a_jpeg() {
        let size = Size::new(65_536, 1);
        let frame = Frame::from_rgb8(size, vec![0; 3 * size.area()]).unwrap();
        assert_eq!(frame.encode_jpeg(90), Err(EncodeJpegError { size }));
    }

    #[test]
    fn blur_keeps_an_even_picture_and_spreads_a_dot() {
        let size = Size::new(40, 30);
        let even = Frame::from_rgb8(size, vec![77; 3 * size.area()]).unwrap();
        assert_eq!(even.blurred(2.5), even);
        // A Gaussian wider than the picture meets its mirrored copies.
        assert_eq!(even.blurred(60.0), even);

        let mut dot = vec![0; 3 * size.area()];
        dot[3 * (15 * 40 + 20) + 1] = 255;
        let spread = Frame::from_rgb8(size, dot).unwrap().blurred(1.0);
        let green = |x: usize, y: usize| f64::from(spread.pixels()[3 * (y * 40 + x) + 1]);
        // 255 / (2 pi) at the centre, exp(-1/2) of that one pixel away.
        assert!((green(20, 15) - 40.6).abs() <= 1.0, "{}", green(20, 15));
        for (x, y) in [(19, 15), (21, 15), (20, 14), (20, 16)] {
            assert!((green(x, y) - 24.6).abs() <= 1.0, "{}", green(x, y));
        }
        assert!(spread.pixels().chunks(3).all(|pixel| pixel[0] == 0 && pixel[2] == 0));
    }
}

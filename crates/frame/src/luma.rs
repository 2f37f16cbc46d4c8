//! The brightness of a part of a picture, at a smaller size. Small nets and measures of sharpness
//! use it.

use crate::frame::{Frame, reflect_101};
use crate::geometry::{Part, Size};
use crate::kept::{blank, debug_without_buffers, fit};
use crate::resample::{Filter, Resampler};

/// Weights of red, green and blue in luma (ITU-R BT.601: 0.299, 0.587, 0.114), in 65536ths.
const RED_GREEN_BLUE: [i32; 3] = [19_595, 38_470, 7_471];

/// The luma of a pixel, 0 to 255.
fn luma([red, green, blue]: [u8; 3]) -> f32 {
    let [r, g, b] = RED_GREEN_BLUE;
    let sum = r * i32::from(red) + g * i32::from(green) + b * i32::from(blue);
    // At most 24 bits, which single precision holds.
    sum as f32 / 65_536.0
}

/// Averages luma over areas. It keeps its buffers from call to call.
#[derive(Default)]
pub struct LumaSampler {
    columns: Vec<Span>,
    /// A row of the part.
    row: Vec<f32>,
    /// Weighted sum of the rows under one row of the result.
    sum: Vec<f32>,
    out: Vec<f32>,
    /// A copy of the part, for parts that grow.
    copy: Frame,
    resampler: Resampler,
}

debug_without_buffers!(LumaSampler,);

impl LumaSampler {
    /// Overwrites the buffers.
    pub fn clear(&mut self) {
        for values in [&mut self.row, &mut self.sum, &mut self.out] {
            values.fill(0.0);
        }
        self.copy.clear();
        self.resampler.clear();
    }

    /// The luma of `part` of `frame` at the size `to`: rows from the top, 0 to 255, not rounded.
    /// Each pixel is the mean over the area that it covers. A part that grows in height is resized
    /// with [`Filter::AreaOrLanczos4`] instead. Outside, the picture is mirrored about its edge
    /// pixels, which are not repeated. The slice lives until the next call.
    ///
    /// # Panics
    /// When either size has no pixels.
    pub fn sample(&mut self, frame: &Frame, part: Part, to: Size) -> &mut [f32] {
        let Part { left, top, size } = part;
        assert!(size.area() > 0 && to.area() > 0, "{size:?} to {to:?}");
        blank(&mut self.out, 0);
        if size.height < to.height {
            frame.copy_reflected(part, &mut self.copy);
            let view = self.resampler.resample(self.copy.view(), to, Filter::AreaOrLanczos4);
            for y in 0..to.height {
                self.out.extend(view.row(y).as_chunks().0.iter().copied().map(luma));
            }
            return &mut self.out;
        }
        let Self { columns, row, sum, out, .. } = self;
        columns.clear();
        columns.extend((0..to.width).map(|x| Span::under(x, size.width, to.width)));
        fit(row, size.width);
        fit(sum, size.width);
        let mut in_row = None;
        for y in 0..to.height {
            sum.fill(0.0);
            for (source, share) in Span::under(y, size.height, to.height).shares() {
                if in_row != Some(source) {
                    in_row = Some(source);
                    let source = reflect_101(top + source as i64, frame.size().height);
                    read_row(frame.view().row(source).as_chunks().0, left, row);
                }
                for (sum, luma) in sum.iter_mut().zip(&*row) {
                    *sum += share * luma;
                }
            }
            out.extend(columns.iter().map(|column| column.mean(sum)));
        }
        out
    }
}

/// The source positions under an output position, and the share of each in the mean.
#[derive(Debug, Clone, Copy)]
struct Span {
    first: usize,
    /// The position behind the last.
    end: usize,
    share_of_first: f32,
    share_of_last: f32,
    share_between: f32,
}

impl Span {
    /// The positions under output position `i` when `from` positions become `to`.
    fn under(i: usize, from: usize, to: usize) -> Self {
        let scale = from as f64 / to as f64;
        let (start, stop) = (i as f64 * scale, ((i + 1) as f64 * scale).min(from as f64));
        let first = (start.floor() as usize).min(from - 1);
        let end = (stop.ceil() as usize).clamp(first + 1, from);
        let length = stop - start;
        let share = |source: usize| {
            let covered = stop.min((source + 1) as f64) - start.max(source as f64);
            (covered / length) as f32
        };
        let (share_of_first, share_of_last) = (share(first), share(end - 1));
        Self { first, end, share_of_first, share_of_last, share_between: (1.0 / length) as f32 }
    }

    fn shares(self) -> impl Iterator<Item = (usize, f32)> {
        (self.first..self.end).map(move |source| {
            let share = if source == self.first {
                self.share_of_first
            } else if source + 1 == self.end {
                self.share_of_last
            } else {
                self.share_between
            };
            (source, share)
        })
    }

    /// The mean of `values` at these positions.
    fn mean(self, values: &[f32]) -> f32 {
        match &values[self.first..self.end] {
            [only] => self.share_of_first * only,
            [first, between @ .., last] => {
                self.share_of_first * first
                    + self.share_between * between.iter().sum::<f32>()
                    + self.share_of_last * last
            }
            [] => 0.0,
        }
    }
}

/// Writes the luma of a row into `out`, from column `left` on, which may lie outside.
fn read_row(row: &[[u8; 3]], left: i64, out: &mut [f32]) {
    let inside = usize::try_from(left).ok().and_then(|left| row.get(left..left + out.len()));
    match inside {
        Some(pixels) => {
            for (out, &pixel) in out.iter_mut().zip(pixels) {
                *out = luma(pixel);
            }
        }
        None => {
            for (i, out) in out.iter_mut().enumerate() {
                *out = luma(row[reflect_101(left + i as i64, row.len())]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part(left: i64, top: i64, width: usize, height: usize) -> Part {
        Part { left, top, size: Size::new(width, height) }
    }

    /// A frame whose neighbouring pixels differ.
    fn grays(width: usize, height: usize) -> Frame {
        let pixels = (0..width * height).flat_map(|i| [(i * 7 % 251) as u8; 3]).collect();
        Frame::from_rgb8(Size::new(width, height), pixels).unwrap()
    }

    #[test]
    fn luma_has_the_weights_of_bt_601() {
        let pixels = vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255];
        let frame = Frame::from_rgb8(Size::new(4, 1), pixels).unwrap();
        let mut sampler = LumaSampler::default();
        let found = sampler.sample(&frame, part(0, 0, 4, 1), Size::new(4, 1));
        for (found, expected) in found.iter().zip([76.245, 149.685, 29.07, 255.0]) {
            assert!((*found - expected).abs() < 2e-3, "{found} {expected}");
        }
    }

    #[test]
    fn a_pixel_is_the_mean_of_the_area_under_it() {
        let frame = grays(3, 2);
        let level = |i: usize| (i * 7 % 251) as f32;
        let mut sampler = LumaSampler::default();
        let found = sampler.sample(&frame, part(0, 0, 3, 2), Size::new(2, 1)).to_vec();
        let mean = |a: usize, half: usize| {
            (level(a) + level(a + 3) + 0.5 * (level(half) + level(half + 3))) / 3.0
        };
        assert!((found[0] - mean(0, 1)).abs() < 1e-3 && (found[1] - mean(2, 1)).abs() < 1e-3);
    }

    #[test]
    fn outside_the_picture_is_mirrored() {
        let frame = grays(5, 4);
        let mut square = Frame::default();
        frame.copy_reflected(part(-3, -2, 11, 11), &mut square);
        let mut sampler = LumaSampler::default();
        let size = Size::new(11, 11);
        let of_copy = sampler.sample(&square, part(0, 0, 11, 11), size).to_vec();
        assert_eq!(sampler.sample(&frame, part(-3, -2, 11, 11), size), of_copy);
    }

    proptest! {
        #[test]
        fn a_flat_picture_stays_flat_and_a_mean_stays_a_mean(
            width in 1_usize..90, height in 1_usize..90, to_width in 1_usize..40,
            to_height in 1_usize..40, left in -60_i64..60, top in -60_i64..60,
        ) {
            let frame = Frame::from_rgb8(Size::new(31, 17), vec![77; 3 * 31 * 17]).unwrap();
            let mut sampler = LumaSampler::default();
            let (part, to) = (part(left, top, width, height), Size::new(to_width, to_height));
            let found = sampler.sample(&frame, part, to);
            prop_assert_eq!(found.len(), to.area());
            prop_assert!(found.iter().all(|luma| (luma - 77.0).abs() < 1e-3));
        }
    }
}

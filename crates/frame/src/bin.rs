//! Reduction of a picture by whole factors.

use crate::frame::{Frame, View};
use crate::geometry::Size;
use crate::kept::fit;

impl View<'_> {
    /// Replaces `binned` with the picture at one `factor`-th of its size. Each pixel is the mean of
    /// a square of `factor` by `factor` pixels. Places in `binned` times `factor` are exactly the
    /// places in the picture, because incomplete squares at the right and at the bottom are left
    /// out.
    ///
    /// # Panics
    /// When `factor` is zero, above 255, or larger than a side of the picture.
    pub fn bin(&self, factor: usize, binned: &mut Frame) {
        let from = self.size();
        let to = Size::new(from.width / factor, from.height / factor);
        assert!(factor < 256 && to.area() > 0, "{from:?} by {factor}");
        let count = u32::try_from(factor * factor).expect("at most 65025");
        let mut sums = vec![0_u32; 3 * to.width];
        let mut pixels = std::mem::take(binned).into_pixels();
        fit(&mut pixels, 3 * to.area());
        for (band, means) in pixels.chunks_exact_mut(3 * to.width).enumerate() {
            sums.fill(0);
            for y in band * factor..(band + 1) * factor {
                let squares = self.row(y).chunks_exact(3 * factor);
                for (sum, square) in sums.chunks_exact_mut(3).zip(squares) {
                    for pixel in square.chunks_exact(3) {
                        sum[0] += u32::from(pixel[0]);
                        sum[1] += u32::from(pixel[1]);
                        sum[2] += u32::from(pixel[2]);
                    }
                }
            }
            for (mean, sum) in means.iter_mut().zip(&sums) {
                *mean = ((sum + count / 2) / count) as u8;
            }
        }
        *binned = Frame::from_rgb8(to, pixels).expect("a pixel was made for each place");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pixel_is_the_mean_of_its_square_and_incomplete_squares_are_left_out() {
        let level = |x: usize, y: usize| (10 * x + y) as u8;
        let pixels = (0..4).flat_map(|y| (0..5).flat_map(move |x| [level(x, y), x as u8, 255]));
        let frame = Frame::from_rgb8(Size::new(5, 4), pixels.collect()).unwrap();
        let binned = |factor| {
            let mut binned = Frame::default();
            frame.view().bin(factor, &mut binned);
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

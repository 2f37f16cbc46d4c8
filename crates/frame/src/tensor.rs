//! Pixels to the numbers of a model's input.

use serde::{Deserialize, Serialize};

use crate::frame::View;
use crate::geometry::Size;
use crate::kept::fit;
use crate::vectorized::vectorized;

/// The order of the three colour planes of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channels {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red: OpenCV's order, which many models were trained with.
    Bgr,
}

/// The conversion of 8-bit pixels to tensor values: `(pixel * scale - mean) / std`, one plane per
/// channel (NCHW).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorSpec {
    /// The order of the planes.
    pub channels: Channels,
    /// Factor of the pixel.
    #[serde(default = "default_scale")]
    pub scale: f32,
    /// Subtracted next; one number for each plane, in the order of the planes.
    #[serde(default)]
    pub mean: [f32; 3],
    /// Divisor; one number for each plane.
    #[serde(default = "default_std")]
    pub std: [f32; 3],
}

fn default_scale() -> f32 {
    1.0
}

fn default_std() -> [f32; 3] {
    [1.0; 3]
}

impl TensorSpec {
    /// Writes `view` into the top left corner of a tensor of `canvas` pixels. The rest of the
    /// canvas is black (pixel 0, before the formula).
    ///
    /// `tensor` is resized to `3 * canvas.area()` and keeps its capacity from call to call.
    ///
    /// # Panics
    /// When `view` is larger than `canvas`.
    pub fn fill(&self, view: View<'_>, canvas: Size, tensor: &mut Vec<f32>) {
        let size = view.size();
        self.blank(size, canvas, tensor);
        for y in 0..size.height {
            for channel in 0..3 {
                let (row, formula) = self.row(y, channel, size.width, canvas, tensor);
                fill_from_pixels(channel, view.row(y), formula, row);
            }
        }
    }

    /// Resizes `tensor` to `canvas` pixels, black where a picture of `size` will not cover it.
    pub(crate) fn blank(&self, size: Size, canvas: Size, tensor: &mut Vec<f32>) {
        assert!(
            size.width <= canvas.width && size.height <= canvas.height,
            "{size:?} in {canvas:?}"
        );
        fit(tensor, 3 * canvas.area());
        for (plane, out) in tensor.chunks_exact_mut(canvas.area()).enumerate() {
            let black = self.formula(plane).value(0);
            for (y, row) in out.chunks_exact_mut(canvas.width).enumerate() {
                row[if y < size.height { size.width } else { 0 }..].fill(black);
            }
        }
    }

    /// Writes row `y`. `line` has its red values, then its green ones, then its blue ones.
    pub(crate) fn put(&self, y: usize, line: &[u8], canvas: Size, tensor: &mut [f32]) {
        let width = line.len() / 3;
        for (channel, values) in line.chunks_exact(width).enumerate() {
            let (row, formula) = self.row(y, channel, width, canvas, tensor);
            fill_from_values(values, formula, row);
        }
    }

    /// The first `width` values of `channel` (red is 0) in row `y`, and their formula.
    fn row<'a>(
        &self,
        y: usize,
        channel: usize,
        width: usize,
        canvas: Size,
        tensor: &'a mut [f32],
    ) -> (&'a mut [f32], Formula) {
        let plane = match self.channels {
            Channels::Rgb => channel,
            Channels::Bgr => 2 - channel,
        };
        (&mut tensor[plane * canvas.area() + y * canvas.width..][..width], self.formula(plane))
    }

    fn formula(&self, plane: usize) -> Formula {
        Formula { scale: self.scale, mean: self.mean[plane], std: self.std[plane] }
    }
}

/// `(pixel * scale - mean) / std`.
#[derive(Clone, Copy)]
struct Formula {
    scale: f32,
    mean: f32,
    std: f32,
}

impl Formula {
    fn value(self, pixel: u8) -> f32 {
        (f32::from(pixel) * self.scale - self.mean) / self.std
    }

    /// The factor that gives the same bits as the division, if there is one: processors multiply
    /// several times as fast as they divide.
    fn inverse_std(self) -> Option<f32> {
        let is_power_of_two = self.std.is_normal() && self.std.to_bits().trailing_zeros() >= 23;
        Some(1.0 / self.std).filter(|inverse| is_power_of_two && inverse.is_normal())
    }
}

vectorized! {
    fn fill_from_values<'a>(values: &'a [u8], formula: Formula, out: &'a mut [f32]) {
        let Formula { scale, mean, .. } = formula;
        if let Some(inverse) = formula.inverse_std() {
            for (out, &value) in out.iter_mut().zip(values) {
                *out = (f32::from(value) * scale - mean) * inverse;
            }
        } else {
            for (out, &value) in out.iter_mut().zip(values) {
                *out = formula.value(value);
            }
        }
    }
}

vectorized! {
    /// Takes `channel` of each pixel of `row`.
    fn fill_from_pixels<'a>(channel: usize, row: &'a [u8], formula: Formula, out: &'a mut [f32]) {
        let Formula { scale, mean, .. } = formula;
        let pixels = row.as_chunks::<3>().0;
        if let Some(inverse) = formula.inverse_std() {
            for (out, pixel) in out.iter_mut().zip(pixels) {
                *out = (f32::from(pixel[channel]) * scale - mean) * inverse;
            }
        } else {
            for (out, pixel) in out.iter_mut().zip(pixels) {
                *out = formula.value(pixel[channel]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Frame;

    fn frame() -> Frame {
        Frame::from_rgb8(Size::new(2, 1), vec![10, 20, 30, 40, 50, 60]).unwrap()
    }

    #[test]
    fn planes_follow_the_channel_order() {
        let spec = |channels| TensorSpec { channels, scale: 1.0, mean: [0.0; 3], std: [1.0; 3] };
        let mut tensor = Vec::new();
        spec(Channels::Rgb).fill(frame().view(), Size::new(2, 1), &mut tensor);
        assert_eq!(tensor, [10.0, 40.0, 20.0, 50.0, 30.0, 60.0]);
        spec(Channels::Bgr).fill(frame().view(), Size::new(2, 1), &mut tensor);
        assert_eq!(tensor, [30.0, 60.0, 20.0, 50.0, 10.0, 40.0]);
    }

    #[test]
    fn scale_mean_and_std_apply_in_that_order() {
        let spec = TensorSpec {
            channels: Channels::Rgb,
            scale: 0.5,
            mean: [1.0, 2.0, 3.0],
            std: [2.0, 4.0, 8.0],
        };
        let mut tensor = Vec::new();
        spec.fill(frame().view(), Size::new(2, 1), &mut tensor);
        assert_eq!(tensor, [2.0, 9.5, 2.0, 5.75, 1.5, 3.375]);
    }

    #[test]
    fn the_canvas_outside_the_view_is_black() {
        let spec =
            TensorSpec { channels: Channels::Rgb, scale: 1.0, mean: [127.0; 3], std: [128.0; 3] };
        let mut tensor = vec![9.0; 40];
        spec.fill(frame().view(), Size::new(3, 2), &mut tensor);
        let black = -127.0 / 128.0;
        assert_eq!(tensor.len(), 18);
        assert_eq!(tensor[2..6], [black; 4]);
        assert_eq!(tensor[0], (10.0 - 127.0) / 128.0);
    }
}

//! Resizing as OpenCV resizes 8-bit pictures, because the models were trained on its output.
//!
//! [`Filter::Linear`] is equal to OpenCV's to the bit. General resizing libraries are not a
//! substitute: their bilinear filter averages when it shrinks, and the same face then scores
//! differently; their two-tap variant is off by up to one level.

mod area;
mod lanczos4;
mod linear;

use serde::{Deserialize, Serialize};

use crate::frame::View;
use crate::geometry::Size;
use crate::kept::fit;
use crate::tensor::TensorSpec;

/// How pixels between pixels are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filter {
    /// OpenCV's `INTER_LINEAR`: half-pixel centres, two taps a side, no averaging when shrinking.
    Linear,
    /// OpenCV's `INTER_AREA` where the picture shrinks, its `INTER_LANCZOS4` where it grows.
    AreaOrLanczos4,
}

/// Resizes views; keeps its buffers from call to call.
#[derive(Default)]
pub struct Resampler {
    pixels: Vec<u8>,
    linear: linear::Scratch,
}

impl std::fmt::Debug for Resampler {
    /// Without the buffers: there is a picture in them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resampler").finish_non_exhaustive()
    }
}

impl Resampler {
    /// `source` at the size `to`. The answer lives until the next call.
    ///
    /// # Panics
    /// When either size has no pixels.
    pub fn resample(&mut self, source: View<'_>, to: Size, filter: Filter) -> View<'_> {
        let from = source.size();
        assert!(from.area() > 0 && to.area() > 0, "{from:?} to {to:?}");
        fit(&mut self.pixels, 3 * to.area());
        match filter {
            Filter::Linear => {
                let pixels = &mut self.pixels;
                linear::resample(source, to, &mut self.linear, |y, channel, line| {
                    let row = pixels[3 * y * to.width..].as_chunks_mut::<3>().0;
                    for (pixel, &value) in row.iter_mut().zip(line) {
                        pixel[channel] = value;
                    }
                });
            }
            Filter::AreaOrLanczos4 if from.height > to.height => {
                area::resample(source, to, &mut self.pixels);
            }
            Filter::AreaOrLanczos4 => lanczos4::resample(source, to, &mut self.pixels),
        }
        View::packed(&self.pixels, to)
    }

    /// Overwrites what is left of pictures.
    pub fn clear(&mut self) {
        self.pixels.fill(0);
        self.linear.clear();
    }

    /// [`Resampler::resample`] and [`TensorSpec::fill`] in one; with [`Filter::Linear`] straight into the tensor, and
    /// not at all where the size stays.
    ///
    /// # Panics
    /// When either size has no pixels, or `to` is larger than `canvas`.
    pub fn fill(
        &mut self,
        source: View<'_>,
        (to, filter): (Size, Filter),
        spec: &TensorSpec,
        canvas: Size,
        tensor: &mut Vec<f32>,
    ) {
        if source.size() == to {
            return spec.fill(source, canvas, tensor);
        }
        match filter {
            Filter::Linear => {
                assert!(source.size().area() > 0 && to.area() > 0, "{source:?} to {to:?}");
                spec.blank(to, canvas, tensor);
                linear::resample(source, to, &mut self.linear, |y, channel, line| {
                    spec.put(y, channel, line, canvas, tensor);
                });
            }
            Filter::AreaOrLanczos4 => spec.fill(self.resample(source, to, filter), canvas, tensor),
        }
    }
}

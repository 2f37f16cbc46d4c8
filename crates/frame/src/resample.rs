//! Resizing as OpenCV resizes 8-bit pictures, because the models were trained on its output.
//!
//! [`Filter::Linear`] equals OpenCV's to the bit. Resizing libraries cannot replace it: their
//! bilinear filter averages when it shrinks, and their two-tap variant is off by up to one level.
//! Where no model sees the result, `fast_image_resize` does the work: see `luma.rs`, `alter.rs`.

mod area;
mod lanczos4;
mod linear;

use serde::{Deserialize, Serialize};

use crate::frame::View;
use crate::geometry::Size;
use crate::kept::{debug_without_buffers, fit};
use crate::tensor::TensorSpec;

/// The interpolation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filter {
    /// OpenCV's `INTER_LINEAR`: half-pixel centres, two taps a side, no averaging when it shrinks.
    Linear,
    /// OpenCV's `INTER_AREA` when the picture shrinks in height, else its `INTER_LANCZOS4`.
    AreaOrLanczos4,
}

/// Resizes views. It keeps its buffers from call to call.
#[derive(Default)]
pub struct Resampler {
    pixels: Vec<u8>,
    linear: linear::Scratch,
    area: area::Scratch,
    lanczos4: lanczos4::Scratch,
}

debug_without_buffers!(Resampler,);

impl Resampler {
    /// `source` at the size `to`. The view lives until the next call.
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
                linear::resample(source, to, &mut self.linear, |y, line| {
                    let row = pixels[3 * y * to.width..].as_chunks_mut::<3>().0;
                    let (red, others) = line.split_at(to.width);
                    let (green, blue) = others.split_at(to.width);
                    for (((pixel, &red), &green), &blue) in
                        row.iter_mut().zip(red).zip(green).zip(blue)
                    {
                        *pixel = [red, green, blue];
                    }
                });
            }
            Filter::AreaOrLanczos4 if from.height > to.height => {
                area::resample(source, to, &mut self.area, &mut self.pixels);
            }
            Filter::AreaOrLanczos4 => {
                lanczos4::resample(source, to, &mut self.lanczos4, &mut self.pixels);
            }
        }
        View::packed(&self.pixels, to)
    }

    /// Overwrites the buffers.
    pub fn clear(&mut self) {
        self.pixels.fill(0);
        self.linear.clear();
        self.area.clear();
        self.lanczos4.clear();
    }

    /// [`Resampler::resample`] and [`TensorSpec::fill`] in one. [`Filter::Linear`] writes straight
    /// into the tensor, and a view that has the size `to` is not resampled.
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
                linear::resample(source, to, &mut self.linear, |y, line| {
                    spec.put(y, line, canvas, tensor);
                });
            }
            Filter::AreaOrLanczos4 => spec.fill(self.resample(source, to, filter), canvas, tensor),
        }
    }
}

/// The position among `from` source pixels that output pixel `i` of `to` lies at: a whole pixel and
/// a fraction. As OpenCV computes it: the ratio in double precision, the position in single.
fn source_position(i: usize, from: usize, to: usize) -> (i64, f32) {
    let scale = 1.0 / (to as f64 / from as f64);
    let position = ((i as f64 + 0.5) * scale - 0.5) as f32;
    let near = position.floor();
    (near as i64, position - near)
}

/// The source pixel at `position`, with the picture's edge repeated outside it.
fn inside(position: i64, from: usize) -> usize {
    position.clamp(0, from as i64 - 1) as usize
}

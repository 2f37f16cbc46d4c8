//! Pixels as a codec gives them, before they are turned upright.

use image::metadata::Orientation;

use crate::geometry::Size;
use crate::kept::fit;

/// The size and orientation of pixels that a codec has read.
pub(crate) struct Raw {
    /// Size of the pixels that were read.
    pub size: Size,
    /// Size of the picture without reduction.
    pub full_size: Size,
    /// Pixels of the picture for one pixel that was read, across and down.
    pub reduction: usize,
    pub orientation: Orientation,
}

/// Fills `rgb` with what `convert` makes of each four bytes of `samples`.
pub(crate) fn convert_to_rgb(
    samples: &[u8],
    rgb: &mut Vec<u8>,
    convert: impl Fn([u8; 4]) -> [u8; 3],
) {
    let samples = samples.as_chunks().0;
    fit(rgb, 3 * samples.len());
    for (pixel, sample) in rgb.as_chunks_mut().0.iter_mut().zip(samples) {
        *pixel = convert(*sample);
    }
}

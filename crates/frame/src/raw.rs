//! Pixels as a codec gives them, before they are turned upright.

use image::metadata::Orientation;

use crate::error::DecodeError;
use crate::geometry::Size;
use crate::kept::fit;
use crate::source::Stopping;

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

/// Pixels after which a conversion asks whether to stop.
const ASK_EVERY_PX: usize = 1 << 18;

/// Fills `rgb` with what `convert` makes of each `N` bytes of `samples`.
pub(crate) fn convert_to_rgb<const N: usize>(
    samples: &[u8],
    rgb: &mut Vec<u8>,
    stopping: &Stopping<'_>,
    convert: impl Fn([u8; N]) -> [u8; 3],
) -> Result<(), DecodeError> {
    let samples = samples.as_chunks().0;
    fit(rgb, 3 * samples.len());
    let parts = rgb.as_chunks_mut().0.chunks_mut(ASK_EVERY_PX).zip(samples.chunks(ASK_EVERY_PX));
    for (pixels, samples) in parts {
        stopping.ask()?;
        for (pixel, sample) in pixels.iter_mut().zip(samples) {
            *pixel = convert(*sample);
        }
    }
    Ok(())
}

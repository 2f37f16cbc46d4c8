//! The picture itself, and a look at a part of it.

use crate::error::PixelCountError;
use crate::geometry::{Part, PixelRect, Size};
use crate::kept::{blank, fit};

/// Buffers of more than this are not kept for the next picture: 12 megapixels, three bytes each. Otherwise a few bytes
/// that announce a picture of the greatest size would have every worker hold that much for good.
pub(crate) const KEPT_BYTES: usize = 3 * 4000 * 3000 + 4096;

/// A picture as a person sees it: RGB8, rows from the top, no gaps between them.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    size: Size,
    pixels: Vec<u8>,
}

impl std::fmt::Debug for Frame {
    /// The size only: a picture of someone does not belong in a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frame").field("size", &self.size).finish_non_exhaustive()
    }
}

impl Default for Frame {
    /// One black pixel: a buffer for other frames to be made in.
    fn default() -> Self {
        Self::reusing(Vec::new())
    }
}

impl Frame {
    /// A frame from its pixels, three bytes each, red first.
    ///
    /// # Errors
    /// When `pixels` is not `3 * width * height` bytes long, or the picture has no pixel.
    pub fn from_rgb8(size: Size, pixels: Vec<u8>) -> Result<Self, PixelCountError> {
        let expected = 3 * size.area();
        if pixels.len() != expected || pixels.is_empty() {
            return Err(PixelCountError { expected, found: pixels.len() });
        }
        Ok(Self { size, pixels })
    }

    /// A frame of one black pixel that keeps the buffer of `pixels` for a larger one.
    pub(crate) fn reusing(mut pixels: Vec<u8>) -> Self {
        if pixels.capacity() > KEPT_BYTES {
            pixels = Vec::new();
        }
        blank(&mut pixels, 3);
        Self { size: Size::new(1, 1), pixels }
    }

    /// The buffer of the pixels, for another frame to be made in, if it is one that is kept.
    pub(crate) fn into_pixels(self) -> Vec<u8> {
        if self.pixels.capacity() > KEPT_BYTES { Vec::new() } else { self.pixels }
    }

    /// Makes every pixel black; a buffer of more pixels than are kept is let go of.
    pub fn clear(&mut self) {
        if self.pixels.capacity() > KEPT_BYTES {
            *self = Self::default();
        }
        self.pixels.fill(0);
    }

    /// Width and height.
    #[must_use]
    pub fn size(&self) -> Size {
        self.size
    }

    /// All pixels: `3 * width * height` bytes.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// All pixels, to draw on.
    pub fn pixels_mut(&mut self) -> &mut [u8] {
        &mut self.pixels
    }

    /// The whole picture as a view.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        View { pixels: &self.pixels, stride: 3 * self.size.width, size: self.size }
    }

    /// The part of the picture inside `part`, without copying.
    ///
    /// # Panics
    /// When `part` is empty or reaches outside the picture.
    #[must_use]
    pub fn crop(&self, part: PixelRect) -> View<'_> {
        assert!(
            part.size.area() > 0
                && part.left + part.size.width <= self.size.width
                && part.top + part.size.height <= self.size.height,
            "{part:?} lies inside {:?}",
            self.size
        );
        let stride = 3 * self.size.width;
        View { pixels: &self.pixels[part.top * stride + 3 * part.left..], stride, size: part.size }
    }

    /// A copy of `part`; outside, the picture is mirrored about its edge pixels, which are not repeated (OpenCV's
    /// `BORDER_REFLECT_101`). It is made in `copy`, whatever that was.
    ///
    /// # Panics
    /// When the part has no pixels.
    pub fn copy_reflected(&self, part: Part, copy: &mut Frame) {
        let Part { left, top, size } = part;
        assert!(size.area() > 0, "{size:?} has pixels");
        let column = |i: usize| 3 * reflect_101(left + i as i64, self.size.width);
        let columns: Vec<usize> = (0..size.width).map(column).collect();
        let mut pixels = std::mem::take(copy).into_pixels();
        fit(&mut pixels, 3 * size.area());
        for (row, copy) in pixels.chunks_exact_mut(3 * size.width).enumerate() {
            let start = 3 * self.size.width * reflect_101(top + row as i64, self.size.height);
            let row = &self.pixels[start..start + 3 * self.size.width];
            for (pixel, &column) in copy.as_chunks_mut::<3>().0.iter_mut().zip(&columns) {
                pixel.copy_from_slice(&row[column..column + 3]);
            }
        }
        *copy = Frame { size, pixels };
    }

    /// The picture as a PNG file, for people to look at.
    ///
    /// # Errors
    /// When the encoder gives up, which it does only for lack of memory.
    pub fn encode_png(&self) -> Result<Vec<u8>, image::ImageError> {
        let mut file = Vec::new();
        image::ImageEncoder::write_image(
            image::codecs::png::PngEncoder::new(&mut file),
            &self.pixels,
            u32::try_from(self.size.width).unwrap_or(u32::MAX),
            u32::try_from(self.size.height).unwrap_or(u32::MAX),
            image::ExtendedColorType::Rgb8,
        )?;
        Ok(file)
    }
}

/// `i` brought into `0..len` by mirroring about the first and the last pixel.
pub(crate) fn reflect_101(i: i64, len: usize) -> usize {
    let period = 2 * (len as i64 - 1);
    if period == 0 {
        return 0;
    }
    let i = i.rem_euclid(period);
    i.min(period - i) as usize
}

/// A rectangle of RGB8 rows inside someone else's buffer.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pixels: &'a [u8],
    stride: usize,
    size: Size,
}

impl std::fmt::Debug for View<'_> {
    /// The size only, as with [`Frame`].
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").field("size", &self.size).finish_non_exhaustive()
    }
}

impl<'a> View<'a> {
    /// Rows of `size` that follow each other without gaps in `pixels`.
    pub(crate) fn packed(pixels: &'a [u8], size: Size) -> Self {
        debug_assert_eq!(pixels.len(), 3 * size.area());
        Self { pixels, stride: 3 * size.width, size }
    }

    /// Width and height.
    #[must_use]
    pub fn size(&self) -> Size {
        self.size
    }

    /// Row `y`: `3 * width` bytes.
    #[must_use]
    pub fn row(&self, y: usize) -> &'a [u8] {
        &self.pixels[y * self.stride..][..3 * self.size.width]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reflection_mirrors_without_repeating_the_edge() {
        let seen: Vec<usize> = (-5..9).map(|i| reflect_101(i, 4)).collect();
        assert_eq!(seen, [1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2]);
        assert_eq!(reflect_101(-7, 1), 0);
    }

    #[test]
    fn a_frame_holds_exactly_its_pixels() {
        assert!(Frame::from_rgb8(Size::new(2, 2), vec![0; 12]).is_ok());
        assert!(Frame::from_rgb8(Size::new(2, 2), vec![0; 11]).is_err());
        assert!(Frame::from_rgb8(Size::new(0, 2), vec![]).is_err());
    }

    #[test]
    fn a_crop_is_the_pixels_inside_it() {
        let pixels: Vec<u8> = (0..3 * 4 * 3).collect();
        let frame = Frame::from_rgb8(Size::new(4, 3), pixels).unwrap();
        let crop = frame.crop(PixelRect { left: 1, top: 2, size: Size::new(2, 1) });
        assert_eq!(crop.row(0), [27, 28, 29, 30, 31, 32]);
    }

    #[test]
    fn debug_does_not_show_pixels() {
        let frame = Frame::from_rgb8(Size::new(1, 1), vec![201, 202, 203]).unwrap();
        assert!(!format!("{frame:?}").contains("20"));
    }
}

//! A picture's pixels, and views of parts of them.

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use crate::geometry::{Part, PixelRect, Size};
use crate::kept::{blank, debug_without_buffers, fit, free_if_large};

/// A picture as a person sees it: RGB8, rows from the top, no gaps between them.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    size: Size,
    pixels: Vec<u8>,
}

debug_without_buffers!(Frame, size);

impl Default for Frame {
    /// One black pixel, as a buffer for another frame.
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
        free_if_large(&mut pixels);
        blank(&mut pixels, 3);
        Self { size: Size::new(1, 1), pixels }
    }

    /// The buffer of the pixels for another frame, or an empty one if it is too large to keep.
    pub(crate) fn into_pixels(mut self) -> Vec<u8> {
        free_if_large(&mut self.pixels);
        self.pixels
    }

    /// Makes every pixel black, and frees a buffer that is too large to keep.
    pub fn clear(&mut self) {
        free_if_large(&mut self.pixels);
        if self.pixels.is_empty() {
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

    /// All pixels, for drawing.
    pub fn pixels_mut(&mut self) -> &mut [u8] {
        &mut self.pixels
    }

    /// The whole picture as a view.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        View { pixels: &self.pixels, stride: 3 * self.size.width, size: self.size }
    }

    /// A view of `part`.
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

    /// A view of `part`. Outside, the picture is mirrored about its edge pixels, which are not
    /// repeated (OpenCV's `BORDER_REFLECT_101`). A part that reaches outside is copied to `copy`.
    ///
    /// # Panics
    /// When the part has no pixels.
    #[must_use]
    pub fn reflected<'a>(&'a self, part: Part, copy: &'a mut Frame) -> View<'a> {
        let Part { left, top, size } = part;
        let fits = |start: i64, length: usize, end: usize| {
            usize::try_from(start).ok().filter(|start| start + length <= end)
        };
        let left_inside = fits(left, size.width, self.size.width);
        let top_inside = fits(top, size.height, self.size.height);
        if let (Some(left), Some(top)) = (left_inside, top_inside) {
            return self.crop(PixelRect { left, top, size });
        }
        self.copy_reflected(part, copy);
        copy.view()
    }

    fn copy_reflected(&self, part: Part, copy: &mut Frame) {
        let Part { left, top, size } = part;
        assert!(size.area() > 0, "{size:?} has pixels");
        let column = |i: usize| reflect_101(left + i as i64, self.size.width);
        let clamped = |column: i64| (column - left).clamp(0, size.width as i64) as usize;
        // The columns of the part that lie inside; none, if it lies beside the picture.
        let inside = clamped(0)..clamped(self.size.width as i64);
        let mut pixels = std::mem::take(copy).into_pixels();
        fit(&mut pixels, 3 * size.area());
        for (y, copy) in pixels.chunks_exact_mut(3 * size.width).enumerate() {
            let row = self.view().row(reflect_101(top + y as i64, self.size.height));
            let (row, copy) = (row.as_chunks::<3>().0, copy.as_chunks_mut::<3>().0);
            for i in (0..inside.start).chain(inside.end..size.width) {
                copy[i] = row[column(i)];
            }
            if !inside.is_empty() {
                let first = column(inside.start);
                copy[inside.clone()].copy_from_slice(&row[first..first + inside.len()]);
            }
        }
        *copy = Frame { size, pixels };
    }

    /// The picture as a PNG file.
    ///
    /// # Errors
    /// When the encoder lacks memory.
    pub fn encode_png(&self) -> Result<Vec<u8>, image::ImageError> {
        let mut file = Vec::new();
        let (width, height) = (self.size.width as u32, self.size.height as u32);
        PngEncoder::new(&mut file).write_image(
            &self.pixels,
            width,
            height,
            ExtendedColorType::Rgb8,
        )?;
        Ok(file)
    }
}

/// Maps `i` into `0..len` by mirroring about the first and the last pixel.
pub(crate) fn reflect_101(i: i64, len: usize) -> usize {
    let period = 2 * (len as i64 - 1);
    if period == 0 {
        return 0;
    }
    let i = i.rem_euclid(period);
    i.min(period - i) as usize
}

/// A rectangle of RGB8 rows inside another buffer.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pixels: &'a [u8],
    stride: usize,
    size: Size,
}

debug_without_buffers!(View<'_>, size);

impl<'a> View<'a> {
    /// A view of `pixels`, whose rows follow each other without gaps.
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

/// A pixel buffer and its size do not agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{found} bytes given for a picture that takes {expected}, and takes at least one pixel")]
pub struct PixelCountError {
    /// Bytes that the size needs.
    pub expected: usize,
    /// Bytes that were given.
    pub found: usize,
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
    fn a_frame_has_as_many_pixels_as_its_size_says() {
        assert!(Frame::from_rgb8(Size::new(2, 2), vec![0; 12]).is_ok());
        assert!(Frame::from_rgb8(Size::new(2, 2), vec![0; 11]).is_err());
        assert!(Frame::from_rgb8(Size::new(0, 2), vec![]).is_err());
    }

    #[test]
    fn a_crop_has_the_pixels_inside_it() {
        let pixels: Vec<u8> = (0..3 * 4 * 3).collect();
        let frame = Frame::from_rgb8(Size::new(4, 3), pixels).unwrap();
        let crop = frame.crop(PixelRect { left: 1, top: 2, size: Size::new(2, 1) });
        assert_eq!(crop.row(0), [27, 28, 29, 30, 31, 32]);
    }

    #[test]
    fn a_part_shows_the_picture_and_its_mirror_image_outside() {
        let size = Size::new(5, 4);
        let pixels = (0..size.area()).flat_map(|i| [i as u8; 3]).collect();
        let frame = Frame::from_rgb8(size, pixels).unwrap();
        let parts = [(1, 1, 4, 3), (-3, -2, 11, 11), (-9, 0, 4, 4), (7, -6, 3, 2), (2, 3, 9, 1)];
        for (left, top, width, height) in parts {
            let mut copy = Frame::default();
            let part = Part { left, top, size: Size::new(width, height) };
            let view = frame.reflected(part, &mut copy);
            assert_eq!(view.size(), part.size);
            for y in 0..height {
                let row = reflect_101(top + y as i64, 4);
                let level = |x: usize| (5 * row + reflect_101(left + x as i64, 5)) as u8;
                let expected: Vec<u8> = (0..width).flat_map(|x| [level(x); 3]).collect();
                assert_eq!(view.row(y), expected, "{part:?}");
            }
        }
    }

    #[test]
    fn debug_does_not_show_pixels() {
        let frame = Frame::from_rgb8(Size::new(1, 1), vec![201, 202, 203]).unwrap();
        assert!(!format!("{frame:?}").contains("20"));
    }
}

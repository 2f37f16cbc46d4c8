//! Bytes to a [`Frame`]: format from the first bytes, size from the header, then pixels, then
//! orientation.

use image::metadata::Orientation;

use crate::demand::{Plan, announced, plan};
use crate::error::DecodeError;
use crate::format::Format;
use crate::frame::Frame;
use crate::geometry::Size;
use crate::kept::{debug_without_buffers, free_if_large};
use crate::limits::Limits;
use crate::raw::Raw;
use crate::reduction::Reduction;
use crate::source::Stopping;
use crate::turn::{Turn, turn_pixels};
use crate::{jpeg, still, webp_tables};

/// Decodes one picture: all of its pixels, upright, in 8-bit RGB. Transparency is laid over white,
/// 16-bit samples are reduced to 8 bits, and of several pictures in a file the first is taken.
/// [`Decoder`] does the same for one picture after the other.
///
/// # Errors
/// [`DecodeError`] names the fact about the bytes that prevents decoding. A picture over the limits
/// is refused from its header.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Frame, DecodeError> {
    let mut decoder = Decoder::new(*limits);
    decoder.decode(bytes, &Reduction::NONE, &|| false)?;
    Ok(decoder.picture.frame)
}

/// A decoded picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Its pixels, upright.
    pub frame: Frame,
    /// Its size without reduction, upright.
    pub size: Size,
    /// Pixels of the picture for one pixel of the frame, across and down. In the last row and
    /// column of the picture as stored, a pixel of the frame may stand for fewer.
    pub reduction: usize,
    /// The format of the file.
    pub format: Format,
    /// Orientation of the stored picture, as EXIF numbers it (1 to 8; 1 is upright). It is already
    /// undone in `frame` and `size`.
    pub exif_orientation: u8,
}

impl Default for Picture {
    /// One black pixel.
    fn default() -> Self {
        let (size, format) = (Size::new(1, 1), Format::Png);
        Self { frame: Frame::default(), size, reduction: 1, format, exif_orientation: 1 }
    }
}

/// Decodes one picture after the other into the same buffers. One thread owns it.
///
/// The buffers stay as large as the largest picture so far, up to 12 megapixels. The system would
/// take as long to hand out fresh memory as a JPEG of that size takes to decode.
#[derive(Default)]
pub struct Decoder {
    limits: Limits,
    picture: Picture,
    /// Pixels of another colour type, or not upright yet.
    samples: Vec<u8>,
    jpeg: ::jpeg::Reader,
}

debug_without_buffers!(Decoder, limits);

impl Decoder {
    /// A decoder that refuses pictures over `limits`.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Replaces the limits.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Decodes the picture in `bytes` as [`decode()`] does, reduced as far as `reduction` and the
    /// format allow. The picture lives until the next call, or until [`Decoder::clear`].
    ///
    /// `stop` is asked again and again; when it returns true, decoding ends soon.
    ///
    /// # Errors
    /// As [`decode()`], and [`DecodeError::Stopped`].
    ///
    /// # Panics
    /// Never: the codec gives as many pixels as its size says.
    pub fn decode(
        &mut self,
        bytes: &[u8],
        reduction: &Reduction,
        stop: &dyn Fn() -> bool,
    ) -> Result<&Picture, DecodeError> {
        let format = announced(bytes)?;
        let plan = plan(bytes, format, &self.limits)?;
        let mut pixels = std::mem::take(&mut self.picture.frame).into_pixels();
        let outcome = self.read(format, bytes, &plan, reduction, stop, &mut pixels).map(|raw| {
            let Raw { size, full_size, reduction, orientation } = raw;
            let (turn, mirror) = upright(orientation);
            if turn != Turn::None || mirror {
                std::mem::swap(&mut pixels, &mut self.samples);
                turn_pixels(&self.samples, size, turn, mirror, &mut pixels);
            }
            Picture {
                frame: Frame::from_rgb8(turn.size(size), std::mem::take(&mut pixels))
                    .expect("the codec gave as many pixels as its header said, and at least one"),
                size: turn.size(full_size),
                reduction,
                format,
                exif_orientation: orientation.to_exif(),
            }
        });
        free_if_large(&mut self.samples);
        match outcome {
            Ok(picture) => self.picture = picture,
            Err(error) => {
                self.picture.frame = Frame::reusing(pixels);
                return Err(error);
            }
        }
        Ok(&self.picture)
    }

    /// Overwrites the picture and the buffers.
    pub fn clear(&mut self) {
        self.picture.frame.clear();
        self.samples.fill(0);
        self.jpeg.clear();
    }

    fn read(
        &mut self,
        format: Format,
        bytes: &[u8],
        plan: &Plan,
        reduction: &Reduction,
        stop: &dyn Fn() -> bool,
        pixels: &mut Vec<u8>,
    ) -> Result<Raw, DecodeError> {
        let Self { limits, samples, jpeg: reader, .. } = self;
        if format == Format::Jpeg {
            return jpeg::decode(bytes, limits, reduction, reader, stop, pixels);
        }
        let stopping = Stopping::new(stop);
        stopping.ask()?;
        if format == Format::WebP {
            webp_tables::check(bytes, plan, limits, &stopping)?;
        }
        still::decode(bytes, format, plan, &stopping, pixels, samples)
    }
}

/// The turn that makes a picture of this orientation upright, and whether it is mirrored left to
/// right before the turn.
fn upright(orientation: Orientation) -> (Turn, bool) {
    match orientation {
        Orientation::NoTransforms => (Turn::None, false),
        Orientation::Rotate90 => (Turn::Quarter, false),
        Orientation::Rotate180 => (Turn::Half, false),
        Orientation::Rotate270 => (Turn::ThreeQuarters, false),
        Orientation::FlipHorizontal => (Turn::None, true),
        Orientation::FlipVertical => (Turn::Half, true),
        Orientation::Rotate90FlipH => (Turn::ThreeQuarters, true),
        Orientation::Rotate270FlipH => (Turn::Quarter, true),
    }
}

//! Bytes to a [`Frame`]: format from the first bytes, size from the header, then pixels, then
//! orientation. [`Decoder`] keeps its buffers; [`decode()`] is for those who decode now and then.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader};
use serde::Serialize;

use crate::error::{CodecError, DecodeError};
use crate::frame::{Frame, KEPT_BYTES};
use crate::geometry::Size;
use crate::kept::{blank, fit};
use crate::limits::Limits;
use crate::turn::{Turn, turn_pixels};
use crate::{jpeg, tiff, webp};

/// The picture formats read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Baseline and progressive, in colour, gray or CMYK.
    Jpeg,
    /// All bit depths, palettes and transparency.
    Png,
    /// Lossy and lossless; of an animation, the first frame.
    WebP,
    /// Windows bitmaps.
    Bmp,
    /// The first page.
    Tiff,
    /// The first frame.
    Gif,
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Bmp => "BMP",
            Self::Tiff => "TIFF",
            Self::Gif => "GIF",
        })
    }
}

impl Format {
    /// The format that the first bytes announce; file names and media types mean nothing.
    #[must_use]
    pub fn sniff(bytes: &[u8]) -> Option<Self> {
        match image::guess_format(bytes).ok()? {
            ImageFormat::Jpeg => Some(Self::Jpeg),
            ImageFormat::Png => Some(Self::Png),
            ImageFormat::WebP => Some(Self::WebP),
            ImageFormat::Bmp => Some(Self::Bmp),
            ImageFormat::Tiff => Some(Self::Tiff),
            ImageFormat::Gif => Some(Self::Gif),
            _ => None,
        }
    }
}

/// The picture in `bytes`, upright, in 8-bit RGB and in all its pixels. Transparency is laid over white;
/// 16-bit samples are reduced to 8; of several pictures in a file the first is taken.
///
/// # Errors
/// [`DecodeError`] says which of the facts about the bytes stood in the way. A picture over the
/// limits is refused from its header.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Frame, DecodeError> {
    let mut decoder = Decoder::new(*limits);
    decoder.decode(bytes, &Reduction::NONE)?;
    Ok(decoder.picture.frame)
}

/// How much smaller than it is a picture may be decoded. Only JPEG can be, by halves up to an eighth: its
/// blocks are then turned into fewer pixels, which saves most of the work behind the entropy decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reduction {
    /// At most to one pixel for so many across and down.
    pub most: usize,
    /// Nor further than to this many pixels on the longer side.
    pub min_longer_side_px: usize,
}

impl Reduction {
    /// In all its pixels.
    pub const NONE: Self = Self { most: 1, min_longer_side_px: 0 };

    /// Pixels of a picture of `size` for one of the frame, across and down: 1, 2, 4 or 8.
    pub(crate) fn of(&self, size: Size) -> usize {
        let fits =
            |by: &usize| *by <= self.most && size.longer_side() / by >= self.min_longer_side_px;
        [8, 4, 2].into_iter().find(fits).unwrap_or(1)
    }
}

/// A decoded picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Its pixels, upright.
    pub frame: Frame,
    /// Its size before it was reduced, upright.
    pub size: Size,
    /// Pixels of the picture for one of the frame, across and down. Those at an edge may stand for fewer: the last of
    /// a row or column as it was stored, before it was turned upright.
    pub reduction: usize,
    /// What it came as.
    pub format: Format,
    /// How it was stored, as EXIF numbers it (1 to 8; 1 is upright). Already undone in `frame` and `size`.
    pub exif_orientation: u8,
}

impl Default for Picture {
    /// One black pixel.
    fn default() -> Self {
        let (size, format) = (Size::new(1, 1), Format::Png);
        Self { frame: Frame::default(), size, reduction: 1, format, exif_orientation: 1 }
    }
}

/// Decodes one picture after the other into the same buffers. Owned by one thread.
///
/// The buffers stay as large as the largest picture so far, up to 12 megapixels: a JPEG of that size decoded into
/// memory that the system has to hand out anew takes twice as long.
#[derive(Default)]
pub struct Decoder {
    limits: Limits,
    picture: Picture,
    /// Pixels on their way: of another colour type, or not upright yet.
    samples: Vec<u8>,
}

impl std::fmt::Debug for Decoder {
    /// Without the buffers: there is a picture in them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Decoder {
    /// A decoder that refuses pictures over `limits`.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// What is refused from now on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// The picture in `bytes` as [`decode()`] gives it, but reduced where `reduction` and the format allow it.
    /// It lives until the next call, or until [`Decoder::clear`].
    ///
    /// # Errors
    /// As [`decode()`].
    ///
    /// # Panics
    /// Never: what was read has as many pixels as its size says.
    pub fn decode(&mut self, bytes: &[u8], reduction: &Reduction) -> Result<&Picture, DecodeError> {
        if bytes.is_empty() {
            return Err(DecodeError::Empty);
        }
        let format = Format::sniff(bytes).ok_or(DecodeError::UnknownFormat)?;
        let mut pixels = std::mem::take(&mut self.picture.frame).into_pixels();
        let read = self.read(format, bytes, reduction, &mut pixels);
        let Raw { size, full_size, reduction, orientation } = match read {
            Ok(raw) => raw,
            Err(error) => {
                self.picture.frame = Frame::reusing(pixels);
                self.give_back();
                return Err(error);
            }
        };
        let (turn, mirror) = upright(orientation);
        if turn != Turn::None || mirror {
            std::mem::swap(&mut pixels, &mut self.samples);
            turn_pixels(&self.samples, size, turn, mirror, &mut pixels);
        }
        let frame = Frame::from_rgb8(turn.size(size), pixels)
            .expect("the decoder gave as many pixels as its header said, and at least one");
        let size = turn.size(full_size);
        let exif_orientation = orientation.to_exif();
        self.picture = Picture { frame, size, reduction, format, exif_orientation };
        self.give_back();
        Ok(&self.picture)
    }

    /// Lets go of what was only needed on the way, where it was more than is kept.
    fn give_back(&mut self) {
        if self.samples.capacity() > KEPT_BYTES {
            self.samples = Vec::new();
        }
    }

    /// Overwrites the picture, and what of it was only needed on the way.
    pub fn clear(&mut self) {
        self.picture.frame.clear();
        self.samples.fill(0);
    }

    fn read(
        &mut self,
        format: Format,
        bytes: &[u8],
        reduction: &Reduction,
        pixels: &mut Vec<u8>,
    ) -> Result<Raw, DecodeError> {
        let codec = match format {
            Format::Jpeg => {
                return jpeg::decode(bytes, &self.limits, reduction, pixels, &mut self.samples);
            }
            Format::Png => ImageFormat::Png,
            Format::WebP => {
                webp::check_frames(bytes, &self.limits)?;
                ImageFormat::WebP
            }
            Format::Bmp => ImageFormat::Bmp,
            Format::Tiff => {
                tiff::check_compression(bytes)?;
                ImageFormat::Tiff
            }
            Format::Gif => ImageFormat::Gif,
        };
        still(bytes, format, codec, &self.limits, pixels, &mut self.samples)
    }
}

/// What there is to know of pixels that were just read.
pub(crate) struct Raw {
    /// As read, before it is turned upright.
    pub size: Size,
    /// As it would be without reduction.
    pub full_size: Size,
    pub reduction: usize,
    pub orientation: Orientation,
}

/// By how much a picture of this orientation is turned to be upright, and whether it is mirrored left to right
/// before that.
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

/// Refuses a size from the header: no pixels at all, or more than the limits allow.
pub(crate) fn check_size(
    format: Format,
    (width, height): (u32, u32),
    limits: &Limits,
) -> Result<(), DecodeError> {
    if width == 0 || height == 0 {
        return Err(DecodeError::Corrupt {
            format,
            source: CodecError::NoPixels { width, height },
        });
    }
    if width.max(height) > limits.max_side_px {
        return Err(DecodeError::TooLarge { width, height, max_side_px: limits.max_side_px });
    }
    Ok(())
}

/// Tables, profiles and the like, whatever the picture's size.
const DECODER_OVERHEAD_BYTES: u64 = 64 << 20;
/// 16-bit RGBA, twice: once as decoded and once as composed.
const DECODER_BYTES_PER_PIXEL: u64 = 16;

fn still(
    bytes: &[u8],
    format: Format,
    codec: ImageFormat,
    limits: &Limits,
    pixels: &mut Vec<u8>,
    samples: &mut Vec<u8>,
) -> Result<Raw, DecodeError> {
    let refuse = |source: ImageError| match source {
        ImageError::Unsupported(_) => {
            DecodeError::UnsupportedKind { format, source: source.into() }
        }
        ImageError::IoError(ref io) if io.kind() == std::io::ErrorKind::UnexpectedEof => {
            DecodeError::CutShort { format }
        }
        source => DecodeError::Corrupt { format, source: source.into() },
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), codec);
    let mut codec_limits = image::Limits::no_limits();
    codec_limits.max_alloc = Some(limits.max_decoder_bytes);
    reader.limits(codec_limits);
    let mut decoder = reader.into_decoder().map_err(refuse)?;
    let (width, height) = decoder.dimensions();
    check_size(format, (width, height), limits)?;
    // From here on a decoder gets what a picture of this size can need, and no more: what is inside
    // may be of another size than the header says.
    let needed =
        DECODER_OVERHEAD_BYTES + DECODER_BYTES_PER_PIXEL * u64::from(width) * u64::from(height);
    let mut codec_limits = image::Limits::no_limits();
    codec_limits.max_alloc = Some(needed.min(limits.max_decoder_bytes));
    decoder.set_limits(codec_limits).map_err(refuse)?;
    let orientation = decoder.orientation().map_err(refuse)?;
    let size = Size::new(width as usize, height as usize);
    // Some decoders leave samples as they are, as that of GIF those of colours that the palette does not have: they
    // get blank buffers, so that nothing of the picture before is there, whoever forgot to clear it.
    match decoder.color_type() {
        ColorType::Rgb8 => {
            blank(pixels, 3 * size.area());
            decoder.read_image(pixels).map_err(refuse)?;
        }
        ColorType::Rgba8 => {
            blank(samples, 4 * size.area());
            decoder.read_image(samples).map_err(refuse)?;
            over_white(samples, pixels);
        }
        // Rarely sent; these are made anew.
        _ => {
            let picture = DynamicImage::from_decoder(decoder).map_err(refuse)?;
            if picture.color().has_alpha() {
                over_white(picture.into_rgba8().as_raw(), pixels);
            } else {
                *pixels = picture.into_rgb8().into_raw();
            }
        }
    }
    Ok(Raw { size, full_size: size, reduction: 1, orientation })
}

/// Pixels with transparency laid over white.
fn over_white(rgba: &[u8], rgb: &mut Vec<u8>) {
    let pixel = |pixel: &[u8; 4]| {
        let alpha = u32::from(pixel[3]);
        [0, 1, 2].map(|c| ((u32::from(pixel[c]) * alpha + 255 * (255 - alpha) + 127) / 255) as u8)
    };
    let rgba = rgba.as_chunks().0;
    fit(rgb, 3 * rgba.len());
    for (to, from) in rgb.as_chunks_mut().0.iter_mut().zip(rgba) {
        *to = pixel(from);
    }
}

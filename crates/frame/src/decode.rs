//! Bytes to a [`Frame`]: format from the first bytes, size from the header, then pixels, then
//! orientation.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader};

use crate::error::{CodecError, DecodeError};
use crate::frame::Frame;
use crate::geometry::Size;
use crate::jpeg;
use crate::limits::Limits;
use crate::{tiff, webp};

/// The picture formats read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// The picture in `bytes`, upright, in 8-bit RGB. Transparency is laid over white; 16-bit samples
/// are reduced to 8; of several pictures in a file the first is taken.
///
/// # Errors
/// [`DecodeError`] says which of the facts about the bytes stood in the way. A picture over the
/// limits is refused from its header.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Frame, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    let format = Format::sniff(bytes).ok_or(DecodeError::UnknownFormat)?;
    let (mut picture, orientation) = match format {
        Format::Jpeg => jpeg::decode(bytes, limits)?,
        Format::Png => still(bytes, format, ImageFormat::Png, limits)?,
        Format::WebP => {
            webp::check_frames(bytes, limits)?;
            still(bytes, format, ImageFormat::WebP, limits)?
        }
        Format::Bmp => still(bytes, format, ImageFormat::Bmp, limits)?,
        Format::Tiff => {
            tiff::check_compression(bytes)?;
            still(bytes, format, ImageFormat::Tiff, limits)?
        }
        Format::Gif => still(bytes, format, ImageFormat::Gif, limits)?,
    };
    picture.apply_orientation(orientation);
    Ok(opaque(picture))
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
) -> Result<(DynamicImage, Orientation), DecodeError> {
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
    let picture = DynamicImage::from_decoder(decoder).map_err(refuse)?;
    Ok((picture, orientation))
}

/// 8-bit RGB, with transparent pixels laid over white.
fn opaque(picture: DynamicImage) -> Frame {
    let rgb = if picture.color().has_alpha() {
        let rgba = picture.into_rgba8();
        let (width, height) = rgba.dimensions();
        let over_white = |pixel: &[u8]| {
            let alpha = u32::from(pixel[3]);
            [0, 1, 2]
                .map(|c| ((u32::from(pixel[c]) * alpha + 255 * (255 - alpha) + 127) / 255) as u8)
        };
        let pixels = rgba.as_raw().chunks_exact(4).flat_map(over_white).collect();
        (width, height, pixels)
    } else {
        let rgb = picture.into_rgb8();
        (rgb.width(), rgb.height(), rgb.into_raw())
    };
    let (width, height, pixels) = rgb;
    Frame::from_rgb8(Size::new(width as usize, height as usize), pixels)
        .expect("the decoder gave as many pixels as its header said, and at least one")
}

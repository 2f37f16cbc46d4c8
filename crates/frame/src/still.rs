//! Every format but JPEG, by way of the `image` crate.

use std::io::Cursor;

use image::{ColorType, DynamicImage, ImageDecoder, ImageError, ImageReader};

use crate::error::DecodeError;
use crate::format::Format;
use crate::geometry::Size;
use crate::kept::blank;
use crate::limits::Limits;
use crate::raw::{Raw, convert_to_rgb};

/// Memory of a decoder for tables and profiles, bytes, for a picture of any size.
const DECODER_OVERHEAD_BYTES: u64 = 64 << 20;
/// 16-bit RGBA, twice: once as decoded and once as composed.
const DECODER_BYTES_PER_PIXEL: u64 = 16;

/// Reads the picture in `bytes` into `pixels`. `samples` is a buffer for pixels with transparency.
pub(crate) fn decode(
    bytes: &[u8],
    format: Format,
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
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format.codec());
    reader.limits(memory_limit(limits.max_decoder_bytes));
    let mut decoder = reader.into_decoder().map_err(refuse)?;
    let (width, height) = decoder.dimensions();
    limits.check_size(format, (width, height))?;
    // The pixels inside may be of another size than the header says. So the decoder gets no more
    // memory than a picture of the announced size needs.
    let needed =
        DECODER_OVERHEAD_BYTES + DECODER_BYTES_PER_PIXEL * u64::from(width) * u64::from(height);
    let memory = memory_limit(needed.min(limits.max_decoder_bytes));
    decoder.set_limits(memory).map_err(refuse)?;
    let orientation = decoder.orientation().map_err(refuse)?;
    let size = Size::new(width as usize, height as usize);
    // Some decoders leave samples untouched: GIF's leaves colours that the palette does not have.
    // So they get blank buffers, in which nothing of the previous picture is left.
    match decoder.color_type() {
        ColorType::Rgb8 => {
            blank(pixels, 3 * size.area());
            decoder.read_image(pixels).map_err(refuse)?;
        }
        ColorType::Rgba8 => {
            blank(samples, 4 * size.area());
            decoder.read_image(samples).map_err(refuse)?;
            convert_to_rgb(samples, pixels, over_white);
        }
        // Other colour types are rare, so they get no buffers of their own.
        _ => {
            let picture = DynamicImage::from_decoder(decoder).map_err(refuse)?;
            if picture.color().has_alpha() {
                convert_to_rgb(picture.into_rgba8().as_raw(), pixels, over_white);
            } else {
                *pixels = picture.into_rgb8().into_raw();
            }
        }
    }
    Ok(Raw { size, full_size: size, reduction: 1, orientation })
}

fn memory_limit(max_bytes: u64) -> image::Limits {
    let mut limits = image::Limits::no_limits();
    limits.max_alloc = Some(max_bytes);
    limits
}

/// An RGBA pixel laid over white.
fn over_white([red, green, blue, alpha]: [u8; 4]) -> [u8; 3] {
    let alpha = u32::from(alpha);
    [red, green, blue].map(|c| ((u32::from(c) * alpha + 255 * (255 - alpha) + 127) / 255) as u8)
}

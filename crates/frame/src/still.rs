//! Every format but JPEG, by way of the `image` crate.

use image::{ColorType, ImageDecoder, ImageError, ImageReader};

use crate::demand::Plan;
use crate::error::DecodeError;
use crate::format::Format;
use crate::geometry::Size;
use crate::kept::blank;
use crate::needs::damaged;
use crate::raw::{Raw, convert_to_rgb};
use crate::source::{Source, Stopping};

/// Reads the picture in `bytes` into `pixels`. `samples` is a buffer for pixels that are not RGB8.
pub(crate) fn decode(
    bytes: &[u8],
    format: Format,
    plan: &Plan,
    stopping: &Stopping<'_>,
    pixels: &mut Vec<u8>,
    samples: &mut Vec<u8>,
) -> Result<Raw, DecodeError> {
    let outcome = read(bytes, format, plan, stopping, pixels, samples);
    // A decoder that was stopped calls it an error of its own kind.
    if stopping.is_stopped() { Err(DecodeError::Stopped) } else { outcome }
}

fn read(
    bytes: &[u8],
    format: Format,
    plan: &Plan,
    stopping: &Stopping<'_>,
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
    let mut reader = ImageReader::with_format(Source::new(bytes, stopping), format.codec());
    reader.limits(memory_limit(plan.metadata_bytes));
    let mut decoder = reader.into_decoder().map_err(refuse)?;
    let (width, height) = decoder.dimensions();
    if (width, height) != plan.needs.size {
        return Err(damaged(format, "the header gives two sizes"));
    }
    decoder.set_limits(memory_limit(plan.needs.memory_bytes)).map_err(refuse)?;
    let orientation = decoder.orientation().map_err(refuse)?;
    let size = Size::new(width as usize, height as usize);
    // Some decoders leave samples untouched: GIF's leaves colours that the palette does not have.
    // So they get blank buffers, in which nothing of the previous picture is left.
    let colours = decoder.color_type();
    if colours == ColorType::Rgb8 {
        blank(pixels, 3 * size.area());
        decoder.read_image(pixels).map_err(refuse)?;
    } else {
        blank(samples, usize::from(colours.bytes_per_pixel()) * size.area());
        decoder.read_image(samples).map_err(refuse)?;
        let opaque = |[red, green, blue, _]: [u8; 4]| [red, green, blue];
        let gray = |[gray, alpha]: [u8; 2]| over_white([gray, gray, gray, alpha]);
        match colours {
            ColorType::L8 => convert_to_rgb(samples, pixels, stopping, |[gray]| [gray; 3]),
            ColorType::La8 => convert_to_rgb(samples, pixels, stopping, gray),
            ColorType::Rgba8 => convert_to_rgb(samples, pixels, stopping, over_white),
            ColorType::L16 => {
                convert_to_rgb::<2>(samples, pixels, stopping, |it| [of_16(&it)[0]; 3])
            }
            ColorType::La16 => convert_to_rgb::<4>(samples, pixels, stopping, |it| {
                let [luma, alpha, ..] = of_16(&it);
                gray([luma, alpha])
            }),
            ColorType::Rgb16 => {
                convert_to_rgb::<6>(samples, pixels, stopping, |it| opaque(of_16(&it)))
            }
            ColorType::Rgba16 => {
                convert_to_rgb::<8>(samples, pixels, stopping, |it| over_white(of_16(&it)))
            }
            ColorType::Rgb32F => {
                convert_to_rgb::<12>(samples, pixels, stopping, |it| opaque(of_floats(&it)))
            }
            ColorType::Rgba32F => {
                convert_to_rgb::<16>(samples, pixels, stopping, |it| over_white(of_floats(&it)))
            }
            _ => Err(damaged(format, "its samples are of a kind that no decoder gives")),
        }?;
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

/// Up to four samples of 16 bits in the processor's byte order, rounded to 8 bits.
fn of_16(bytes: &[u8]) -> [u8; 4] {
    let mut levels = [0; 4];
    for (level, sample) in levels.iter_mut().zip(bytes.as_chunks().0) {
        *level = ((u32::from(u16::from_ne_bytes(*sample)) + 128) / 257) as u8;
    }
    levels
}

/// Up to four samples from 0.0 to 1.0 as levels of 8 bits. Others are taken for the nearest, and
/// what is no number for 1.0, as the `image` crate does.
fn of_floats(bytes: &[u8]) -> [u8; 4] {
    let mut levels = [0; 4];
    for (level, sample) in levels.iter_mut().zip(bytes.as_chunks().0) {
        let sample = f32::from_ne_bytes(*sample);
        let sample = if sample < 1.0 { sample.max(0.0) } else { 1.0 };
        *level = (sample * 255.0).round() as u8;
    }
    levels
}

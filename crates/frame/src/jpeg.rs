//! JPEG, by way of `zune-jpeg`, with one thing added: a picture that stops early is refused.
//!
//! JPEG decoders are made to show something whatever happens; they paint the missing half gray. A
//! score of half a picture is worth nothing, so the decoder runs in its strict mode and
//! [`is_complete`] asks for the end-of-image marker first.

use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, RgbImage};
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::decode::{Format, check_size};
use crate::error::DecodeError;
use crate::limits::Limits;

pub(crate) fn decode(
    bytes: &[u8],
    limits: &Limits,
) -> Result<(DynamicImage, Orientation), DecodeError> {
    let corrupt = |source: DecodeErrors| DecodeError::Corrupt {
        format: Format::Jpeg,
        source: source.into(),
    };
    let lenient = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX));
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), lenient);
    decoder.decode_headers().map_err(corrupt)?;
    let (width, height) = decoder.dimensions().unwrap_or_default();
    let (width, height) = (width as u32, height as u32);
    check_size(Format::Jpeg, (width, height), limits)?;
    if !is_complete(bytes) {
        return Err(DecodeError::CutShort {
            format: Format::Jpeg,
        });
    }
    let orientation = decoder
        .exif()
        .and_then(|exif| Orientation::from_exif_chunk(exif))
        .unwrap_or(Orientation::NoTransforms);
    let gray = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let colorspace = if gray {
        ColorSpace::Luma
    } else {
        ColorSpace::RGB
    };
    decoder.set_options(
        lenient
            .set_strict_mode(true)
            .jpeg_set_out_colorspace(colorspace),
    );
    let pixels = decoder.decode().map_err(corrupt)?;
    let picture = if gray {
        GrayImage::from_raw(width, height, pixels).map(DynamicImage::ImageLuma8)
    } else {
        RgbImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8)
    };
    let picture = picture.ok_or(DecodeError::CutShort {
        format: Format::Jpeg,
    })?;
    Ok((picture, orientation))
}

/// Whether the markers lead to an end-of-image marker (ITU-T T.81, annex B). Bytes after it do not
/// matter: phones append videos and thumbnails.
fn is_complete(bytes: &[u8]) -> bool {
    const END_OF_IMAGE: u8 = 0xD9;
    /// Markers without a length: temporary, restarts, start of image.
    const BARE: [std::ops::RangeInclusive<u8>; 2] = [0x01..=0x01, 0xD0..=0xD8];
    let mut at = 0;
    while let Some(marker_at) = next_marker(bytes, at) {
        let marker = bytes[marker_at];
        at = marker_at + 1;
        if marker == END_OF_IMAGE {
            return true;
        }
        if BARE.iter().any(|range| range.contains(&marker)) {
            continue;
        }
        let Some(&[high, low]) = bytes.get(at..at + 2).and_then(|b| b.first_chunk()) else {
            return false;
        };
        // A scan's header is followed by its data, in which 0xFF comes before 0 (it was a data byte)
        // or a restart marker only: `next_marker` passes over the one, the loop over the other.
        at += usize::from(u16::from_be_bytes([high, low])).max(2);
    }
    false
}

/// The place of the next marker code: the byte after 0xFF that is neither 0 (stuffing) nor 0xFF
/// (filling).
fn next_marker(bytes: &[u8], from: usize) -> Option<usize> {
    let tail = bytes.get(from..)?;
    let code = tail
        .windows(2)
        .position(|pair| pair[0] == 0xFF && !matches!(pair[1], 0 | 0xFF))?;
    Some(from + code + 1)
}

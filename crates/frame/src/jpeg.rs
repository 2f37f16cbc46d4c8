//! JPEG, by way of the crate `jpeg`.

use image::metadata::Orientation;

use crate::error::{CodecError, DecodeError};
use crate::format::Format;
use crate::geometry::Size;
use crate::limits::Limits;
use crate::needs::{Buffers, Needs};
use crate::raw::Raw;
use crate::reduction::Reduction;

/// Reads what stands in front of the first scan of the JPEG in `bytes`.
pub(crate) fn header<'a>(
    bytes: &'a [u8],
    limits: &Limits,
) -> Result<jpeg::Header<'a>, DecodeError> {
    let header = jpeg::Header::read(bytes).map_err(refusal)?;
    limits.check_size(Format::Jpeg, (header.width as u32, header.height as u32))?;
    Ok(header)
}

/// The needs of the JPEG in `bytes` in full.
pub(crate) fn needs(header: &jpeg::Header<'_>, bytes: &[u8]) -> Needs {
    let size = (header.width as u32, header.height as u32);
    // A turned picture is copied once, when the coefficients are freed.
    let afterwards = Buffers::default().needs(size).memory_bytes;
    let memory_bytes = afterwards.max(header.memory_bytes(bytes.len(), 1) as u64);
    Needs { size, memory_bytes }
}

/// Reads the JPEG in `bytes` into `pixels`.
pub(crate) fn decode(
    bytes: &[u8],
    limits: &Limits,
    reduction: &Reduction,
    reader: &mut jpeg::Reader,
    stop: &dyn Fn() -> bool,
    pixels: &mut Vec<u8>,
) -> Result<Raw, DecodeError> {
    let header = header(bytes, limits)?;
    let full_size = Size::new(header.width, header.height);
    let reduction = reduction.of(full_size);
    let exif = header.exif.and_then(Orientation::from_exif_chunk);
    let (width, height) = reader.read(bytes, &header, reduction, stop, pixels).map_err(refusal)?;
    Ok(Raw {
        size: Size::new(width, height),
        full_size,
        reduction,
        orientation: exif.unwrap_or(Orientation::NoTransforms),
    })
}

fn refusal(error: jpeg::Error) -> DecodeError {
    let (format, source) = (Format::Jpeg, CodecError::Jpeg(error));
    match error {
        jpeg::Error::CutShort => DecodeError::CutShort { format },
        jpeg::Error::Unsupported(_) => DecodeError::UnsupportedKind { format, source },
        jpeg::Error::Stopped => DecodeError::Stopped,
        jpeg::Error::NotJpeg | jpeg::Error::Damaged(_) | jpeg::Error::Scans { .. } => {
            DecodeError::Corrupt { format, source }
        }
    }
}

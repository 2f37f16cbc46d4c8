//! The most that decoding a picture takes, from its header alone.

use std::io::Cursor;

use image::{ImageDecoder, ImageReader};

use crate::error::DecodeError;
use crate::format::Format;
use crate::limits::Limits;

/// The most that decoding a picture takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// Memory of all buffers together, at full size, the result included, bytes.
    pub memory_bytes: u64,
    /// True where decoding may take more than 100 ms of one core or more than 96 MiB.
    pub is_costly: bool,
}

/// The most that decoding the picture in `bytes` takes. No pixel is decoded.
///
/// # Errors
/// As [`decode()`](crate::decode()), as far as the header tells.
pub fn demand(bytes: &[u8], limits: &Limits) -> Result<Demand, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    let format = Format::sniff(bytes).ok_or(DecodeError::UnknownFormat)?;
    let memory_bytes = if format == Format::Jpeg {
        let header = ::jpeg::Header::read(bytes).map_err(crate::jpeg::refusal)?;
        limits.check_size(format, (header.width as u32, header.height as u32))?;
        header.memory_bytes(bytes.len(), 1) as u64
    } else {
        let reader = ImageReader::with_format(Cursor::new(bytes), format.codec());
        let decoder = reader
            .into_decoder()
            .map_err(|source| DecodeError::Corrupt { format, source: source.into() })?;
        limits.check_size(format, decoder.dimensions())?;
        2 * decoder.total_bytes()
    };
    if memory_bytes > limits.max_decoder_bytes {
        let limit_bytes = limits.max_decoder_bytes;
        return Err(DecodeError::TooMuchMemory { format, needed_bytes: memory_bytes, limit_bytes });
    }
    Ok(Demand { memory_bytes, is_costly: memory_bytes > 96 << 20 })
}

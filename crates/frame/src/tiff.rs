//! The compression of a TIFF, checked before decoding.

use std::io::Cursor;

use ::tiff::decoder::Decoder;
use ::tiff::tags::Tag;

use crate::error::{CodecError, DecodeError};
use crate::format::Format;

/// None, LZW, Deflate (both of its numbers) and `PackBits`: TIFF 6.0 and its supplements.
const COMPRESSIONS: [u32; 5] = [1, 5, 8, 32946, 32773];

/// Refuses a TIFF that wraps another format. The decoder would not notice when a JPEG inside is
/// larger than the TIFF says, or when half of it is missing.
pub(crate) fn check_compression(bytes: &[u8]) -> Result<(), DecodeError> {
    let format = Format::Tiff;
    let corrupt = |source| DecodeError::Corrupt { format, source: CodecError::Tiff(source) };
    let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(corrupt)?;
    let compression = decoder.find_tag_unsigned(Tag::Compression).map_err(corrupt)?.unwrap_or(1);
    if COMPRESSIONS.contains(&compression) {
        return Ok(());
    }
    let source = CodecError::TiffCompression { compression };
    Err(DecodeError::UnsupportedKind { format, source })
}

//! What is inside a TIFF, before anything of it is decoded.

use std::io::Cursor;

use ::tiff::decoder::Decoder;
use ::tiff::tags::Tag;

use crate::decode::Format;
use crate::error::{CodecError, DecodeError};

/// None, LZW, Deflate (both numbers it has) and `PackBits`: TIFF 6.0 and its supplements.
const COMPRESSIONS: [u32; 5] = [1, 5, 8, 32946, 32773];

/// Refuses a TIFF that is a wrapping of something else. A JPEG inside may be of any size whatever the
/// TIFF says, and half of it missing, and would not be noticed.
pub(crate) fn check_compression(bytes: &[u8]) -> Result<(), DecodeError> {
    let corrupt =
        |source| DecodeError::Corrupt { format: Format::Tiff, source: CodecError::Tiff(source) };
    let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(corrupt)?;
    let compression = decoder.find_tag_unsigned::<u32>(Tag::Compression).map_err(corrupt)?;
    match compression.unwrap_or(1) {
        known if COMPRESSIONS.contains(&known) => Ok(()),
        compression => Err(DecodeError::UnsupportedKind {
            format: Format::Tiff,
            source: CodecError::TiffCompression { compression },
        }),
    }
}

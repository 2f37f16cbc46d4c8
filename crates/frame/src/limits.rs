//! The maximum size of a picture.

use crate::error::{CodecError, DecodeError};
use crate::format::Format;

/// The maximum size of a picture. [`decode`](crate::decode()) checks it against the picture's
/// header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Maximum length of the longer side, pixels.
    pub max_side_px: u32,
    /// Maximum memory of decoding: all buffers together, the result included, bytes.
    pub max_decoder_bytes: u64,
}

impl Default for Limits {
    /// 5000 px, the limit that Kairos documents for its liveness endpoint; 288 MiB, enough for
    /// 5000x5000 pixels as a JPEG of any kind, or as a PNG of 8 or 16 bits.
    fn default() -> Self {
        Self { max_side_px: 5000, max_decoder_bytes: 288 << 20 }
    }
}

impl Limits {
    /// Refuses a size from the header that has no pixels or a side over the limit.
    pub(crate) fn check_size(
        &self,
        format: Format,
        (width, height): (u32, u32),
    ) -> Result<(), DecodeError> {
        if width == 0 || height == 0 {
            let source = CodecError::NoPixels { width, height };
            return Err(DecodeError::Corrupt { format, source });
        }
        let max_side_px = self.max_side_px;
        if width.max(height) > max_side_px {
            return Err(DecodeError::TooLarge { width, height, max_side_px });
        }
        Ok(())
    }

    /// Refuses a picture that may take more memory than is allowed.
    pub(crate) fn check_memory(&self, format: Format, needed: u64) -> Result<(), DecodeError> {
        let limit_bytes = self.max_decoder_bytes;
        if needed > limit_bytes {
            return Err(DecodeError::TooMuchMemory { format, needed_bytes: needed, limit_bytes });
        }
        Ok(())
    }
}

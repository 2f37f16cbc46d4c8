//! The memory that decoding takes, added up from the buffers of a picture.

use crate::error::{CodecError, DecodeError};
use crate::format::Format;

/// What the header of a picture says, and the memory that decoding takes by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Width and height, pixels.
    pub size: (u32, u32),
    /// The most memory of all buffers together, the result included, bytes.
    pub memory_bytes: u64,
}

/// The large buffers of decoding a picture of another format than JPEG, bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Buffers {
    /// Inside the decoder, while it reads.
    pub inside: u64,
    /// The samples as the decoder gives them; 0 if they are RGB8, which need no second buffer.
    pub samples: u64,
}

/// Memory of a decoder for a picture of any size, bytes: Huffman and LZW tables, windows, rows.
/// The most that `tests/memory.rs` saw was a third of it.
const OVERHEAD_BYTES: u64 = 1 << 20;

impl Buffers {
    /// The needs of a picture of `size`.
    pub(crate) fn needs(self, size: (u32, u32)) -> Needs {
        let Self { inside, samples } = self;
        let rgb = 3 * area(size);
        let while_reading = inside.saturating_add(if samples == 0 { rgb } else { samples });
        // Afterwards the samples become RGB8, and a turned picture is copied once.
        let afterwards = rgb + rgb.max(samples);
        Needs { size, memory_bytes: while_reading.max(afterwards).saturating_add(OVERHEAD_BYTES) }
    }
}

/// Pixels of a picture of this size.
pub(crate) fn area((width, height): (u32, u32)) -> u64 {
    u64::from(width) * u64::from(height)
}

/// The error of a header that contradicts itself.
pub(crate) fn damaged(format: Format, what: &'static str) -> DecodeError {
    DecodeError::Corrupt { format, source: CodecError::Header(what) }
}

/// `N` bytes from the index `at` on.
pub(crate) fn bytes_at<const N: usize>(
    format: Format,
    bytes: &[u8],
    at: usize,
) -> Result<[u8; N], DecodeError> {
    let found = bytes.get(at..).and_then(|rest| rest.first_chunk());
    found.copied().ok_or(DecodeError::CutShort { format })
}

//! The header of a BMP.

use crate::error::DecodeError;
use crate::format::Format;
use crate::limits::Limits;
use crate::needs::{Buffers, Needs, area, bytes_at};

/// Where the bitmap header begins, behind the file header of 14 bytes.
const BITMAP_HEADER: usize = 14;
/// Length of the oldest bitmap header, which has sides of 16 bits.
const CORE_HEADER_BYTES: u32 = 12;

/// Reads the header of the BMP in `bytes`.
pub(crate) fn header(bytes: &[u8], limits: &Limits) -> Result<Needs, DecodeError> {
    let format = Format::Bmp;
    let at = BITMAP_HEADER;
    let length = u32::from_le_bytes(bytes_at(format, bytes, at)?);
    let (size, bits) = if length == CORE_HEADER_BYTES {
        let [w0, w1, h0, h1, _, _, b0, b1] = bytes_at::<8>(format, bytes, at + 4)?;
        let side = |low, high| u32::from(u16::from_le_bytes([low, high]));
        ((side(w0, w1), side(h0, h1)), u16::from_le_bytes([b0, b1]))
    } else {
        let width = u32::from_le_bytes(bytes_at(format, bytes, at + 4)?);
        // A negative height says that rows come from the top.
        let height = i32::from_le_bytes(bytes_at(format, bytes, at + 8)?).unsigned_abs();
        let [_, _, b0, b1] = bytes_at::<4>(format, bytes, at + 12)?;
        ((width, height), u16::from_le_bytes([b0, b1]))
    };
    limits.check_size(format, size)?;
    // Pixels of 16 and 32 bits may have transparency.
    let samples = if matches!(bits, 16 | 32) { 4 * area(size) } else { 0 };
    Ok(Buffers { inside: 0, samples }.needs(size))
}

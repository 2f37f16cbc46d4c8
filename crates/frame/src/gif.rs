//! What stands in front of a GIF's first frame (`GIF89a`, sections 18 to 26).

use crate::error::DecodeError;
use crate::format::Format;
use crate::limits::Limits;
use crate::needs::{Buffers, Needs, area, bytes_at, damaged};

/// The signature, and the screen's size, flags, background and aspect.
const SCREEN_BYTES: usize = 13;
const EXTENSION: u8 = 0x21;
const FRAME: u8 = 0x2C;

/// Reads the GIF in `bytes` up to the header of its first frame.
pub(crate) fn header(bytes: &[u8], limits: &Limits) -> Result<Needs, DecodeError> {
    let format = Format::Gif;
    let sixteen = |low, high| u32::from(u16::from_le_bytes([low, high]));
    let [w0, w1, h0, h1, flags, ..] = bytes_at::<7>(format, bytes, 6)?;
    let size = (sixteen(w0, w1), sixteen(h0, h1));
    let has_palette = flags & 0x80 != 0;
    let palette_bytes = if has_palette { 3 << ((flags & 7) + 1) } else { 0 };
    let mut at = SCREEN_BYTES + palette_bytes;
    let frame = loop {
        let [kind] = bytes_at::<1>(format, bytes, at)?;
        match kind {
            FRAME => break bytes_at::<8>(format, bytes, at + 1)?,
            EXTENSION => at = end_of_blocks(bytes, at + 2)?,
            // The decoder passes over empty blocks.
            0 => at += 1,
            _ => return Err(damaged(format, "there is no frame")),
        }
    };
    let [x0, x1, y0, y1, w0, w1, h0, h1] = frame;
    let (left, top) = (sixteen(x0, x1), sixteen(y0, y1));
    let frame_size = (sixteen(w0, w1), sixteen(h0, h1));
    limits.check_size(format, size)?;
    limits.check_size(format, frame_size)?;
    // A frame that does not reach from edge to edge is read into a buffer of its own.
    let fills = left == 0 && frame_size.0 == size.0 && top + frame_size.1 <= size.1;
    let own = if fills { 0 } else { 4 * area(frame_size) };
    // The indices of the frame's colours; texts and profiles in front of it, in vectors that grow.
    let inside = own + area(frame_size) + 3 * at as u64;
    Ok(Buffers { inside, samples: 4 * area(size) }.needs(size))
}

/// The index behind the blocks that begin at `at`: each has its length in front, the last is empty.
fn end_of_blocks(bytes: &[u8], mut at: usize) -> Result<usize, DecodeError> {
    loop {
        let [length] = bytes_at::<1>(Format::Gif, bytes, at)?;
        at += 1 + usize::from(length);
        if length == 0 {
            return Ok(at);
        }
    }
}

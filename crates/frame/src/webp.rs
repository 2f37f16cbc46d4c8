//! The sizes of a WebP's frames, checked before decoding.
//!
//! An extended WebP announces a canvas, and its frames announce sizes of their own. Decoders go by
//! the frame's size, so the limits apply to each frame.
//!
//! Source of the layout: RFC 9649 (WebP), section 2, and RFC 6386 (VP8), section 9.1.

use crate::error::DecodeError;
use crate::format::Format;
use crate::limits::Limits;

/// `RIFF`, a length, `WEBP`.
const RIFF_HEADER: usize = 12;
/// Place, size, duration and flags of an animation's frame, in front of its chunks.
const ANIMATION_FRAME_HEADER: usize = 16;

/// Refuses a picture if any of its frames is over the limits.
pub(crate) fn check_frames(bytes: &[u8], limits: &Limits) -> Result<(), DecodeError> {
    check_chunks(bytes.get(RIFF_HEADER..).unwrap_or_default(), limits)
}

fn check_chunks(mut chunks: &[u8], limits: &Limits) -> Result<(), DecodeError> {
    while let Some((head, rest)) = chunks.split_first_chunk::<8>() {
        let [name @ .., l0, l1, l2, l3] = *head;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let data = &rest[..length.min(rest.len())];
        let size = match &name {
            b"VP8 " => vp8_size(data),
            b"VP8L" => vp8l_size(data),
            b"ANMF" => {
                check_chunks(data.get(ANIMATION_FRAME_HEADER..).unwrap_or_default(), limits)?;
                None
            }
            _ => None,
        };
        if let Some(size) = size {
            limits.check_size(Format::WebP, size)?;
        }
        // Chunks are padded to an even length.
        chunks = rest.get(length.saturating_add(length % 2)..).unwrap_or_default();
    }
    Ok(())
}

/// Two sides of 14 bits each, behind a frame tag of three bytes and a start code of three.
fn vp8_size(data: &[u8]) -> Option<(u32, u32)> {
    let [w0, w1, h0, h1] = *data.get(6..)?.first_chunk()?;
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3FFF);
    Some((side(w0, w1), side(h0, h1)))
}

/// Two sides of 14 bits each, stored less one, behind a signature byte.
fn vp8l_size(data: &[u8]) -> Option<(u32, u32)> {
    let bits = u32::from_le_bytes(*data.get(1..)?.first_chunk()?);
    Some(((bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1))
}

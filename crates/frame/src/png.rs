//! What stands in front of a PNG's pixels (PNG third edition, section 11).

use crate::error::DecodeError;
use crate::format::Format;
use crate::limits::Limits;
use crate::needs::{Buffers, Needs, area, bytes_at, damaged};

/// The eight bytes of the signature.
const SIGNATURE: usize = 8;
/// The most that a colour profile takes when it is inflated, bytes. The largest that cameras and
/// editors embed have under 1 MiB.
const MAX_PROFILE_BYTES: u64 = 4 << 20;

/// What stands in front of the pixels.
pub(crate) struct Header {
    pub needs: Needs,
    /// Memory of the decoder for texts, profiles and rows, bytes.
    pub metadata_bytes: u64,
}

/// Reads the chunks of the PNG in `bytes` up to its pixels.
pub(crate) fn header(bytes: &[u8], limits: &Limits) -> Result<Header, DecodeError> {
    let format = Format::Png;
    let (mut at, mut has_transparency, mut has_profile) = (SIGNATURE, false, false);
    let mut head = None;
    let before_pixels = loop {
        let [l0, l1, l2, l3, kind @ ..] = bytes_at::<8>(format, bytes, at)?;
        let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        match &kind {
            b"IHDR" if head.is_none() => {
                head = Some(bytes_at::<13>(format, bytes, at + 8)?);
            }
            b"IDAT" => break at as u64,
            b"tRNS" => has_transparency = true,
            b"iCCP" => has_profile = true,
            _ => {}
        }
        // Length, kind and checksum take 12 bytes.
        at = at.saturating_add(12).saturating_add(length);
    };
    let Some([w0, w1, w2, w3, h0, h1, h2, h3, depth, colour, ..]) = head else {
        return Err(damaged(format, "the pixels come before the header"));
    };
    let size = (u32::from_be_bytes([w0, w1, w2, w3]), u32::from_be_bytes([h0, h1, h2, h3]));
    limits.check_size(format, size)?;
    // Gray, RGB, palette, gray and RGB with alpha; a transparent colour becomes an alpha channel.
    let (colours, has_alpha) = match colour {
        0 => (1, has_transparency),
        2 | 3 => (3, has_transparency),
        4 => (1, true),
        6 => (3, true),
        _ => return Err(damaged(format, "the header gives a colour type that PNG does not know")),
    };
    let sample_bytes = if depth == 16 { 2 } else { 1 };
    let pixel_bytes = sample_bytes * (colours + u64::from(has_alpha));
    let samples = if pixel_bytes == 3 { 0 } else { pixel_bytes * area(size) };
    let profile = if has_profile { MAX_PROFILE_BYTES } else { 0 };
    // A few rows, and what stands in front of the pixels twice: as read and as kept.
    let metadata_bytes = (1 << 20) + 16 * u64::from(size.0) + 2 * before_pixels + profile;
    // A profile is inflated into a vector that grows.
    let buffers = Buffers { inside: metadata_bytes + profile, samples };
    Ok(Header { needs: buffers.needs(size), metadata_bytes })
}

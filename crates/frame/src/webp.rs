//! The chunks of a WebP, read before decoding (RFC 9649, section 2; RFC 6386, section 9.1).
//!
//! An extended WebP announces a canvas, and its frames announce sizes of their own. Decoders go by
//! the frame's size, so the limits apply to each frame.

use crate::error::DecodeError;
use crate::format::Format;
use crate::limits::Limits;
use crate::needs::{Buffers, Needs, area, bytes_at};

/// `RIFF`, a length, `WEBP`.
const RIFF_HEADER: usize = 12;
/// Name and length.
const CHUNK_HEADER: usize = 8;
/// Place, size, duration and flags of an animation's frame, in front of its chunks.
const ANIMATION_FRAME_HEADER: usize = 16;

/// Memory for the Huffman tables of lossless pixels, bytes: so much, and a byte for each pixel.
/// libwebp writes at most 2600 groups of tables, mostly under 200; a group takes 20 kB.
const TABLES_BYTES: u64 = 16 << 20;

/// Rates of `image-webp` 0.2 on one core, measured on pictures of libwebp with 0.1 to 8.9 bits a
/// pixel. Lossy pixels are decoded in one piece, behind all reading: 16 to 24 ns a pixel and 75 to
/// 150 ns a byte. Lossless pixels are read piece by piece, and then transformed at 10 to 17 ns
/// each.
const LOSSY_PIXEL_NS: u64 = 16;
const LOSSY_BYTE_NS: u64 = 100;
const TRANSFORMED_PIXEL_NS: u64 = 16;

/// The most that a part of a lossy picture's data announces, in 24 bits. The decoder allocates it
/// before it notices that the data are shorter.
const MAX_PARTITION_BYTES: u64 = 1 << 24;

/// The parts of a WebP that are decoded.
pub(crate) struct Header<'a> {
    pub needs: Needs,
    /// Lossless streams: the pixels, or the transparency of lossy ones.
    pub lossless: Vec<Lossless<'a>>,
    /// Estimated time between two questions whether to stop, nanoseconds on one core.
    pub uninterrupted_ns: u64,
    /// The most memory that the Huffman tables of a stream may take, bytes.
    pub max_tables_bytes: u64,
}

/// A lossless stream.
pub(crate) struct Lossless<'a> {
    pub stream: &'a [u8],
    /// The size, where the stream itself has none: that of a transparency.
    pub size: Option<(u32, u32)>,
}

#[derive(Clone, Copy)]
struct Chunk<'a> {
    name: [u8; 4],
    data: &'a [u8],
    /// Whether the bytes end before the chunk does.
    is_cut_short: bool,
}

/// The chunks in `bytes`. The last may be cut short.
fn chunks(mut bytes: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    std::iter::from_fn(move || {
        let (head, rest) = bytes.split_first_chunk::<CHUNK_HEADER>()?;
        let [name @ .., l0, l1, l2, l3] = *head;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        // Chunks are padded to an even length.
        bytes = rest.get(length.saturating_add(length % 2)..).unwrap_or_default();
        let is_cut_short = length > rest.len();
        Some(Chunk { name, data: &rest[..length.min(rest.len())], is_cut_short })
    })
}

/// The chunks of an animation's frame.
fn chunks_of_frame(frame: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    chunks(frame.get(ANIMATION_FRAME_HEADER..).unwrap_or_default())
}

/// Reads the chunks of the WebP in `bytes`. Refuses a picture if any of its frames is over the
/// limits.
pub(crate) fn header<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Header<'a>, DecodeError> {
    let format = Format::WebP;
    // What follows the RIFF container, as phones append, is not read.
    let length = u32::from_le_bytes(bytes_at(format, bytes, 4)?) as usize;
    let end = length.saturating_add(8).min(bytes.len());
    let body = bytes.get(RIFF_HEADER..end).unwrap_or_default();
    for chunk in chunks(body) {
        check(&chunk, limits)?;
        if chunk.name == *b"ANMF" {
            chunks_of_frame(chunk.data).try_for_each(|inner| check(&inner, limits))?;
        }
    }
    let first = chunks(body).next().ok_or(DecodeError::CutShort { format })?;
    // The sizes of all others are within the limits.
    if first.name != *b"VP8X" {
        let size = first.size().ok_or(DecodeError::CutShort { format })?;
        return Ok(of_parts(size, size, false, first.is_transparent(), &[first]));
    }
    let [flags, _, _, _, canvas @ ..] = bytes_at::<10>(format, first.data, 0)?;
    let canvas = size_of_24_bits(canvas);
    limits.check_size(format, canvas)?;
    let is_animated = flags & 2 != 0;
    // As the decoder: the first chunk of each name, and the first two of the first frame.
    let named = |name: [u8; 4]| chunks(body).find(|chunk| chunk.name == name);
    let mut parts: Vec<_> = [*b"VP8 ", *b"VP8L", *b"ALPH"].into_iter().filter_map(named).collect();
    let mut frame_size = canvas;
    if let Some(frame) = named(*b"ANMF") {
        parts.extend(chunks_of_frame(frame.data).take(2));
        if is_animated {
            frame_size = size_of_24_bits(bytes_at(format, frame.data, 6)?);
        }
    }
    limits.check_size(format, frame_size)?;
    Ok(of_parts(canvas, frame_size, is_animated, flags & 16 != 0, &parts))
}

/// The header of a picture of these parts. `frame_size` is that of the frame that is decoded.
fn of_parts<'a>(
    canvas: (u32, u32),
    frame_size: (u32, u32),
    is_animated: bool,
    has_alpha: bool,
    parts: &[Chunk<'a>],
) -> Header<'a> {
    // A part may say another size than the frame; the decoder notices after it has read the part.
    let sizes = parts.iter().filter_map(Chunk::size).chain([canvas, frame_size]);
    let pixels = sizes.map(area).max().unwrap_or(0);
    let max_tables_bytes = TABLES_BYTES + pixels;
    let (mut lossless, mut uninterrupted_ns) = (Vec::new(), 0);
    // The frame in RGBA, and the canvas that it is laid on.
    let mut inside = if is_animated { 8 * pixels } else { 0 };
    for part in parts {
        match &part.name {
            b"VP8 " => {
                let (width, height) = part.size().unwrap_or(frame_size);
                let padded = area((width.next_multiple_of(16), height.next_multiple_of(16)));
                // Luma and two planes of a fourth; for 256 pixels a description of 64 bytes, in a
                // vector that grows. The data are copied, and while they are read grow too.
                uninterrupted_ns +=
                    LOSSY_PIXEL_NS * pixels + LOSSY_BYTE_NS * part.data.len() as u64;
                inside += padded + padded / 2 + 3 * padded / 4 + 4 * part.data.len() as u64;
                inside += MAX_PARTITION_BYTES;
            }
            b"VP8L" => lossless.push(Lossless { stream: part.data, size: None }),
            b"ALPH" => match part.data {
                [head, stream @ ..] if head & 3 == 1 => {
                    lossless.push(Lossless { stream, size: Some(frame_size) });
                }
                _ => inside += pixels,
            },
            _ => {}
        }
    }
    // RGBA or, for transparency, ARGB and its green; and less than a byte for the predictors,
    // colours and groups of tables of each block of 4x4 pixels.
    inside += lossless.len() as u64 * (6 * pixels + max_tables_bytes);
    uninterrupted_ns += lossless.len() as u64 * TRANSFORMED_PIXEL_NS * pixels;
    let samples = if has_alpha { 4 * area(canvas) } else { 0 };
    let needs = Buffers { inside, samples }.needs(canvas);
    Header { needs, lossless, uninterrupted_ns, max_tables_bytes }
}

/// Refuses a chunk over the limits, and one that is cut short: the decoder allocates as much as a
/// chunk announces, up to 4 GiB, before it reads it.
fn check(chunk: &Chunk<'_>, limits: &Limits) -> Result<(), DecodeError> {
    let format = Format::WebP;
    if let Some(size) = chunk.size() {
        limits.check_size(format, size)?;
    }
    if chunk.is_cut_short { Err(DecodeError::CutShort { format }) } else { Ok(()) }
}

impl Chunk<'_> {
    /// The size of the picture in this chunk.
    fn size(&self) -> Option<(u32, u32)> {
        match &self.name {
            b"VP8 " => vp8_size(self.data),
            b"VP8L" => vp8l_size(self.data),
            _ => None,
        }
    }

    /// Whether a lossless picture says that it has transparency.
    fn is_transparent(&self) -> bool {
        self.name == *b"VP8L" && self.data.get(4).is_some_and(|bits| bits & 16 != 0)
    }
}

/// Two sides of 24 bits each, stored less one.
fn size_of_24_bits([w0, w1, w2, h0, h1, h2]: [u8; 6]) -> (u32, u32) {
    let side = |a, b, c| u32::from_le_bytes([a, b, c, 0]) + 1;
    (side(w0, w1, w2), side(h0, h1, h2))
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

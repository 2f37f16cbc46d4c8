//! The first directory of a TIFF (TIFF 6.0, section 2; `BigTIFF`).

use crate::error::{CodecError, DecodeError};
use crate::format::Format;
use crate::limits::Limits;
use crate::needs::{Buffers, Needs, area, damaged};

/// None, LZW, Deflate (both of its numbers) and `PackBits`: TIFF 6.0 and its supplements.
const COMPRESSIONS: [u64; 5] = [1, 5, 8, 32946, 32773];

const WIDTH: u16 = 256;
const HEIGHT: u16 = 257;
const BITS_PER_SAMPLE: u16 = 258;
const COMPRESSION: u16 = 259;
const SAMPLES_PER_PIXEL: u16 = 277;

/// The tags of which the decoder reads every value, however many there are: sizes, kinds of
/// samples, strips, tiles, orientation and tables. It passes over all others.
const READ_WHOLE: [u16; 21] = [
    256, 257, 258, 259, 262, 273, 274, 277, 278, 279, 284, 317, 322, 323, 324, 325, 338, 339, 347,
    530, 532,
];
/// Memory of the decoder for one of these values, bytes: 32 as read, 8 as kept, in vectors that
/// grow.
const VALUE_BYTES: u64 = 96;
/// Memory of the decoder for an entry of the directory, bytes.
const ENTRY_BYTES: u64 = 96;
/// Most entries of a directory. Cameras write under 100.
const MAX_ENTRIES: u64 = 4096;

/// Reads the first directory of the TIFF in `bytes`.
///
/// Refuses a TIFF that wraps another format. The decoder would not notice when a JPEG inside is
/// larger than the TIFF says, or when half of it is missing.
pub(crate) fn header(bytes: &[u8], limits: &Limits) -> Result<Needs, DecodeError> {
    let format = Format::Tiff;
    let directory = Directory::first(bytes)?;
    let mut values = 0_u64;
    let (mut width, mut height, mut bits, mut samples, mut compression) = (0, 0, 1, 1, None);
    for index in 0..directory.entries {
        let entry = directory.entry(index)?;
        if READ_WHOLE.contains(&entry.tag) {
            values = values.saturating_add(entry.count);
        }
        // Where a tag comes twice, the greater value counts: it takes more memory.
        match entry.tag {
            WIDTH => width = width.max(entry.greatest(&directory)?),
            HEIGHT => height = height.max(entry.greatest(&directory)?),
            BITS_PER_SAMPLE => bits = bits.max(entry.greatest(&directory)?),
            SAMPLES_PER_PIXEL => samples = samples.max(entry.greatest(&directory)?),
            COMPRESSION => {
                let number = entry.greatest(&directory)?;
                if !COMPRESSIONS.contains(&number) {
                    compression = Some(number);
                }
            }
            _ => {}
        }
    }
    if let Some(number) = compression {
        let compression = u32::try_from(number).unwrap_or(u32::MAX);
        let source = CodecError::TiffCompression { compression };
        return Err(DecodeError::UnsupportedKind { format, source });
    }
    let narrow = |pixels: u64| u32::try_from(pixels).unwrap_or(u32::MAX);
    let size = (narrow(width), narrow(height));
    limits.check_size(format, size)?;
    let pixel_bytes = samples.saturating_mul(bits.max(8).div_ceil(8));
    let decoded = area(size).saturating_mul(pixel_bytes);
    let metadata = values
        .saturating_mul(VALUE_BYTES)
        .saturating_add(directory.entries * ENTRY_BYTES)
        .saturating_add(16 * u64::from(size.0).saturating_mul(pixel_bytes));
    // The decoder reads all pixels into a buffer of its own, and copies them.
    let inside = decoded.saturating_add(metadata);
    let is_rgb8 = samples == 3 && bits == 8;
    Ok(Buffers { inside, samples: if is_rgb8 { 0 } else { decoded } }.needs(size))
}

/// A directory, in a file of either byte order, with offsets of 32 or 64 bits.
struct Directory<'a> {
    bytes: &'a [u8],
    is_big_endian: bool,
    has_wide_offsets: bool,
    entries: u64,
    /// Index of the first entry.
    at: usize,
}

struct Entry {
    tag: u16,
    kind: u16,
    count: u64,
    /// Index of the values, or of the offset to them.
    at: usize,
}

impl<'a> Directory<'a> {
    fn first(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let is_big_endian = bytes.starts_with(b"MM");
        let mut it = Self { bytes, is_big_endian, has_wide_offsets: false, entries: 0, at: 0 };
        it.has_wide_offsets = it.number(2, 2)? == 43;
        let start = if it.has_wide_offsets { it.number(8, 8)? } else { it.number(4, 4)? };
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        let count_bytes = if it.has_wide_offsets { 8 } else { 2 };
        it.entries = it.number(start, count_bytes)?;
        it.at = start.saturating_add(count_bytes);
        if it.entries > MAX_ENTRIES {
            return Err(damaged(Format::Tiff, "the directory has more than 4096 entries"));
        }
        Ok(it)
    }

    /// The number of `length` bytes (1, 2, 4 or 8) at the index `at`.
    fn number(&self, at: usize, length: usize) -> Result<u64, DecodeError> {
        let cut_short = DecodeError::CutShort { format: Format::Tiff };
        let found = self.bytes.get(at..).and_then(|rest| rest.get(..length)).ok_or(cut_short)?;
        let add = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Ok(if self.is_big_endian {
            found.iter().fold(0, add)
        } else {
            found.iter().rev().fold(0, add)
        })
    }

    fn entry(&self, index: u64) -> Result<Entry, DecodeError> {
        let (entry_bytes, count_bytes) = if self.has_wide_offsets { (20, 8) } else { (12, 4) };
        let at = self.at.saturating_add(index as usize * entry_bytes);
        Ok(Entry {
            tag: self.number(at, 2)? as u16,
            kind: self.number(at + 2, 2)? as u16,
            count: self.number(at + 4, count_bytes)?,
            at: at + 4 + count_bytes,
        })
    }
}

impl Entry {
    /// The greatest of the first 16 values, which are whole numbers.
    fn greatest(&self, directory: &Directory<'_>) -> Result<u64, DecodeError> {
        let length = match self.kind {
            1 => 1,
            3 => 2,
            4 => 4,
            16 => 8,
            _ => return Err(damaged(Format::Tiff, "a size is not a whole number")),
        };
        let offset_bytes = if directory.has_wide_offsets { 8 } else { 4 };
        let is_inside = self.count <= (offset_bytes / length) as u64;
        let at = if is_inside {
            self.at
        } else {
            usize::try_from(directory.number(self.at, offset_bytes)?).unwrap_or(usize::MAX)
        };
        let mut greatest = 0;
        for index in 0..self.count.min(16) as usize {
            let value = directory.number(at.saturating_add(index * length), length)?;
            greatest = greatest.max(value);
        }
        Ok(greatest)
    }
}

//! The Huffman tables of a lossless WebP, counted before decoding (RFC 9649, section 3).
//!
//! A file says in 10 bytes that a group of tables takes 70 kB, and may have 65536 groups, whatever
//! its size in pixels. The decoder makes them all, and heeds no limit. So this module walks through
//! the stream as far as its tables go. The pixels of the picture come behind them and are not read.

use crate::demand::Plan;
use crate::error::DecodeError;
use crate::format::Format;
use crate::limits::Limits;
use crate::needs::damaged;
use crate::source::Stopping;
use crate::webp::{self, Lossless};

/// The tables of a group: green, red, blue, alpha and distances.
const SYMBOLS: [usize; 5] = [256 + 24, 256, 256, 256, 40];
/// The order of the lengths of the code for code lengths.
const ORDER: [usize; 19] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
const MAX_CODE_BITS: usize = 15;

/// What `image-webp` 0.2 takes: for the five tables of a group 280 bytes, in a vector that grows;
/// for a table 4 bytes an entry, 1024 at most, and 32 for each code that is longer than 10 bits;
/// and what the allocator adds.
const GROUP_BYTES: u64 = 3 * 280;
const ENTRY_BYTES: u64 = 4;
const LONG_CODE_BYTES: u64 = 32;
const ALLOCATIONS_BYTES: u64 = 64;
const MAX_ENTRY_BITS: usize = 10;

/// Pixels of a part after which `stop` is asked.
const ASK_EVERY_PX: usize = 1 << 16;

/// Refuses the WebP in `bytes` if its Huffman tables take more than its plan allows for.
pub(crate) fn check(
    bytes: &[u8],
    plan: &Plan,
    limits: &Limits,
    stopping: &Stopping<'_>,
) -> Result<(), DecodeError> {
    let header = webp::header(bytes, limits)?;
    for lossless in &header.lossless {
        let tables = tables_bytes(lossless, header.max_tables_bytes, stopping)?;
        if let Some(more) = tables.checked_sub(header.max_tables_bytes).filter(|it| *it > 0) {
            return Err(DecodeError::TooMuchMemory {
                format: Format::WebP,
                needed_bytes: plan.needs.memory_bytes + more,
                limit_bytes: plan.needs.memory_bytes,
            });
        }
    }
    Ok(())
}

/// Adds up the memory of the Huffman tables of `lossless`, bytes. Ends as soon as it is more than
/// `max_bytes`.
///
/// # Errors
/// When the stream contradicts itself or ends early, as the decoder would find too.
fn tables_bytes(
    lossless: &Lossless<'_>,
    max_bytes: u64,
    stopping: &Stopping<'_>,
) -> Result<u64, DecodeError> {
    let mut walk = Walk { bits: Bits { bytes: lossless.stream, at: 0 }, stopping };
    let (mut width, height) = if let Some((width, height)) = lossless.size {
        (width as usize, height as usize)
    } else {
        // Signature, sides, whether there is transparency, version.
        walk.bits.read(8)?;
        let sides = (walk.bits.read(14)? + 1, walk.bits.read(14)? + 1);
        walk.bits.read(4)?;
        sides
    };
    let mut seen = [false; 4];
    while walk.bits.read(1)? == 1 {
        let kind = walk.bits.read(2)?;
        if std::mem::replace(&mut seen[kind], true) {
            return Err(wrong("a transform comes twice"));
        }
        match kind {
            0 | 1 => {
                let block_bits = walk.bits.read(3)? + 2;
                walk.part(blocks(width, block_bits) * blocks(height, block_bits))?;
            }
            3 => {
                let colours = walk.bits.read(8)? + 1;
                walk.part(colours)?;
                // So many pixels of a palette share a byte.
                width = blocks(width, [3, 2, 1, 0][palette_kind(colours)]);
            }
            _ => {}
        }
    }
    let cache = walk.cache()?;
    let groups = if walk.bits.read(1)? == 1 {
        let block_bits = walk.bits.read(3)? + 2;
        1 + walk.part(blocks(width, block_bits) * blocks(height, block_bits))?
    } else {
        1
    };
    let mut bytes = 0;
    for _ in 0..groups {
        bytes += GROUP_BYTES + walk.group(cache)?.iter().map(Code::memory_bytes).sum::<u64>();
        if bytes > max_bytes {
            break;
        }
    }
    Ok(bytes)
}

/// Blocks of `1 << bits` pixels on a side.
fn blocks(side: usize, bits: usize) -> usize {
    side.div_ceil(1 << bits)
}

fn palette_kind(colours: usize) -> usize {
    match colours {
        0..=2 => 0,
        3..=4 => 1,
        5..=16 => 2,
        _ => 3,
    }
}

fn wrong(what: &'static str) -> DecodeError {
    damaged(Format::WebP, what)
}

/// Bits from the lowest of each byte on.
struct Bits<'a> {
    bytes: &'a [u8],
    /// Bits that were read.
    at: usize,
}

impl Bits<'_> {
    /// The next 0 to 24 bits.
    fn read(&mut self, count: usize) -> Result<usize, DecodeError> {
        let mut word = [0; 4];
        let rest = self.bytes.get(self.at / 8..).unwrap_or_default();
        let length = rest.len().min(4);
        word[..length].copy_from_slice(&rest[..length]);
        let shift = self.at % 8;
        if 8 * rest.len() < shift + count {
            return Err(DecodeError::CutShort { format: Format::WebP });
        }
        self.at += count;
        Ok((u32::from_le_bytes(word) >> shift) as usize & ((1 << count) - 1))
    }
}

/// A canonical Huffman code.
struct Code {
    /// Codes of each length; of length 0, if there is but one symbol, which takes no bits.
    counts: [usize; MAX_CODE_BITS + 1],
    /// The symbols, by the length of their code.
    symbols: Vec<usize>,
}

impl Code {
    /// A code of these symbols, each with the same length.
    fn of(symbols: Vec<usize>, bits: usize) -> Self {
        let mut counts = [0; MAX_CODE_BITS + 1];
        counts[bits] = symbols.len();
        Self { counts, symbols }
    }

    /// The code whose symbols have codes of these lengths.
    fn from_lengths(lengths: &[usize]) -> Result<Self, DecodeError> {
        let mut counts = [0; MAX_CODE_BITS + 1];
        let mut symbols: Vec<_> = (0..lengths.len()).filter(|&it| lengths[it] > 0).collect();
        if symbols.len() == 1 {
            return Ok(Self::of(symbols, 0));
        }
        symbols.sort_by_key(|&symbol| lengths[symbol]);
        for &symbol in &symbols {
            counts[lengths[symbol]] += 1;
        }
        let taken = (1..=MAX_CODE_BITS).map(|bits| counts[bits] << (MAX_CODE_BITS - bits));
        if taken.sum::<usize>() != 1 << MAX_CODE_BITS {
            return Err(wrong("a Huffman code is not complete"));
        }
        Ok(Self { counts, symbols })
    }

    fn is_single(&self) -> bool {
        self.counts[0] == 1
    }

    /// The next symbol.
    fn read(&self, bits: &mut Bits<'_>) -> Result<usize, DecodeError> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for (length, &count) in self.counts.iter().enumerate() {
            if length > 0 {
                code = code << 1 | bits.read(1)?;
                first <<= 1;
            }
            if code < first + count {
                return Ok(self.symbols[index + code - first]);
            }
            index += count;
            first += count;
        }
        Err(wrong("a Huffman code is not complete"))
    }

    /// The memory that the decoder takes for the table of this code, bytes.
    fn memory_bytes(&self) -> u64 {
        if self.is_single() {
            return 0;
        }
        let longest = self.counts.iter().rposition(|&count| count > 0).unwrap_or(0);
        let long: usize = self.counts[MAX_ENTRY_BITS + 1..].iter().sum();
        // The shortest kind of table has three entries more, of 16 bytes.
        ALLOCATIONS_BYTES
            + (ENTRY_BYTES << longest.min(MAX_ENTRY_BITS))
            + LONG_CODE_BYTES * long as u64
            + 48
    }
}

struct Walk<'a> {
    bits: Bits<'a>,
    stopping: &'a Stopping<'a>,
}

impl Walk<'_> {
    /// Bits of the colour cache.
    fn cache(&mut self) -> Result<Option<usize>, DecodeError> {
        if self.bits.read(1)? == 0 {
            return Ok(None);
        }
        match self.bits.read(4)? {
            bits @ 1..=11 => Ok(Some(bits)),
            _ => Err(wrong("the colour cache has a size that WebP does not know")),
        }
    }

    /// The codes of a group.
    fn group(&mut self, cache: Option<usize>) -> Result<[Code; 5], DecodeError> {
        let [green, red, blue, alpha, distance] = SYMBOLS;
        let cached = cache.map_or(0, |bits| 1 << bits);
        Ok([
            self.code(green + cached)?,
            self.code(red)?,
            self.code(blue)?,
            self.code(alpha)?,
            self.code(distance)?,
        ])
    }

    fn code(&mut self, symbols: usize) -> Result<Code, DecodeError> {
        let bits = &mut self.bits;
        if bits.read(1)? == 1 {
            let has_two = bits.read(1)? == 1;
            let first_bits = if bits.read(1)? == 1 { 8 } else { 1 };
            let mut found = vec![bits.read(first_bits)?];
            if has_two {
                found.push(bits.read(8)?);
            }
            if found.iter().any(|&symbol| symbol >= symbols) {
                return Err(wrong("a Huffman code has a symbol that there is not"));
            }
            return Ok(Code::of(found, usize::from(has_two)));
        }
        let mut lengths = [0; 19];
        let count = 4 + bits.read(4)?;
        for &place in ORDER.get(..count).ok_or(wrong("there are too many code lengths"))? {
            lengths[place] = bits.read(3)?;
        }
        let code = Code::from_lengths(&lengths)?;
        let most = if bits.read(1)? == 1 {
            let count = 2 + 2 * bits.read(3)?;
            2 + bits.read(count)?
        } else {
            symbols
        };
        if most > symbols {
            return Err(wrong("there are more code lengths than symbols"));
        }
        let mut lengths = Vec::with_capacity(symbols);
        let mut previous = 8;
        for _ in 0..most {
            if lengths.len() == symbols {
                break;
            }
            let (length, times) = match code.read(bits)? {
                16 => (previous, 3 + bits.read(2)?),
                17 => (0, 3 + bits.read(3)?),
                18 => (0, 11 + bits.read(7)?),
                length => {
                    if length > 0 {
                        previous = length;
                    }
                    (length, 1)
                }
            };
            if lengths.len() + times > symbols {
                return Err(wrong("there are more code lengths than symbols"));
            }
            lengths.resize(lengths.len() + times, length);
        }
        Code::from_lengths(&lengths)
    }

    /// Passes over a part of so many pixels that stands in front of the picture's pixels. Returns
    /// the greatest number that red and green make together: as a group of tables, the greatest.
    fn part(&mut self, pixels: usize) -> Result<usize, DecodeError> {
        let cache = self.cache()?;
        let [green, red, blue, alpha, distance] = self.group(cache)?;
        let (mut greatest, mut done, mut ask_at) = (0, 0, 0);
        while done < pixels {
            if done >= ask_at {
                self.stopping.ask()?;
                ask_at = done + ASK_EVERY_PX;
            }
            let bits = &mut self.bits;
            let symbol = green.read(bits)?;
            if symbol < 256 {
                greatest = greatest.max(red.read(bits)? << 8 | symbol);
                blue.read(bits)?;
                alpha.read(bits)?;
                // A literal without bits is the same for all pixels.
                let is_even = [&green, &red, &blue, &alpha].iter().all(|code| code.is_single());
                done = if is_even { pixels } else { done + 1 };
            } else if symbol < SYMBOLS[0] {
                // Copies pixels, none of which is greater.
                done += extended(symbol - 256, bits)?;
                let symbol = distance.read(bits)?;
                extended(symbol, bits)?;
                if done > pixels {
                    return Err(wrong("pixels are copied behind the end"));
                }
            } else {
                // From the colour cache: one of the pixels so far, or zero.
                done += 1;
            }
        }
        Ok(greatest)
    }
}

/// A length or distance: a symbol and the bits behind it.
fn extended(symbol: usize, bits: &mut Bits<'_>) -> Result<usize, DecodeError> {
    if symbol < 4 {
        return Ok(symbol + 1);
    }
    let extra = (symbol - 2) >> 1;
    Ok(((2 + (symbol & 1)) << extra) + bits.read(extra)? + 1)
}

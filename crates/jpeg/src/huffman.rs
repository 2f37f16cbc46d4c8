//! Huffman tables (ITU-T T.81, annexes C and F.2.2.3), made to be looked up.
#![expect(
    clippy::inline_always,
    reason = "a function compiled for newer processors must take in all that it calls"
)]

use crate::bits::Bits;
use crate::error::Error;

/// Bits of a look-up. Of 9 to 13 tried, 11 was the fastest.
pub(crate) const LOOKED_UP: u32 = 11;
pub(crate) const ENTRIES: usize = 1 << LOOKED_UP;

/// A table as a DHT segment gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Definition {
    /// The number of codes of 1 to 16 bits.
    pub(crate) counts: [u8; 16],
    /// Their symbols, from the shortest code to the longest.
    pub(crate) symbols: Vec<u8>,
}

/// Which symbol begins with which bits.
pub(crate) struct Codes {
    /// By the next 11 bits: the symbol and the bits of its code; 0 bits if the code is longer.
    short: Box<[(u8, u8); ENTRIES]>,
    /// For codes of 1 to 16 bits: one more than the last, from the highest of 16 bits on, and the
    /// difference of a symbol's index from its code.
    bounds: [(u32, i32); 17],
    symbols: [u8; 256],
}

const NO_CODE: Error = Error::Damaged("there is a Huffman code that is in no table");

impl Codes {
    /// # Errors
    /// When the codes do not fit into their bits.
    pub(crate) fn new(definition: &Definition) -> Result<Self, Error> {
        let mut codes =
            Self { short: Box::new([(0, 0); ENTRIES]), bounds: [(0, 0); 17], symbols: [0; 256] };
        codes.symbols[..definition.symbols.len()].copy_from_slice(&definition.symbols);
        let (mut code, mut index) = (0_u32, 0_usize);
        for (bits, &count) in (1..=16_u32).zip(&definition.counts) {
            let first = code;
            code += u32::from(count);
            // No code is of ones alone (C.2).
            if code >= 1 << bits {
                return Err(Error::Damaged("the codes of a Huffman table do not fit"));
            }
            codes.bounds[bits as usize] = (code << (16 - bits), index as i32 - first as i32);
            for code in first..code {
                if bits <= LOOKED_UP {
                    let spread = LOOKED_UP - bits;
                    let from = (code << spread) as usize;
                    codes.short[from..from + (1 << spread)]
                        .fill((codes.symbols[index], bits as u8));
                }
                index += 1;
            }
            code <<= 1;
        }
        Ok(codes)
    }

    /// Takes a code of at most 16 bits, which are ready, and returns its symbol.
    #[inline(always)]
    pub(crate) fn symbol(&self, bits: &mut Bits<'_>) -> Result<u8, Error> {
        let (symbol, length) = self.short[bits.peek::<LOOKED_UP>()];
        if length > 0 {
            bits.skip(length.into());
            return Ok(symbol);
        }
        let (symbol, length) = self.long_symbol(bits.peek::<16>() as u32)?;
        bits.skip(length);
        Ok(symbol)
    }

    /// The symbol with which these 16 bits begin, and the bits of its code. It takes no [`Bits`],
    /// which then stay in registers.
    #[cold]
    #[inline(never)]
    fn long_symbol(&self, next: u32) -> Result<(u8, u32), Error> {
        for length in LOOKED_UP + 1..=16 {
            let (bound, offset) = self.bounds[length as usize];
            if next < bound {
                let index = (next >> (16 - length)) as i32 + offset;
                return Ok((self.symbols[index as usize & 255], length));
            }
        }
        Err(NO_CODE)
    }
}

/// The number of `size` bits that follow a symbol, as a signed number (F.2.2.1, EXTEND): those that
/// begin with 0 are negative.
#[inline(always)]
pub(crate) fn magnitude(bits: &mut Bits<'_>, size: u32) -> i32 {
    let value = bits.take(size) as i32;
    extend(value, size)
}

#[inline(always)]
fn extend(value: i32, size: u32) -> i32 {
    // 2 * value < 2^size: the first bit is 0. With a size of 0 the value stays 0.
    if value << 1 < 1 << size { value + 1 - (1 << size) } else { value }
}

/// What the next 11 bits say of coefficients: one of DC, or up to two of AC with the zeros in front
/// of each.
#[derive(Clone, Copy, Default)]
pub(crate) struct Step {
    /// The values; where there is but one, it stands here twice. If [`Step::is_long`], the second
    /// says where the value stands instead.
    values: [i16; 2],
    /// Their places, counted from the next coefficient. [`NO_PLACE`] if there is no value.
    pub(crate) places: [u8; 2],
    /// Coefficients that this step passes over. [`END_OF_BLOCK`] is added where the block ends.
    pub(crate) advance: u8,
    /// Bits of the whole step: at most 11, or up to [`MOST_BITS`] if it is long; 0 if there is no
    /// value, because its code takes more than 11 or both take more than that.
    pub(crate) bits: u8,
}

/// The place where a step has no value: behind the block, wherever the step begins.
const NO_PLACE: u8 = 63;

/// Most bits of a step: three fit into what a refill makes ready.
pub(crate) const MOST_BITS: u32 = 18;

impl Step {
    /// Whether there is one value, which begins in these 11 bits and ends behind them.
    #[inline(always)]
    fn is_long(self) -> bool {
        u32::from(self.bits) > LOOKED_UP
    }

    /// The values, of which `bits` begin with the code of the first. If there is but one, the
    /// second is to be overwritten with it.
    #[inline(always)]
    pub(crate) fn values(self, bits: &Bits<'_>) -> [i16; 2] {
        let [first, second] = self.values;
        let (code_bits, size) = (u32::from(second as u16 >> 8), u32::from(second as u16 & 15));
        [if self.is_long() { bits.magnitude_behind(code_bits & 31, size) } else { first }, second]
    }
}

/// Added to [`Step::advance`] where the block ends. Blocks have 64 coefficients.
pub(crate) const END_OF_BLOCK: u8 = 128;
/// The symbol for 16 zeros.
const ZEROS: u8 = 0xF0;

/// What a table is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// Differences of DC coefficients.
    Dc,
    /// AC coefficients of a sequential scan.
    Ac,
    /// AC coefficients of a progressive scan, which leaves so many of their low bits to later scans
    /// and can end several blocks at once.
    ProgressiveAc { low: u32 },
}

/// A table that is made for a use.
pub(crate) struct Table {
    definition: Definition,
    made_for: Use,
    pub(crate) codes: Codes,
}

impl Table {
    /// Makes a table, and its steps for the next 11 bits.
    pub(crate) fn new(
        definition: &Definition,
        made_for: Use,
        steps: &mut [Step; ENTRIES],
    ) -> Result<Self, Error> {
        let codes = Codes::new(definition)?;
        let is_too_large = |&size: &u8| size > 15;
        if made_for == Use::Dc && definition.symbols.iter().any(is_too_large) {
            return Err(Error::Damaged("a Huffman table has a DC difference of over 15 bits"));
        }
        for (next, step) in steps.iter_mut().enumerate() {
            *step = first(&codes, next, made_for);
        }
        if made_for != Use::Dc {
            for (next, step) in steps.iter_mut().enumerate() {
                if step.bits == 0 || step.is_long() || step.advance >= END_OF_BLOCK {
                    continue;
                }
                let second = first(&codes, next << step.bits & (ENTRIES - 1), made_for);
                if second.bits == 0 || u32::from(step.bits + second.bits) > LOOKED_UP {
                    continue;
                }
                if second.advance < END_OF_BLOCK {
                    step.values[1] = second.values[0];
                    step.places[1] = step.advance + second.places[0];
                }
                step.advance += second.advance;
                step.bits += second.bits;
            }
        }
        Ok(Self { definition: definition.clone(), made_for, codes })
    }

    /// Whether it is made of this definition, for this use.
    pub(crate) fn is(&self, definition: &Definition, made_for: Use) -> bool {
        self.definition == *definition && self.made_for == made_for
    }
}

/// The first value in these 11 bits.
fn first(codes: &Codes, next: usize, made_for: Use) -> Step {
    let no_step = Step { places: [NO_PLACE; 2], ..Step::default() };
    let (symbol, bits) = codes.short[next];
    let (zeros, size) = if made_for == Use::Dc { (0, symbol) } else { (symbol >> 4, symbol & 15) };
    if bits == 0 {
        return no_step;
    }
    let low = if let Use::ProgressiveAc { low } = made_for { low } else { 0 };
    let (code_bits, bits) = (u16::from(bits), bits + size);
    let (places, advance) = ([zeros; 2], zeros + 1);
    if u32::from(bits) > LOOKED_UP {
        // The bits that a progressive scan leaves out are not added to a long step.
        let values = [0, (code_bits << 8 | u16::from(size)) as i16];
        let fits = low == 0 && u32::from(bits) <= MOST_BITS;
        return if fits { Step { values, places, advance, bits } } else { no_step };
    }
    let is_end = made_for != Use::Dc && size == 0 && symbol != ZEROS;
    if !is_end {
        let value = next as i32 >> (LOOKED_UP - u32::from(bits)) & ((1 << size) - 1);
        let value = (extend(value, size.into()) << low) as i16;
        return Step { values: [value; 2], places, advance, bits };
    }
    if zeros > 0 && matches!(made_for, Use::ProgressiveAc { .. }) {
        return no_step;
    }
    Step { advance: END_OF_BLOCK, bits, ..Step::default() }
}

/// The tables of T.81, annex K.3, which the frames of Motion JPEG leave out: DC and AC of
/// brightness, then of colour.
pub(crate) fn standard() -> [Definition; 4] {
    let of = |counts, symbols: &[u8]| Definition { counts, symbols: symbols.to_vec() };
    let sizes: Vec<u8> = (0..12).collect();
    [
        of([0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], &sizes),
        of([0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7D], &AC_OF_BRIGHTNESS),
        of([0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0], &sizes),
        of([0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77], &AC_OF_COLOUR),
    ]
}

/// Zeros and size of each symbol, table K.5.
const AC_OF_BRIGHTNESS: [u8; 162] = [
    0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07,
    0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xA1, 0x08, 0x23, 0x42, 0xB1, 0xC1, 0x15, 0x52, 0xD1, 0xF0,
    0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0A, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x25, 0x26, 0x27, 0x28,
    0x29, 0x2A, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49,
    0x4A, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69,
    0x6A, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
    0x8A, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7,
    0xA8, 0xA9, 0xAA, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xC2, 0xC3, 0xC4, 0xC5,
    0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA, 0xE1, 0xE2,
    0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xF1, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8,
    0xF9, 0xFA,
];

/// Zeros and size of each symbol, table K.6.
const AC_OF_COLOUR: [u8; 162] = [
    0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71,
    0x13, 0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xA1, 0xB1, 0xC1, 0x09, 0x23, 0x33, 0x52, 0xF0,
    0x15, 0x62, 0x72, 0xD1, 0x0A, 0x16, 0x24, 0x34, 0xE1, 0x25, 0xF1, 0x17, 0x18, 0x19, 0x1A, 0x26,
    0x27, 0x28, 0x29, 0x2A, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3A, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48,
    0x49, 0x4A, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5A, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68,
    0x69, 0x6A, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87,
    0x88, 0x89, 0x8A, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0xA2, 0xA3, 0xA4, 0xA5,
    0xA6, 0xA7, 0xA8, 0xA9, 0xAA, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7, 0xB8, 0xB9, 0xBA, 0xC2, 0xC3,
    0xC4, 0xC5, 0xC6, 0xC7, 0xC8, 0xC9, 0xCA, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8, 0xD9, 0xDA,
    0xE2, 0xE3, 0xE4, 0xE5, 0xE6, 0xE7, 0xE8, 0xE9, 0xEA, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8,
    0xF9, 0xFA,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_ones_alone_and_those_that_do_not_fit_are_refused() {
        let are_refused = |counts: &[u8]| {
            let mut all = [0; 16];
            all[..counts.len()].copy_from_slice(counts);
            let symbols = vec![1; all.iter().map(|&count| usize::from(count)).sum()];
            Codes::new(&Definition { counts: all, symbols }).is_err()
        };
        assert!(!are_refused(&[]));
        assert!(!are_refused(&[1, 1, 1]));
        assert!(are_refused(&[2]));
        assert!(are_refused(&[1, 1, 2]));
        assert!(are_refused(&[1, 3]));
    }
}

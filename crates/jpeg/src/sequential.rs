//! Huffman-coded blocks of a sequential scan (ITU-T T.81, F.2.2).

use crate::bits::Bits;
use crate::block::{Block, PLACES};
use crate::coding::{Coding, Next};
use crate::coefficients::Coefficients;
use crate::error::Error;
use crate::huffman::{Codes, END_OF_BLOCK, LOOKED_UP, MOST_BITS, magnitude};
use crate::tables::HuffmanTables;
use crate::scan::check_left_over;

/// What is said of a block of more than 64 coefficients.
pub(crate) const PAST_BLOCK: Error = Error::Damaged("a run of zeros leads out of its block");

/// What is said of a DC coefficient that does not fit in its bits.
pub(crate) const LARGE_DC: Error = Error::Damaged("a DC coefficient is larger than any sample makes it");

/// Decodes the blocks of one scan.
pub(crate) struct Sequential<'a> {
    bits: Bits<'a>,
    tables: &'a HuffmanTables,
    /// For each component of the scan the slots of its tables for DC and AC coefficients.
    slots: [[usize; 2]; 4],
    /// The last DC coefficient of each component.
    predictions: [i32; 4],
}

impl<'a> Sequential<'a> {
    pub(crate) fn new(tables: &'a HuffmanTables, slots: [[usize; 2]; 4]) -> Self {
        Self { bits: Bits::new(&[], 0), tables, slots, predictions: [0; 4] }
    }
}

impl<'a> Coding<'a> for Sequential<'a> {
    fn begin(&mut self, data: &'a [u8], length: usize) {
        self.bits = Bits::new(data, length);
        self.predictions = [0; 4];
    }

    #[inline(always)]
    fn blocks(&mut self, next: &[Next], into: &mut Coefficients) -> Result<(), Error> {
        // A copy can stay in registers.
        let mut bits = self.bits;
        for next in next {
            let component = next.component as usize & 3;
            let [dc, ac] = self.slots[component];
            let block = &mut into.blocks[next.index as usize];
            *block = [0; 64];
            bits.refill();
            let step = self.tables.steps(dc)[bits.peek::<LOOKED_UP>()];
            let [mut difference, _] = step.values(&bits);
            bits.skip(step.bits.into());
            if step.bits == 0 {
                (bits, difference) = long_difference(bits, self.tables.codes(dc)?)?;
            }
            let prediction = &mut self.predictions[component];
            *prediction += i32::from(difference);
            block[0] = i16::try_from(*prediction).map_err(|_| LARGE_DC)?;
            let steps = self.tables.steps(ac);
            // The index, in zigzag order, of the next coefficient.
            let mut at = 1_u8;
            while at < 64 {
                bits.refill();
                for _ in 0..STEPS {
                    let step = steps[bits.peek::<LOOKED_UP>()];
                    if at + step.places[0] >= 63 {
                        // A longer code, or the last of the block: what follows is not of this
                        // table.
                        bits.refill();
                        (bits, at) = one(bits, self.tables.codes(ac)?, at, block)?;
                        break;
                    }
                    let [first, second] = step.values(&bits);
                    block[place(at + step.places[1])] = second;
                    block[place(at + step.places[0])] = first;
                    bits.skip(step.bits.into());
                    at += step.advance;
                    if at >= 64 {
                        break;
                    }
                }
            }
            if at > 64 && at < END_OF_BLOCK {
                return Err(PAST_BLOCK);
            }
            into.known[next.index as usize] = u64::MAX >> (64 - (at & (END_OF_BLOCK - 1)));
        }
        self.bits = bits;
        Ok(())
    }

    fn is_past_end(&self) -> bool {
        self.bits.is_past_end()
    }

    fn end(&self) -> Result<(), Error> {
        check_left_over(self.bits.left_over())
    }
}

/// Steps for which the bits suffice that a refill makes ready.
const STEPS: u32 = 56 / MOST_BITS;

#[inline(always)]
fn place(at: u8) -> usize {
    usize::from(PLACES[usize::from(at)] & 63)
}

/// Decodes a DC difference whose code takes more bits than a step looks at.
#[inline(never)]
fn long_difference<'a>(mut bits: Bits<'a>, codes: &Codes) -> Result<(Bits<'a>, i16), Error> {
    let size = codes.symbol(&mut bits)?;
    let difference = magnitude(&mut bits, size.into()) as i16;
    Ok((bits, difference))
}

/// Decodes one symbol with its value, and returns the index behind it. Bits come and go by value, so
/// that those of the caller stay in registers.
#[inline(never)]
fn one<'a>(
    mut bits: Bits<'a>,
    codes: &Codes,
    at: u8,
    block: &mut Block,
) -> Result<(Bits<'a>, u8), Error> {
    let symbol = codes.symbol(&mut bits)?;
    let (zeros, size) = (symbol >> 4, symbol & 15);
    if size == 0 && zeros != 15 {
        return Ok((bits, at + END_OF_BLOCK));
    }
    let at = at + zeros;
    if at > 63 {
        return Err(PAST_BLOCK);
    }
    block[place(at)] = magnitude(&mut bits, size.into()) as i16;
    Ok((bits, at + 1))
}

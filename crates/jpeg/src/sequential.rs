//! Huffman-coded blocks of a sequential scan (ITU-T T.81, F.2.2).

use crate::bits::Bits;
use crate::block::{Block, PLACES};
use crate::coding::{Coding, Next};
use crate::coefficients::Coefficients;
use crate::error::Error;
use crate::huffman::{AcTable, Codes, DcTable, END_OF_BLOCK, LOOKED_UP, magnitude};
use crate::scan::check_left_over;

/// What is said of a block of more than 64 coefficients.
pub(crate) const PAST_BLOCK: Error = Error::Damaged("a run of zeros leads out of its block");

/// What is said of a DC coefficient that does not fit in its bits.
pub(crate) const LARGE_DC: Error = Error::Damaged("a DC coefficient is larger than any sample makes it");

/// Decodes the blocks of one scan.
pub(crate) struct Sequential<'a> {
    bits: Bits<'a>,
    /// For each component of the scan.
    tables: [Option<(&'a DcTable, &'a AcTable)>; 4],
    /// The last DC coefficient of each component.
    predictions: [i32; 4],
}

impl<'a> Sequential<'a> {
    pub(crate) fn new(tables: [Option<(&'a DcTable, &'a AcTable)>; 4]) -> Self {
        Self { bits: Bits::new(&[], 0), tables, predictions: [0; 4] }
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
            let Some((dc, ac)) = self.tables[component] else { continue };
            let steps = &*ac.steps;
            let block = &mut into.blocks[next.index as usize];
            *block = [0; 64];
            bits.refill();
            let prediction = &mut self.predictions[component];
            *prediction += dc.difference(&mut bits)?;
            block[0] = i16::try_from(*prediction).map_err(|_| LARGE_DC)?;
            // The index, in zigzag order, of the next coefficient.
            let mut at = 1_u8;
            while at < 64 {
                bits.refill();
                // Five steps of 11 bits, or a longer symbol of up to 31.
                for _ in 0..STEPS {
                    let step = steps[bits.peek::<LOOKED_UP>()];
                    if at + step.places[0] >= 63 {
                        // A longer symbol, or the last of the block: what follows is not of this
                        // table.
                        bits.refill();
                        (bits, at) = one(bits, &ac.codes, at, block)?;
                        break;
                    }
                    block[place(at + step.places[0])] = step.values[0];
                    block[place(at + step.places[1])] = step.values[1];
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

/// Steps between two refills of bits.
const STEPS: u32 = 56 / LOOKED_UP;

#[inline(always)]
fn place(at: u8) -> usize {
    usize::from(PLACES[usize::from(at)] & 63)
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
    let value = magnitude(&mut bits, size.into()) as i16;
    block[place(at)] = value;
    Ok((bits, at + 1))
}

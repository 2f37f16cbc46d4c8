//! Huffman-coded blocks of a sequential scan (ITU-T T.81, F.2.2).

use crate::bits::Bits;
use crate::block::PLACES;
use crate::coding::Coding;
use crate::coefficients::BlockMut;
use crate::error::Error;
use crate::huffman::{AcTable, DcTable, END_OF_BLOCK, LOOKED_UP, magnitude};
use crate::scan::check_left_over;

/// What is said of a block of more than 64 coefficients.
pub(crate) const PAST_BLOCK: Error = Error::Damaged("a run of zeros leads out of its block");

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
    fn block(&mut self, component: usize, into: BlockMut<'_>) -> Result<(), Error> {
        let Some((dc, ac)) = self.tables[component] else { return Ok(()) };
        let BlockMut { block, known } = into;
        // A copy can stay in registers.
        let mut bits = self.bits;
        *block = [0; 64];
        bits.refill();
        let prediction = &mut self.predictions[component];
        *prediction += dc.difference(&mut bits)?;
        block[0] = i16::try_from(*prediction)
            .map_err(|_| Error::Damaged("a DC coefficient is larger than any sample makes it"))?;

        // The index, in zigzag order, of the next coefficient.
        let mut at = 1_u8;
        while at < 64 {
            // A step takes 11 bits, a longer symbol up to 31.
            if bits.count() < 32 {
                bits.refill();
            }
            let step = ac.steps[bits.peek::<LOOKED_UP>()];
            if step.bits == 0 || at + step.places[0] >= 63 {
                // A longer symbol, or the last of the block: what follows is not of this table.
                at = one(&mut bits, ac, at, block)?;
                continue;
            }
            block[place(at + step.places[0])] = step.values[0];
            block[place(at + step.places[1])] = step.values[1];
            bits.skip(step.bits.into());
            at += step.advance;
        }
        if at > 64 && at < END_OF_BLOCK {
            return Err(PAST_BLOCK);
        }
        *known = u64::MAX >> (64 - (at & (END_OF_BLOCK - 1)));
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

#[inline(always)]
fn place(at: u8) -> usize {
    usize::from(PLACES[usize::from(at)] & 63)
}

/// Decodes one symbol with its value, and returns the index behind it.
#[inline(never)]
fn one(bits: &mut Bits<'_>, ac: &AcTable, at: u8, block: &mut [i16; 64]) -> Result<u8, Error> {
    let symbol = ac.codes.symbol(bits)?;
    let (zeros, size) = (symbol >> 4, symbol & 15);
    if size == 0 && zeros != 15 {
        return Ok(at + END_OF_BLOCK);
    }
    let at = at + zeros;
    if at > 63 {
        return Err(PAST_BLOCK);
    }
    let value = magnitude(bits, size.into()) as i16;
    block[place(at)] = value;
    Ok(at + 1)
}

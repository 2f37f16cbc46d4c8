//! Huffman-coded blocks of a progressive scan (ITU-T T.81, G.2).

use crate::bits::Bits;
use crate::block::{Block, PLACES};
use crate::band::Band;
use crate::coding::{Coding, Next};
use crate::coefficients::Coefficients;
use crate::error::Error;
use crate::huffman::{END_OF_BLOCK, LOOKED_UP, magnitude};
use crate::tables::HuffmanTables;
use crate::scan::check_left_over;
use crate::sequential::{LARGE_DC, PAST_BLOCK};

/// Decodes the blocks of one scan.
pub(crate) struct Progressive<'a> {
    bits: Bits<'a>,
    band: Band,
    tables: &'a HuffmanTables,
    /// For each component of the scan the slot of its table. A scan that refines DC coefficients
    /// needs none.
    slots: [usize; 4],
    /// The last DC coefficient of each component, without the bits that are left out.
    predictions: [i32; 4],
    /// Blocks that follow and have no further coefficients.
    ended_blocks: u32,
}

impl<'a> Progressive<'a> {
    pub(crate) fn new(band: Band, tables: &'a HuffmanTables, slots: [usize; 4]) -> Self {
        Self { bits: Bits::new(&[], 0), band, tables, slots, predictions: [0; 4], ended_blocks: 0 }
    }

    #[inline(always)]
    fn first_dc(&mut self, component: usize) -> Result<i16, Error> {
        let slot = self.slots[component];
        self.bits.refill();
        let step = self.tables.steps(slot)[self.bits.peek::<LOOKED_UP>()];
        let difference = if step.bits > 0 {
            let [difference, _] = step.values(&self.bits);
            self.bits.skip(step.bits.into());
            difference.into()
        } else {
            let size = self.tables.codes(slot)?.symbol(&mut self.bits)?;
            magnitude(&mut self.bits, size.into())
        };
        let prediction = &mut self.predictions[component];
        *prediction = prediction.saturating_add(difference);
        let whole = i64::from(*prediction) << self.band.low;
        i16::try_from(whole).map_err(|_| LARGE_DC)
    }

    #[inline(always)]
    fn first_ac(&mut self, block: &mut Block, known: &mut u64) -> Result<(), Error> {
        if self.ended_blocks > 0 {
            self.ended_blocks -= 1;
            return Ok(());
        }
        let slot = self.slots[0];
        let steps = self.tables.steps(slot);
        let mut bits = self.bits;
        let (mut at, end) = (self.band.start as u8, self.band.end as u8);
        while at <= end {
            if bits.count() < 32 {
                bits.refill();
            }
            let step = steps[bits.peek::<LOOKED_UP>()];
            if at + step.places[0] >= end {
                let symbol = self.tables.codes(slot)?.symbol(&mut bits)?;
                let (zeros, size) = (symbol >> 4, u32::from(symbol & 15));
                if size == 0 && zeros < 15 {
                    self.ended_blocks = (1 << zeros) - 1 + bits.take(zeros.into());
                    break;
                }
                at += zeros;
                if at > end {
                    return Err(PAST_BLOCK);
                }
                let value = (magnitude(&mut bits, size) << self.band.low) as i16;
                put(block, known, at, value);
                at += 1;
                continue;
            }
            let [first, second] = step.values(&bits);
            put(block, known, at + step.places[1], second);
            put(block, known, at + step.places[0], first);
            bits.skip(step.bits.into());
            at += step.advance;
        }
        if at > end + 1 && at < END_OF_BLOCK {
            return Err(PAST_BLOCK);
        }
        self.bits = bits;
        Ok(())
    }

    #[inline(always)]
    fn refine_ac(&mut self, block: &mut Block, known: &mut u64) -> Result<(), Error> {
        let Band { start, end, low, .. } = self.band;
        let codes = self.tables.codes(self.slots[0])?;
        let bit = 1_i16 << low;
        let mut bits = self.bits;
        let before = *known & (u64::MAX >> (63 - end));
        // The coefficients of the band that are not passed yet.
        let mut ahead = u64::MAX >> (63 - end) & u64::MAX << start;
        while self.ended_blocks == 0 && ahead != 0 {
            bits.refill();
            let symbol = codes.symbol(&mut bits)?;
            let (zeros, size) = (symbol >> 4, symbol & 15);
            let value = match size {
                0 if zeros < 15 => {
                    self.ended_blocks = (1 << zeros) + bits.take(zeros.into());
                    break;
                }
                0 => 0,
                1 if bits.flag() => bit,
                1 => -bit,
                _ => return Err(Error::Damaged("a coefficient grows by more than its last bit")),
            };
            // Passes over `zeros` coefficients that were zero, to the next one that was.
            let mut free = ahead & !before;
            for _ in 0..zeros {
                free &= free.wrapping_sub(1);
            }
            if free == 0 && value != 0 {
                return Err(PAST_BLOCK);
            }
            let passed = if free == 0 { ahead } else { ahead & (free & free.wrapping_neg()).wrapping_sub(1) };
            refine(&mut bits, block, before & passed, bit);
            ahead &= !passed;
            if free != 0 {
                let at = free.trailing_zeros() as u8;
                put(block, known, at, value);
                ahead &= ahead - 1;
            }
        }
        if self.ended_blocks > 0 {
            refine(&mut bits, block, before & ahead, bit);
            self.ended_blocks -= 1;
        }
        self.bits = bits;
        Ok(())
    }
}

#[inline(always)]
fn put(block: &mut Block, known: &mut u64, at: u8, value: i16) {
    block[usize::from(PLACES[usize::from(at)] & 63)] = value;
    *known |= u64::from(value != 0) << (at & 63);
}

/// Takes the next bit of each of these coefficients.
#[inline(always)]
fn refine(bits: &mut Bits<'_>, block: &mut Block, mut which: u64, bit: i16) {
    while which != 0 {
        if bits.count() < 16 {
            bits.refill();
        }
        if bits.flag() {
            let value = &mut block[usize::from(PLACES[which.trailing_zeros() as usize] & 63)];
            *value = value.wrapping_add(if *value < 0 { -bit } else { bit });
        }
        which &= which - 1;
    }
}

impl<'a> Coding<'a> for Progressive<'a> {
    fn begin(&mut self, data: &'a [u8], length: usize) {
        self.bits = Bits::new(data, length);
        self.predictions = [0; 4];
        self.ended_blocks = 0;
    }

    #[inline(always)]
    fn blocks(&mut self, next: &[Next], into: &mut Coefficients) -> Result<(), Error> {
        let Coefficients { blocks, known, .. } = into;
        let index = |next: &Next| next.index as usize;
        match (self.band.start > 0, self.band.is_refinement()) {
            (true, false) => {
                for index in next.iter().map(index) {
                    self.first_ac(&mut blocks[index], &mut known[index])?;
                }
            }
            (true, true) => {
                for index in next.iter().map(index) {
                    self.refine_ac(&mut blocks[index], &mut known[index])?;
                }
            }
            (false, true) => {
                for index in next.iter().map(index) {
                    self.bits.refill();
                    blocks[index][0] |= i16::from(self.bits.flag()) << self.band.low;
                    known[index] |= 1;
                }
            }
            (false, false) => {
                for next in next {
                    blocks[index(next)][0] = self.first_dc(next.component as usize & 3)?;
                    known[index(next)] |= 1;
                }
            }
        }
        Ok(())
    }

    fn is_past_end(&self) -> bool {
        self.bits.is_past_end()
    }

    fn end(&self) -> Result<(), Error> {
        check_left_over(self.bits.left_over())
    }
}

//! Huffman-coded blocks of a progressive scan (ITU-T T.81, G.2).
#![expect(
    clippy::inline_always,
    reason = "a function compiled for newer processors must take in all that it calls"
)]

use pulp::{Arch, NullaryFnOnce};

use crate::band::Band;
use crate::bits::Bits;
use crate::block::{Block, PLACES};
use crate::coding::{Coding, Next};
use crate::coefficients::Coefficients;
use crate::error::Error;
use crate::huffman::{END_OF_BLOCK, LOOKED_UP, magnitude};
use crate::scan::check_left_over;
use crate::sequential::{LARGE_DC, PAST_BLOCK};
use crate::tables::HuffmanTables;

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
    /// A bit for each coefficient, in zigzag order, that the transform reads. The others need not
    /// be refined: only whether they are zero counts for those behind them.
    read: u64,
}

impl<'a> Progressive<'a> {
    pub(crate) fn new(band: Band, tables: &'a HuffmanTables, slots: [usize; 4], read: u64) -> Self {
        let (bits, predictions) = (Bits::new(&[], 0), [0; 4]);
        Self { bits, band, tables, slots, predictions, ended_blocks: 0, read }
    }

    /// Decodes DC coefficients without their low bits.
    fn first_dc(&mut self, next: &[Next], into: &mut Coefficients) -> Result<(), Error> {
        let mut bits = self.bits;
        for next in next {
            let component = next.component as usize & 3;
            let slot = self.slots[component];
            bits.refill();
            let step = self.tables.steps(slot)[bits.peek::<LOOKED_UP>()];
            let [mut difference, _] = step.values(&bits);
            bits.skip(step.bits.into());
            if step.bits == 0 {
                let size = self.tables.codes(slot)?.symbol(&mut bits)?;
                difference = magnitude(&mut bits, size.into()) as i16;
            }
            let prediction = &mut self.predictions[component];
            *prediction = prediction.saturating_add(difference.into());
            let whole = i64::from(*prediction) << self.band.low;
            into.blocks[next.index as usize][0] = i16::try_from(whole).map_err(|_| LARGE_DC)?;
            into.known[next.index as usize] |= 1;
        }
        self.bits = bits;
        Ok(())
    }

    /// Adds a bit to DC coefficients.
    fn refine_dc(&mut self, next: &[Next], into: &mut Coefficients) {
        let mut bits = self.bits;
        for next in next {
            bits.refill();
            into.blocks[next.index as usize][0] |= i16::from(bits.flag()) << self.band.low;
            into.known[next.index as usize] |= 1;
        }
        self.bits = bits;
    }

    /// Decodes AC coefficients without their low bits.
    #[inline(always)]
    fn first_ac(&mut self, next: &[Next], into: &mut Coefficients) -> Result<(), Error> {
        let (slot, low) = (self.slots[0], self.band.low);
        let steps = self.tables.steps(slot);
        let (start, end) = (self.band.start as u8, self.band.end as u8);
        let (mut bits, mut ended_blocks) = (self.bits, self.ended_blocks);
        for next in next {
            if ended_blocks > 0 {
                ended_blocks -= 1;
                continue;
            }
            let block = &mut into.blocks[next.index as usize];
            let known = &mut into.known[next.index as usize];
            let mut at = start;
            while at <= end {
                // A step takes at most `MOST_BITS`, a longer symbol up to 31.
                if bits.count() < 32 {
                    bits.refill();
                }
                let step = steps[bits.peek::<LOOKED_UP>()];
                if at + step.places[0] >= end {
                    // A longer symbol, or the last of the block.
                    let symbol = self.tables.codes(slot)?.symbol(&mut bits)?;
                    let (zeros, size) = (symbol >> 4, u32::from(symbol & 15));
                    if size == 0 && zeros < 15 {
                        ended_blocks = (1 << zeros) - 1 + bits.take(zeros.into());
                        break;
                    }
                    at += zeros;
                    if at > end {
                        return Err(PAST_BLOCK);
                    }
                    put(block, known, at, (magnitude(&mut bits, size) << low) as i16);
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
        }
        (self.bits, self.ended_blocks) = (bits, ended_blocks);
        Ok(())
    }

    /// Adds a bit to AC coefficients, and finds those that become other than zero by it.
    #[inline(always)]
    fn refine_ac(&mut self, next: &[Next], into: &mut Coefficients) -> Result<(), Error> {
        let Band { start, end, low, .. } = self.band;
        let codes = self.tables.codes(self.slots[0])?;
        let bit = 1_i16 << low;
        let (mut bits, mut ended_blocks) = (self.bits, self.ended_blocks);
        let band = u64::MAX >> (63 - end) & u64::MAX << start;
        for next in next {
            let block = &mut into.blocks[next.index as usize];
            let known = &mut into.known[next.index as usize];
            let before = *known & band;
            // The coefficients of the band that are not passed yet.
            let mut ahead = band;
            while ended_blocks == 0 && ahead != 0 {
                bits.refill();
                let symbol = codes.symbol(&mut bits)?;
                let (zeros, size) = (symbol >> 4, symbol & 15);
                if size == 0 && zeros < 15 {
                    ended_blocks = (1 << zeros) + bits.take(zeros.into());
                    break;
                }
                if size > 1 {
                    return Err(Error::Damaged("a coefficient grows by more than its last bit"));
                }
                // The sign's bit is 1 for a positive value. 16 zeros have none.
                let sign = bits.take(size.into()) as i16;
                let value = (2 * sign - 1) * bit * i16::from(size);
                // Passes over `zeros` coefficients that were zero, to the next one that was.
                let mut free = ahead & !before;
                // The first few without a branch, which the processor would often guess wrong.
                for i in 0..4 {
                    let next = free & free.wrapping_sub(1);
                    free = std::hint::select_unpredictable(i < zeros, next, free);
                }
                for _ in 4..zeros {
                    free &= free.wrapping_sub(1);
                }
                if free == 0 {
                    if value != 0 {
                        return Err(PAST_BLOCK);
                    }
                    refine(&mut bits, block, before & ahead, self.read, bit);
                    ahead = 0;
                    break;
                }
                let below = (free & free.wrapping_neg()) - 1;
                refine(&mut bits, block, before & ahead & below, self.read, bit);
                put(block, known, free.trailing_zeros() as u8, value);
                ahead &= !(below << 1 | 1);
            }
            if ended_blocks > 0 {
                refine(&mut bits, block, before & ahead, self.read, bit);
                ended_blocks -= 1;
            }
        }
        (self.bits, self.ended_blocks) = (bits, ended_blocks);
        Ok(())
    }
}

/// A call that decodes AC coefficients. A closure would be compiled on its own, for any processor.
struct DecodeAc<'c, 'a> {
    coding: &'c mut Progressive<'a>,
    next: &'c [Next],
    into: &'c mut Coefficients,
}

impl NullaryFnOnce for DecodeAc<'_, '_> {
    type Output = Result<(), Error>;

    #[inline(always)]
    fn call(self) -> Self::Output {
        if self.coding.band.is_refinement() {
            self.coding.refine_ac(self.next, self.into)
        } else {
            self.coding.first_ac(self.next, self.into)
        }
    }
}

#[inline(always)]
fn put(block: &mut Block, known: &mut u64, at: u8, value: i16) {
    block[usize::from(PLACES[usize::from(at)] & 63)] = value;
    *known |= u64::from(value != 0) << (at & 63);
}

/// Takes a bit for each of the coefficients `which`, and adds it to those of them that are `read`.
#[inline(always)]
fn refine(bits: &mut Bits<'_>, block: &mut Block, which: u64, read: u64, bit: i16) {
    let count = which.count_ones();
    // Blocks with more than 56 of them are rare.
    let (mut low, mut high) = (which, 0);
    if count > 56 {
        (low, high) = (which & 0xFFFF_FFFF, which & !0xFFFF_FFFF);
    }
    for which in [low, high] {
        if which == 0 {
            continue;
        }
        let count = which.count_ones();
        if bits.count() < count {
            bits.refill();
        }
        let word = bits.word();
        let mut left = which & read;
        while left != 0 {
            let place = left.trailing_zeros();
            let before = (which & ((1 << place) - 1)).count_ones();
            // Without a branch, which the processor would guess wrong every other time.
            let grows = bit & ((word << before) as i64 >> 63) as i16;
            let value = &mut block[usize::from(PLACES[place as usize] & 63)];
            let sign = *value >> 15;
            *value = value.wrapping_add((grows ^ sign) - sign);
            left &= left - 1;
        }
        bits.skip(count);
    }
}

impl<'a> Coding<'a> for Progressive<'a> {
    fn begin(&mut self, data: &'a [u8], length: usize) {
        self.bits = Bits::new(data, length);
        self.predictions = [0; 4];
        self.ended_blocks = 0;
    }

    fn blocks(&mut self, next: &[Next], into: &mut Coefficients) -> Result<(), Error> {
        match (self.band.start > 0, self.band.is_refinement()) {
            (false, false) => self.first_dc(next, into),
            (false, true) => {
                self.refine_dc(next, into);
                Ok(())
            }
            (true, _) => Arch::new().dispatch(DecodeAc { coding: self, next, into }),
        }
    }

    fn is_past_end(&self) -> bool {
        self.bits.is_past_end()
    }

    fn end(&self) -> Result<(), Error> {
        check_left_over(self.bits.left_over())
    }
}

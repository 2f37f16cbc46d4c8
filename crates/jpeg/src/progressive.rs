//! Huffman-coded blocks of a progressive scan (ITU-T T.81, G.2).

use crate::bits::Bits;
use crate::block::{Block, PLACES};
use crate::band::Band;
use crate::coding::Coding;
use crate::coefficients::BlockMut;
use crate::error::Error;
use crate::huffman::{AcTable, DcTable, END_OF_BLOCK, LOOKED_UP, magnitude};
use crate::scan::check_left_over;
use crate::sequential::PAST_BLOCK;

/// Decodes the blocks of one scan.
pub(crate) struct Progressive<'a> {
    bits: Bits<'a>,
    band: Band,
    tables: Tables<'a>,
    /// The last DC coefficient of each component, without the bits that are left out.
    predictions: [i32; 4],
    /// Blocks that follow and have no further coefficients.
    ended_blocks: u32,
}

/// The tables that a scan needs. A scan that refines DC coefficients needs none.
pub(crate) enum Tables<'a> {
    /// For each component of the scan.
    Dc([Option<&'a DcTable>; 4]),
    Ac(&'a AcTable),
}

impl<'a> Progressive<'a> {
    pub(crate) fn new(band: Band, tables: Tables<'a>) -> Self {
        Self { bits: Bits::new(&[], 0), band, tables, predictions: [0; 4], ended_blocks: 0 }
    }

    #[inline(always)]
    fn first_dc(&mut self, table: &DcTable, component: usize) -> Result<i16, Error> {
        self.bits.refill();
        let prediction = &mut self.predictions[component];
        *prediction += table.difference(&mut self.bits)?;
        i16::try_from(*prediction << self.band.low)
            .map_err(|_| Error::Damaged("a DC coefficient is larger than any sample makes it"))
    }

    #[inline(always)]
    fn first_ac(&mut self, table: &AcTable, block: &mut Block, known: &mut u64) -> Result<(), Error> {
        if self.ended_blocks > 0 {
            self.ended_blocks -= 1;
            return Ok(());
        }
        let mut bits = self.bits;
        let (mut at, end) = (self.band.start as u8, self.band.end as u8);
        while at <= end {
            if bits.count() < 32 {
                bits.refill();
            }
            let step = table.steps[bits.peek::<LOOKED_UP>()];
            if step.bits == 0 || at + step.places[0] >= end {
                let symbol = table.codes.symbol(&mut bits)?;
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
            put(block, known, at + step.places[0], step.values[0]);
            put(block, known, at + step.places[1], step.values[1]);
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
    fn refine_ac(&mut self, table: &AcTable, block: &mut Block, known: &mut u64) -> Result<(), Error> {
        let Band { start, end, low, .. } = self.band;
        let bit = 1_i16 << low;
        let mut bits = self.bits;
        let before = *known & (u64::MAX >> (63 - end));
        // The coefficients of the band that are not passed yet.
        let mut ahead = u64::MAX >> (63 - end) & u64::MAX << start;
        while self.ended_blocks == 0 && ahead != 0 {
            bits.refill();
            let symbol = table.codes.symbol(&mut bits)?;
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
    fn block(&mut self, component: usize, into: BlockMut<'_>) -> Result<(), Error> {
        let BlockMut { block, known } = into;
        match (&self.tables, self.band.is_refinement()) {
            (Tables::Ac(table), false) => self.first_ac(table, block, known),
            (Tables::Ac(table), true) => self.refine_ac(table, block, known),
            (Tables::Dc(_), true) => {
                self.bits.refill();
                block[0] |= i16::from(self.bits.flag()) << self.band.low;
                *known |= 1;
                Ok(())
            }
            (Tables::Dc(tables), false) => {
                let Some(table) = tables[component] else { return Ok(()) };
                block[0] = self.first_dc(table, component)?;
                *known |= 1;
                Ok(())
            }
        }
    }

    fn is_past_end(&self) -> bool {
        self.bits.is_past_end()
    }

    fn end(&self) -> Result<(), Error> {
        check_left_over(self.bits.left_over())
    }
}

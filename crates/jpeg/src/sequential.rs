//! Huffman-coded blocks of a sequential scan (ITU-T T.81, F.2.2).
#![expect(
    clippy::inline_always,
    reason = "a function compiled for newer processors must take in all that it calls"
)]

use pulp::{Arch, NullaryFnOnce};

use crate::bits::Bits;
use crate::block::PLACES;
use crate::coding::{Coding, Next};
use crate::coefficients::Coefficients;
use crate::error::Error;
use crate::huffman::{Codes, END_OF_BLOCK, LOOKED_UP, MOST_BITS, magnitude};
use crate::scan::check_left_over;
use crate::tables::HuffmanTables;

/// What is said of a block of more than 64 coefficients.
pub(crate) const PAST_BLOCK: Error = Error::Damaged("a run of zeros leads out of its block");

/// What is said of a DC coefficient that does not fit in its bits.
pub(crate) const LARGE_DC: Error =
    Error::Damaged("a DC coefficient is larger than any sample makes it");

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

    fn blocks(&mut self, next: &[Next], into: &mut Coefficients) -> Result<(), Error> {
        Arch::new().dispatch(Decode { coding: self, next, into })
    }

    fn is_past_end(&self) -> bool {
        self.bits.is_past_end()
    }

    fn end(&self) -> Result<(), Error> {
        check_left_over(self.bits.left_over())
    }
}

/// A call of [`Sequential::decode`]. A closure would be compiled on its own, for any processor.
struct Decode<'c, 'a> {
    coding: &'c mut Sequential<'a>,
    next: &'c [Next],
    into: &'c mut Coefficients,
}

impl NullaryFnOnce for Decode<'_, '_> {
    type Output = Result<(), Error>;

    #[inline(always)]
    fn call(self) -> Self::Output {
        self.coding.decode(self.next, self.into)
    }
}

impl Sequential<'_> {
    #[inline(always)]
    fn decode(&mut self, next: &[Next], into: &mut Coefficients) -> Result<(), Error> {
        // A copy can stay in registers.
        let mut bits = self.bits;
        for next in next {
            let component = next.component as usize & 3;
            let [dc, ac] = self.slots[component];
            let rest = into.blocks.as_flattened_mut().get_mut(64 * next.index as usize..);
            let block = rest.and_then(<[i16]>::first_chunk_mut).ok_or(NO_ROOM)?;
            block[..64].fill(0);
            bits.refill();
            let step = self.tables.steps(dc)[bits.peek::<LOOKED_UP>()];
            let [mut difference, _] = step.values(&bits);
            bits.skip(step.bits.into());
            if step.bits == 0 {
                let used;
                (difference, used) = long_difference(bits.word(), self.tables.codes(dc)?)?;
                bits.skip(used);
                bits.refill();
            }
            let prediction = &mut self.predictions[component];
            *prediction += i32::from(difference);
            block[0] = i16::try_from(*prediction).map_err(|_| LARGE_DC)?;
            let steps = self.tables.steps(ac);
            // The index, in zigzag order, of the next coefficient. What was made ready suffices for
            // two steps behind the one of DC.
            let mut at = 1_u8;
            while at < 64 {
                bits.refill();
                for _ in 0..STEPS {
                    let step = steps[bits.peek::<LOOKED_UP>()];
                    if at + step.places[0] >= 63 {
                        // A longer code, or the last of the block: what follows is not of this
                        // table.
                        bits.refill();
                        let used;
                        (at, used) = one(bits.word(), self.tables.codes(ac)?, at, block)?;
                        bits.skip(used);
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
}

/// A block, and others behind it: so many that a place, which is a byte, is always one of them.
type Room = [i16; 4 * 64];

const NO_ROOM: Error = Error::Damaged("there is no room for a block");

/// Steps for which the bits suffice that a refill makes ready.
const STEPS: u32 = 56 / MOST_BITS;

#[inline(always)]
fn place(at: u8) -> usize {
    usize::from(PLACES[usize::from(at)])
}

/// Decodes a DC difference for which there is no step. It returns the bits that it used too.
#[inline(never)]
fn long_difference(word: u64, codes: &Codes) -> Result<(i16, u32), Error> {
    let mut bits = Bits::of_word(word);
    let size = codes.symbol(&mut bits)?;
    let difference = magnitude(&mut bits, size.into()) as i16;
    Ok((difference, 64 - bits.count()))
}

/// Decodes one symbol with its value, and returns the index behind it and the bits that it used.
#[inline(never)]
fn one(word: u64, codes: &Codes, at: u8, block: &mut Room) -> Result<(u8, u32), Error> {
    let mut bits = Bits::of_word(word);
    let symbol = codes.symbol(&mut bits)?;
    let (zeros, size) = (symbol >> 4, symbol & 15);
    if size == 0 && zeros != 15 {
        return Ok((at + END_OF_BLOCK, 64 - bits.count()));
    }
    let at = at + zeros;
    if at > 63 {
        return Err(PAST_BLOCK);
    }
    block[place(at)] = magnitude(&mut bits, size.into()) as i16;
    Ok((at + 1, 64 - bits.count()))
}

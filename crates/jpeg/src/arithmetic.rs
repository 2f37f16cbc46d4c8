//! Arithmetic decoding of blocks: the QM-coder of ITU-T T.81, annex D, and the binary decisions
//! into which annexes F.1.4 and G.1.3 split a coefficient.
//!
//! Bytes that are missing at the end of an interval are zeros: an encoder leaves them out (D.1.8).
//! So no decoder can tell data that were cut from data of a picture whose rest is flat. Zeros
//! decode to the likelier symbol, whose cost soon comes near to nothing: a flat rest of a whole
//! picture is a few bytes long, and so is the rest of a picture cut in its middle. Nothing is
//! refused for reading behind its end. Markers between intervals and scans are looked at as for
//! other pictures.

use crate::band::Band;
use crate::block::{Block, PLACES};
use crate::coding::{Coding, Next};
use crate::coefficients::Coefficients;
use crate::error::Error;

/// Number of conditioning tables for DC and for AC coefficients: a scan header names one in four
/// bits.
const TABLES: usize = 16;

/// Conditioning of the statistics (T.81, B.2.4.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conditioning {
    /// Lower and upper bound of a small DC difference, as powers of two.
    dc: [(u8, u8); TABLES],
    /// Last AC coefficient of which large magnitudes are counted among the low frequencies.
    ac: [u8; TABLES],
}

impl Default for Conditioning {
    fn default() -> Self {
        Self { dc: [(0, 1); TABLES], ac: [5; TABLES] }
    }
}

impl Conditioning {
    /// Reads the data of a segment that defines arithmetic conditioning (DAC).
    pub(crate) fn define(&mut self, segment: &[u8]) -> Result<(), Error> {
        let (pairs, []) = segment.as_chunks() else {
            return Err(Error::Damaged("an arithmetic conditioning segment has an odd length"));
        };
        for &[table, value] in pairs {
            let table = usize::from(table);
            if let Some(bounds) = self.dc.get_mut(table) {
                *bounds = (value & 15, value >> 4);
                if bounds.0 > bounds.1 {
                    return Err(Error::Damaged("arithmetic conditioning has its bounds swapped"));
                }
            } else if let Some(last) = self.ac.get_mut(table - TABLES) {
                *last = value;
            } else {
                return Err(Error::Damaged("arithmetic conditioning is of an unknown table"));
            }
        }
        Ok(())
    }
}

/// How likely a decision is: index of a [`State`], and in the highest bit the likelier symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Estimate(u8);

impl Estimate {
    const UNKNOWN: Self = Self(0);
    /// Both symbols are as likely as each other, and remain so (ITU-T T.851, table 5).
    const EVEN: Self = Self(113);
    const LIKELIER: u8 = 0x80;
}

/// A state of probability estimation, for one likelier symbol.
#[derive(Clone, Copy)]
struct State {
    /// The part of the interval that the less likely symbol has (Qe).
    less_likely: u16,
    after_likelier: Estimate,
    after_less_likely: Estimate,
}

/// The states of T.81, table D.3, by [`Estimate`].
static STATES: [State; 256] = {
    // Qe, next index after the less likely and after the likelier symbol, and whether the less
    // likely symbol becomes the likelier one.
    const TABLE: [(u16, u8, u8, u8); 114] = [
        (0x5A1D, 1, 1, 1),
        (0x2586, 14, 2, 0),
        (0x1114, 16, 3, 0),
        (0x080B, 18, 4, 0),
        (0x03D8, 20, 5, 0),
        (0x01DA, 23, 6, 0),
        (0x00E5, 25, 7, 0),
        (0x006F, 28, 8, 0),
        (0x0036, 30, 9, 0),
        (0x001A, 33, 10, 0),
        (0x000D, 35, 11, 0),
        (0x0006, 9, 12, 0),
        (0x0003, 10, 13, 0),
        (0x0001, 12, 13, 0),
        (0x5A7F, 15, 15, 1),
        (0x3F25, 36, 16, 0),
        (0x2CF2, 38, 17, 0),
        (0x207C, 39, 18, 0),
        (0x17B9, 40, 19, 0),
        (0x1182, 42, 20, 0),
        (0x0CEF, 43, 21, 0),
        (0x09A1, 45, 22, 0),
        (0x072F, 46, 23, 0),
        (0x055C, 48, 24, 0),
        (0x0406, 49, 25, 0),
        (0x0303, 51, 26, 0),
        (0x0240, 52, 27, 0),
        (0x01B1, 54, 28, 0),
        (0x0144, 56, 29, 0),
        (0x00F5, 57, 30, 0),
        (0x00B7, 59, 31, 0),
        (0x008A, 60, 32, 0),
        (0x0068, 62, 33, 0),
        (0x004E, 63, 34, 0),
        (0x003B, 32, 35, 0),
        (0x002C, 33, 9, 0),
        (0x5AE1, 37, 37, 1),
        (0x484C, 64, 38, 0),
        (0x3A0D, 65, 39, 0),
        (0x2EF1, 67, 40, 0),
        (0x261F, 68, 41, 0),
        (0x1F33, 69, 42, 0),
        (0x19A8, 70, 43, 0),
        (0x1518, 72, 44, 0),
        (0x1177, 73, 45, 0),
        (0x0E74, 74, 46, 0),
        (0x0BFB, 75, 47, 0),
        (0x09F8, 77, 48, 0),
        (0x0861, 78, 49, 0),
        (0x0706, 79, 50, 0),
        (0x05CD, 48, 51, 0),
        (0x04DE, 50, 52, 0),
        (0x040F, 50, 53, 0),
        (0x0363, 51, 54, 0),
        (0x02D4, 52, 55, 0),
        (0x025C, 53, 56, 0),
        (0x01F8, 54, 57, 0),
        (0x01A4, 55, 58, 0),
        (0x0160, 56, 59, 0),
        (0x0125, 57, 60, 0),
        (0x00F6, 58, 61, 0),
        (0x00CB, 59, 62, 0),
        (0x00AB, 61, 63, 0),
        (0x008F, 61, 32, 0),
        (0x5B12, 65, 65, 1),
        (0x4D04, 80, 66, 0),
        (0x412C, 81, 67, 0),
        (0x37D8, 82, 68, 0),
        (0x2FE8, 83, 69, 0),
        (0x293C, 84, 70, 0),
        (0x2379, 86, 71, 0),
        (0x1EDF, 87, 72, 0),
        (0x1AA9, 87, 73, 0),
        (0x174E, 72, 74, 0),
        (0x1424, 72, 75, 0),
        (0x119C, 74, 76, 0),
        (0x0F6B, 74, 77, 0),
        (0x0D51, 75, 78, 0),
        (0x0BB6, 77, 79, 0),
        (0x0A40, 77, 48, 0),
        (0x5832, 80, 81, 1),
        (0x4D1C, 88, 82, 0),
        (0x438E, 89, 83, 0),
        (0x3BDD, 90, 84, 0),
        (0x34EE, 91, 85, 0),
        (0x2EAE, 92, 86, 0),
        (0x299A, 93, 87, 0),
        (0x2516, 86, 71, 0),
        (0x5570, 88, 89, 1),
        (0x4CA9, 95, 90, 0),
        (0x44D9, 96, 91, 0),
        (0x3E22, 97, 92, 0),
        (0x3824, 99, 93, 0),
        (0x32B4, 99, 94, 0),
        (0x2E17, 93, 86, 0),
        (0x56A8, 95, 96, 1),
        (0x4F46, 101, 97, 0),
        (0x47E5, 102, 98, 0),
        (0x41CF, 103, 99, 0),
        (0x3C3D, 104, 100, 0),
        (0x375E, 99, 93, 0),
        (0x5231, 105, 102, 0),
        (0x4C0F, 106, 103, 0),
        (0x4639, 107, 104, 0),
        (0x415E, 103, 99, 0),
        (0x5627, 105, 106, 1),
        (0x50E7, 108, 107, 0),
        (0x4B85, 109, 103, 0),
        (0x5597, 110, 109, 0),
        (0x504F, 111, 107, 0),
        (0x5A10, 110, 111, 1),
        (0x5522, 112, 109, 0),
        (0x59EB, 112, 111, 1),
        (0x5A1D, 113, 113, 0),
    ];
    let unused = State {
        less_likely: 0x5A1D,
        after_likelier: Estimate::EVEN,
        after_less_likely: Estimate::EVEN,
    };
    let mut states = [unused; 256];
    let mut i = 0;
    while i < 2 * TABLE.len() {
        let likelier = (i % 2) as u8 * Estimate::LIKELIER;
        let (less_likely, index_less_likely, index_likelier, switch) = TABLE[i / 2];
        let switched = likelier ^ (switch * Estimate::LIKELIER);
        states[i / 2 + likelier as usize] = State {
            less_likely,
            after_likelier: Estimate(index_likelier | likelier),
            after_less_likely: Estimate(index_less_likely | switched),
        };
        i += 1;
    }
    states
};

/// The decoder of binary decisions (annex D.2).
#[derive(Debug)]
struct Decisions<'a> {
    data: &'a [u8],
    /// Bytes taken, with the zeros behind the data.
    taken: usize,
    /// Where in the interval the code lies. Below the interval's 16 bits are `spare` bits more.
    code: u64,
    spare: u32,
    /// Size of the interval. 0x8000 to 0x10000 before each decision.
    interval: u32,
}

impl<'a> Decisions<'a> {
    const LEAST_INTERVAL: u32 = 0x8000;

    fn new(data: &'a [u8]) -> Self {
        let mut decisions = Self { data, taken: 0, code: 0, spare: 0, interval: 0x10000 };
        decisions.take_bytes();
        decisions.spare -= 16;
        decisions
    }

    /// Appends four bytes to the code.
    #[inline]
    fn take_bytes(&mut self) {
        let rest = self.data.get(self.taken..).unwrap_or_default();
        let bytes = rest.first_chunk().copied().unwrap_or_else(|| {
            let mut last = [0; 4];
            last[..rest.len()].copy_from_slice(rest);
            last
        });
        self.code = self.code << 32 | u64::from(u32::from_be_bytes(bytes));
        self.taken += bytes.len();
        self.spare += 32;
    }

    /// Decodes a decision and improves its estimate.
    #[inline]
    fn decide(&mut self, estimate: &mut Estimate) -> bool {
        // As late as this, so that `unread` counts what libjpeg has not read.
        if self.interval < Self::LEAST_INTERVAL {
            let bits = self.interval.leading_zeros() - Self::LEAST_INTERVAL.leading_zeros();
            if self.spare < bits {
                self.take_bytes();
            }
            self.spare -= bits;
            self.interval <<= bits;
        }
        let state = STATES[usize::from(estimate.0)];
        let likelier = estimate.0 & Estimate::LIKELIER != 0;
        let less_likely_part = u32::from(state.less_likely);
        let likelier_part = self.interval - less_likely_part;
        let border = u64::from(likelier_part) << self.spare;
        // The likelier symbol has the larger part, even if its estimate says otherwise.
        let is_exchanged = likelier_part < less_likely_part;
        let is_likelier = if self.code < border {
            self.interval = likelier_part;
            if likelier_part >= Self::LEAST_INTERVAL {
                return likelier;
            }
            !is_exchanged
        } else {
            self.code -= border;
            self.interval = less_likely_part;
            is_exchanged
        };
        *estimate = if is_likelier { state.after_likelier } else { state.after_less_likely };
        likelier == is_likelier
    }

    /// A decision whose outcomes are as likely as each other.
    #[inline]
    fn toss(&mut self) -> bool {
        let mut even = Estimate::EVEN;
        self.decide(&mut even)
    }

    /// Decodes a magnitude of which it is known that it is more than `category`, a power of two
    /// (figures F.23 and F.24). `first` is the bin that tells whether it is more than twice that.
    /// Returns the greatest power of two below the magnitude, and the magnitude less one.
    fn magnitude(
        &mut self,
        bins: &mut [Estimate],
        first: usize,
        mut category: i32,
    ) -> Result<(i32, i32), Error> {
        const BITS_BIN: usize = 14;
        let mut bin = first;
        while self.decide(&mut bins[bin]) {
            category *= 2;
            if category == 0x8000 {
                return Err(Error::Damaged("an arithmetic code is of too large a coefficient"));
            }
            bin += 1;
        }
        let mut value = category;
        let mut bit = category / 2;
        while bit > 0 {
            if self.decide(&mut bins[bin + BITS_BIN]) {
                value |= bit;
            }
            bit /= 2;
        }
        Ok((category, value))
    }

    /// The bytes that no decision has needed.
    fn unread(&self) -> &'a [u8] {
        let taken = self.taken - self.spare as usize / 8;
        self.data.get(taken..).unwrap_or_default()
    }
}

/// Statistics of the DC coefficients of a table, and how to divide them.
#[derive(Debug, Clone, Copy)]
struct Dc {
    bins: [Estimate; 64],
    /// Categories (powers of two) below which a difference counts as zero, and above which as
    /// large.
    bounds: (i32, i32),
}

/// Statistics of the AC coefficients of a table, and how to divide them.
#[derive(Debug, Clone, Copy)]
struct Ac {
    bins: [Estimate; 256],
    last_low: usize,
}

/// What is known of a component of the scan.
#[derive(Debug, Clone, Copy, Default)]
struct Component {
    /// Indices of its statistics.
    dc: usize,
    ac: usize,
    /// The DC coefficient of the block before, modulo 0x10000.
    predicted: i32,
    /// The first bin for the next DC difference: it depends on the difference before.
    context: usize,
}

/// Components of a scan.
const COMPONENTS: usize = 4;

/// Decodes the blocks of a scan.
#[derive(Debug)]
pub(crate) struct Arithmetic<'a> {
    band: Band,
    decisions: Decisions<'a>,
    components: [Component; COMPONENTS],
    dc: [Dc; COMPONENTS],
    ac: [Ac; COMPONENTS],
}

impl Arithmetic<'_> {
    /// `tables` has for each component of the scan (1 to 4) the numbers of its DC and AC table, 0
    /// to 15.
    pub(crate) fn new(band: Band, tables: &[(usize, usize)], conditioning: &Conditioning) -> Self {
        let mut components = [Component::default(); COMPONENTS];
        let mut dc = [Dc { bins: [Estimate::UNKNOWN; 64], bounds: (0, 0) }; COMPONENTS];
        let mut ac = [Ac { bins: [Estimate::UNKNOWN; 256], last_low: 0 }; COMPONENTS];
        // Components with the same table share its statistics: those with the index of the first.
        let first_with = |is_same: &dyn Fn(&(usize, usize)) -> bool| {
            tables.iter().position(is_same).unwrap_or_default()
        };
        for (i, &(dc_table, ac_table)) in tables.iter().enumerate() {
            components[i].dc = first_with(&|other| other.0 == dc_table);
            components[i].ac = first_with(&|other| other.1 == ac_table);
            let (lower, upper) = conditioning.dc[dc_table];
            dc[i].bounds = ((1 << lower) >> 1, (1 << upper) >> 1);
            ac[i].last_low = usize::from(conditioning.ac[ac_table]);
        }
        Self { band, decisions: Decisions::new(&[]), components, dc, ac }
    }

    /// Decodes a block of a component of the scan. `known` has a bit for each coefficient that may
    /// not be zero.
    fn block(&mut self, component: usize, block: &mut Block, known: &mut u64) -> Result<(), Error> {
        if self.band == Band::ALL {
            (*block, *known) = ([0; 64], 0);
        }
        let Band { start, end, high, low } = self.band;
        if start == 0 {
            if high == 0 {
                block[0] = (self.dc_coefficient(component)? << low) as i16;
            } else if self.decisions.toss() {
                block[0] |= 1 << low;
            }
            *known |= 1;
        }
        if end == 0 {
            return Ok(());
        }
        let band = start.max(1)..=end;
        let ac = &mut self.ac[self.components[component].ac];
        let behind_last = if high == 0 {
            first_ac(&mut self.decisions, ac, band, low, block)?
        } else {
            more_ac(&mut self.decisions, ac, band, low, block)?
        };
        if behind_last > 0 {
            *known |= u64::MAX >> (64 - behind_last);
        }
        Ok(())
    }

    /// Figure F.19: the next DC coefficient of a component, modulo 0x10000.
    fn dc_coefficient(&mut self, component: usize) -> Result<i32, Error> {
        const SMALL: usize = 4;
        const LARGE: usize = 12;
        const MAGNITUDE_BIN: usize = 20;

        let component = &mut self.components[component];
        let Dc { bins, bounds } = &mut self.dc[component.dc];
        let decisions = &mut self.decisions;
        let context = component.context;
        if !decisions.decide(&mut bins[context]) {
            component.context = 0;
            return Ok(component.predicted);
        }
        let is_negative = decisions.decide(&mut bins[context + 1]);
        let (category, value) =
            if decisions.decide(&mut bins[context + 2 + usize::from(is_negative)]) {
                decisions.magnitude(bins, MAGNITUDE_BIN, 1)?
            } else {
                (0, 0)
            };
        let kind = if category > bounds.1 { LARGE } else { SMALL };
        component.context =
            if category < bounds.0 { 0 } else { kind + 4 * usize::from(is_negative) };
        let difference = if is_negative { -(value + 1) } else { value + 1 };
        component.predicted = (component.predicted + difference) & 0xFFFF;
        Ok(component.predicted)
    }
}

impl<'a> Coding<'a> for Arithmetic<'a> {
    /// Resets statistics and predictions.
    fn begin(&mut self, data: &'a [u8], length: usize) {
        self.decisions = Decisions::new(&data[..length]);
        for component in &mut self.components {
            (component.predicted, component.context) = (0, 0);
        }
        self.dc.iter_mut().for_each(|dc| dc.bins.fill(Estimate::UNKNOWN));
        self.ac.iter_mut().for_each(|ac| ac.bins.fill(Estimate::UNKNOWN));
    }

    fn blocks(&mut self, next: &[Next], into: &mut Coefficients) -> Result<(), Error> {
        for &Next { index, component } in next {
            let (index, component) = (index as usize, component as usize);
            self.block(component, &mut into.blocks[index], &mut into.known[index])?;
        }
        Ok(())
    }

    /// Never: zeros are left out at the end of whole data too.
    fn is_past_end(&self) -> bool {
        false
    }

    fn end(&self) -> Result<(), Error> {
        // Zeros may be padding.
        if self.decisions.unread().iter().any(|&byte| byte != 0) {
            return Err(Error::Damaged("there are data left over behind the last block"));
        }
        Ok(())
    }
}

const NO_END: Error = Error::Damaged("an arithmetic code leads out of its block");

/// The AC coefficients of a block in `band` (figure F.20), whose lowest bit is `low`. Returns one
/// more than the index of the last.
fn first_ac(
    decisions: &mut Decisions<'_>,
    Ac { bins, last_low }: &mut Ac,
    band: std::ops::RangeInclusive<usize>,
    low: u32,
    block: &mut Block,
) -> Result<usize, Error> {
    const LOW_MAGNITUDE_BIN: usize = 189;
    const HIGH_MAGNITUDE_BIN: usize = 217;

    let (mut k, end) = band.into_inner();
    let mut written = 0;
    while k <= end {
        let is_end = decisions.decide(&mut bins[3 * (k - 1)]);
        if is_end {
            break;
        }
        while !decisions.decide(&mut bins[3 * (k - 1) + 1]) {
            k += 1;
            if k > end {
                return Err(NO_END);
            }
        }
        let is_negative = decisions.toss();
        let bin = 3 * (k - 1) + 2;
        let mut value = 0;
        if decisions.decide(&mut bins[bin]) {
            value = 1;
            if decisions.decide(&mut bins[bin]) {
                let first = if k <= *last_low { LOW_MAGNITUDE_BIN } else { HIGH_MAGNITUDE_BIN };
                value = decisions.magnitude(bins, first, 2)?.1;
            }
        }
        let value = if is_negative { -(value + 1) } else { value + 1 };
        block[usize::from(PLACES[k])] = (value << low) as i16;
        k += 1;
        written = k;
    }
    Ok(written)
}

/// One bit more of the AC coefficients of a block in `band` (figure G.10). Returns one more than
/// the index of the last coefficient that was written.
fn more_ac(
    decisions: &mut Decisions<'_>,
    Ac { bins, .. }: &mut Ac,
    band: std::ops::RangeInclusive<usize>,
    low: u32,
    block: &mut Block,
) -> Result<usize, Error> {
    let (mut k, end) = band.clone().into_inner();
    let bit = 1i16 << low;
    let place = |k: usize| usize::from(PLACES[k]);
    // Up to the last coefficient that earlier scans gave, the block does not end.
    let last_known = band.rev().find(|&k| block[place(k)] != 0).unwrap_or(0);
    let mut written = 0;
    while k <= end {
        if k > last_known {
            let is_end = decisions.decide(&mut bins[3 * (k - 1)]);
            if is_end {
                break;
            }
        }
        loop {
            let coefficient = &mut block[place(k)];
            if *coefficient != 0 {
                if decisions.decide(&mut bins[3 * (k - 1) + 2]) {
                    let added = if *coefficient < 0 { -bit } else { bit };
                    *coefficient = coefficient.wrapping_add(added);
                    written = k + 1;
                }
                break;
            }
            if decisions.decide(&mut bins[3 * (k - 1) + 1]) {
                *coefficient = if decisions.toss() { -bit } else { bit };
                written = k + 1;
                break;
            }
            k += 1;
            if k > end {
                return Err(NO_END);
            }
        }
        k += 1;
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test sequence of T.81, K.4.1: 256 decisions with one estimate.
    #[test]
    fn the_standards_test_sequence_is_decoded() {
        let code = [
            0x65, 0x5B, 0x51, 0x44, 0xF7, 0x96, 0x9D, 0x51, 0x78, 0x55, 0xBF, 0xFF, 0xFC, 0x51,
            0x84, 0xC7, 0xCE, 0xF9, 0x39, 0x00, 0x28, 0x7D, 0x46, 0x70, 0x8E, 0xCB, 0xC0, 0xF6,
        ];
        let expected = [
            0x0002_0051u32,
            0x0000_00C0,
            0x0352_872A,
            0xAAAA_AAAA,
            0x82C0_2000,
            0xFCD7_9EF6,
            0x74EA_ABF7,
            0x697E_E74C,
        ];
        let mut decisions = Decisions::new(&code);
        let mut estimate = Estimate::UNKNOWN;
        let words = expected.map(|_| {
            (0..32).fold(0, |word, _| word << 1 | u32::from(decisions.decide(&mut estimate)))
        });
        assert_eq!(words, expected);
        assert!(decisions.unread().is_empty());
    }
}

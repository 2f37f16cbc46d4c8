//! The Huffman tables of a picture, by their numbers.
#![expect(
    clippy::inline_always,
    reason = "a function compiled for newer processors must take in all that it calls"
)]

use crate::error::Error;
use crate::huffman::{Codes, Definition, ENTRIES, Step, Table, Use, standard};

/// Tables of each use: numbers 0 to 3.
const NUMBERS: usize = 4;
/// Those for DC coefficients, then those for AC coefficients.
const SLOTS: usize = 2 * NUMBERS;

/// The tables that segments have defined, and those of them that scans have needed. Tables made for
/// one picture are kept for the next, which often has the same.
pub(crate) struct HuffmanTables {
    definitions: [Option<Definition>; SLOTS],
    made: [Option<Table>; SLOTS],
    /// The steps of the tables that are made.
    steps: Box<[[Step; ENTRIES]; SLOTS]>,
}

impl Default for HuffmanTables {
    fn default() -> Self {
        let steps = vec![[Step::default(); ENTRIES]; SLOTS].into_boxed_slice();
        let Ok(steps) = steps.try_into() else { unreachable!("their number is constant") };
        Self { definitions: Default::default(), made: Default::default(), steps }
    }
}

impl HuffmanTables {
    /// Forgets the definitions of the last picture. Frames of Motion JPEG define none, and mean the
    /// standard's examples.
    pub(crate) fn begin(&mut self, is_progressive: bool) {
        self.definitions = Default::default();
        if !is_progressive {
            let [dc, ac, dc_of_colour, ac_of_colour] = standard().map(Some);
            [self.definitions[0], self.definitions[1]] = [dc, dc_of_colour];
            [self.definitions[NUMBERS], self.definitions[NUMBERS + 1]] = [ac, ac_of_colour];
        }
    }

    /// Reads the segment behind a DHT marker (T.81, B.2.4.2).
    pub(crate) fn take(&mut self, mut data: &[u8]) -> Result<(), Error> {
        let wrong = Error::Damaged("a Huffman table is cut or has a number that does not exist");
        while !data.is_empty() {
            let (&[kind, ref counts @ ..], rest) = data.split_first_chunk::<17>().ok_or(wrong)?;
            let count = counts.iter().map(|&count| usize::from(count)).sum::<usize>();
            let (symbols, rest) = rest.split_at_checked(count).ok_or(wrong)?;
            let (class, number) = (usize::from(kind >> 4), usize::from(kind & 15));
            if count > 256 || class > 1 || number >= NUMBERS {
                return Err(wrong);
            }
            self.definitions[class * NUMBERS + number] =
                Some(Definition { counts: *counts, symbols: symbols.to_vec() });
            data = rest;
        }
        Ok(())
    }

    /// Makes the table with this number for this use, unless it is made already, and returns its
    /// slot.
    pub(crate) fn make(&mut self, number: usize, made_for: Use) -> Result<usize, Error> {
        let missing = Error::Damaged("a Huffman table is missing");
        if number >= NUMBERS {
            return Err(missing);
        }
        let slot = if made_for == Use::Dc { number } else { NUMBERS + number };
        let definition = self.definitions[slot].as_ref().ok_or(missing)?;
        if !self.made[slot].as_ref().is_some_and(|table| table.is(definition, made_for)) {
            self.made[slot] = None;
            self.made[slot] = Some(Table::new(definition, made_for, &mut self.steps[slot])?);
        }
        Ok(slot)
    }

    /// What the next 11 bits say, of a table that is made.
    #[inline(always)]
    pub(crate) fn steps(&self, slot: usize) -> &[Step; ENTRIES] {
        &self.steps[slot % SLOTS]
    }

    /// The codes of a table that is made.
    pub(crate) fn codes(&self, slot: usize) -> Result<&Codes, Error> {
        let table = self.made[slot].as_ref();
        table.map(|table| &table.codes).ok_or(Error::Damaged("a Huffman table is missing"))
    }
}

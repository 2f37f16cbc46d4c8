//! A scan: its header and its data.

use std::ops::Range;

use crate::band::Band;
use crate::error::{Error, Unsupported};
use crate::header::segment;
use crate::layout::Component;
use crate::markers::{Marker, code};

/// Most blocks in an MCU (T.81, B.2.3).
const MAX_BLOCKS_IN_MCU: usize = 10;

/// A scan's header.
#[derive(Debug, Clone)]
pub(crate) struct Scan {
    /// Its components, in the order of their blocks.
    pub(crate) components: Vec<InScan>,
    pub(crate) band: Band,
}

/// A component in a scan.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InScan {
    /// Index of the component in the frame header.
    pub(crate) component: usize,
    /// Numbers of the tables for DC and AC coefficients.
    pub(crate) dc_table: usize,
    pub(crate) ac_table: usize,
}

impl Scan {
    /// Reads a scan's header. A sequential scan has all frequencies, also where its header says
    /// something else.
    pub(crate) fn read(
        marker: &Marker<'_>,
        components: &[Component],
        is_progressive: bool,
    ) -> Result<Self, Error> {
        let wrong = Error::Damaged("the length of a scan header is wrong");
        let (&count, rest) = segment(marker)?.split_first().ok_or(wrong)?;
        let (pairs, &[start, end, bits]) = rest.split_last_chunk::<3>().ok_or(wrong)?;
        let (pairs, rest) = pairs.as_chunks::<2>();
        if !(1..=4).contains(&count) || pairs.len() != usize::from(count) || !rest.is_empty() {
            return Err(wrong);
        }
        let mut found: Vec<InScan> = Vec::with_capacity(4);
        for &[id, tables] in pairs {
            // In the order of the frame header (B.2.3).
            let first = found.last().map_or(0, |one| one.component + 1);
            let component = (first..components.len())
                .find(|&index| components[index].id == id)
                .ok_or(Error::Damaged("a scan has components that the frame header lacks there"))?;
            let (dc_table, ac_table) = (usize::from(tables >> 4), usize::from(tables & 15));
            found.push(InScan { component, dc_table, ac_table });
        }
        let blocks_of = |one: &InScan| {
            let Component { across, down, .. } = components[one.component];
            across * down
        };
        if found.len() > 1 && found.iter().map(blocks_of).sum::<usize>() > MAX_BLOCKS_IN_MCU {
            return Err(Error::Unsupported(Unsupported::Sampling));
        }
        let band = if is_progressive {
            let band = Band {
                start: start.into(),
                end: end.into(),
                high: (bits >> 4).into(),
                low: (bits & 15).into(),
            };
            band.checked(found.len())?
        } else {
            Band::ALL
        };
        Ok(Self { components: found, band })
    }
}

/// A scan's data without markers and byte stuffing. The buffers are kept.
#[derive(Default)]
pub(crate) struct Data {
    /// The data of all restart intervals, and zeros.
    bytes: Vec<u8>,
    intervals: Vec<Range<usize>>,
}

/// What is said of restart markers that do not divide the scan into its intervals.
pub(crate) const RESTARTS: Error = Error::Damaged("there are too few or too many restart markers");

/// The most of a scan that is kept for the next picture: 4 MiB of data, and as much for its
/// intervals.
const KEPT_BYTES: usize = 4 << 20;

/// Zeros behind the data, so that bits can be read eight bytes at a time.
const PADDING: usize = 16;

impl Data {
    /// Takes the data of the scan that begins at the index `from` of `file`, and returns the index
    /// of the marker behind them. `most_mcus` is the most that a scan of this picture has.
    ///
    /// # Errors
    /// When the file ends before, or when restart markers are out of order or too many: each takes
    /// eight times its length here.
    pub(crate) fn take(
        &mut self,
        file: &[u8],
        from: usize,
        most_mcus: usize,
    ) -> Result<usize, Error> {
        let before = self.bytes.len();
        let end = self.collect(file, from, most_mcus);
        if self.bytes.len() < before {
            // Overwrites what a longer scan left behind the end.
            let length = self.bytes.len();
            self.bytes.resize(before, 0);
            self.bytes.truncate(length);
        }
        end
    }

    fn collect(&mut self, file: &[u8], mut from: usize, most_mcus: usize) -> Result<usize, Error> {
        self.bytes.clear();
        self.intervals.clear();
        let most = file.len().saturating_sub(from) + PADDING;
        if self.bytes.capacity() < most {
            // Allocated at once, and the old one freed first.
            self.bytes = Vec::new();
            self.bytes.reserve_exact(most);
        }
        let mut interval = 0;
        loop {
            let rest = file.get(from..).ok_or(Error::CutShort)?;
            let length = memchr::memchr(0xFF, rest).ok_or(Error::CutShort)?;
            self.bytes.extend_from_slice(&rest[..length]);
            // Any number of 0xFF in front of a marker code is filling.
            let filling =
                rest[length..].iter().position(|&byte| byte != 0xFF).ok_or(Error::CutShort)?;
            let code_at = from + length + filling;
            from = code_at + 1;
            match file[code_at] {
                0 => self.bytes.push(0xFF),
                code => {
                    self.intervals.push(interval..self.bytes.len());
                    interval = self.bytes.len();
                    if !matches!(code, code::RST0..=code::RST7) {
                        self.bytes.resize(interval + PADDING, 0);
                        return Ok(code_at - 1);
                    }
                    if usize::from(code - code::RST0) != (self.intervals.len() - 1) % 8 {
                        return Err(Error::Damaged("the restart markers are out of order"));
                    }
                    // One more may follow the last interval.
                    if self.intervals.len() > most_mcus {
                        return Err(RESTARTS);
                    }
                }
            }
        }
    }

    /// Whether there are so many restart intervals. Some encoders write a restart marker behind the
    /// last one. An interval can be empty where data are coded arithmetically.
    pub(crate) fn has_intervals(&self, count: usize) -> bool {
        let has_empty_last = self.intervals.last().is_some_and(Range::is_empty);
        self.intervals.len() == count || has_empty_last && self.intervals.len() == count + 1
    }

    /// The data from the beginning of a restart interval on, and the length of the interval.
    pub(crate) fn interval(&self, index: usize) -> Option<(&[u8], usize)> {
        let range = self.intervals.get(index)?;
        Some((&self.bytes[range.start..], range.len()))
    }

    /// Frees what is too large to keep.
    pub(crate) fn free_if_large(&mut self) {
        let intervals = self.intervals.capacity() * size_of::<Range<usize>>();
        if self.bytes.capacity() > KEPT_BYTES || intervals > KEPT_BYTES {
            *self = Self::default();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.fill(0);
    }
}

/// Checks what an interval left over. A decoder of its bits takes up to eight bytes at once, so
/// libjpeg does not notice up to seven that follow the last block; and some cameras write zeros
/// there. Other data that are left over mean that earlier data are lost.
pub(crate) fn check_left_over(bytes: &[u8]) -> Result<(), Error> {
    if bytes.len() > 7 && bytes.iter().any(|&byte| byte != 0) {
        return Err(Error::Damaged("there are data left over behind the last block"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stuffing_goes_and_restart_markers_divide() -> Result<(), Error> {
        let file = [
            &[1, 2, 0xFF, 0, 3, 0xFF, 0xFF, 0][..],
            &[0xFF, 0xD0, 4, 0xFF, 0xFF, 0xD1, 0xFF, 0xD2],
            &[0xFF, 0xFF, 0xD9, 7],
        ]
        .concat();
        let mut data = Data::default();
        assert_eq!(data.take(&file, 0, 9)?, file.len() - 3);
        let interval = |index: usize| data.interval(index).map(|(bytes, length)| &bytes[..length]);
        assert_eq!(interval(0), Some(&[1, 2, 0xFF, 3, 0xFF][..]));
        assert_eq!(interval(1), Some(&[4][..]));
        assert_eq!(interval(2), Some(&[][..]));
        assert_eq!(data.interval(2).map(|(bytes, _)| bytes.len()), Some(PADDING));
        assert!(data.has_intervals(3) && data.has_intervals(4));
        assert!(!data.has_intervals(2) && !data.has_intervals(5));
        for end in 0..file.len() - 1 {
            assert_eq!(Data::default().take(&file[..end], 0, 9), Err(Error::CutShort), "{end}");
        }
        assert!(matches!(Data::default().take(&file, 12, 9), Err(Error::Damaged(_))));
        // Three restart markers: one between two MCUs each, and one behind the last.
        assert!(Data::default().take(&file, 0, 3).is_ok());
        assert_eq!(Data::default().take(&file, 0, 2), Err(RESTARTS));
        Ok(())
    }
}

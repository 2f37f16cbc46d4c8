//! The frequencies and bits that a scan has.

use crate::error::Error;

/// The coefficients and the bits of them that a scan has (T.81, G.1.1.1). A sequential scan has
/// all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Band {
    /// Index of the first coefficient, in zigzag order, 0 to 63.
    pub(crate) start: usize,
    /// Index of the last coefficient.
    pub(crate) end: usize,
    /// Low bits that were left out before this scan; 0 if it is the first of its coefficients.
    pub(crate) high: u32,
    /// Low bits that are still left out after it.
    pub(crate) low: u32,
}

impl Band {
    /// All coefficients with all bits.
    pub(crate) const ALL: Self = Self { start: 0, end: 63, high: 0, low: 0 };

    /// Whether it adds a bit to what earlier scans gave.
    pub(crate) fn is_refinement(&self) -> bool {
        self.high > 0
    }

    /// Checks the band of a progressive scan of so many components.
    pub(crate) fn checked(self, components: usize) -> Result<Self, Error> {
        let Self { start, end, high, low } = self;
        let has_dc = start == 0 && end == 0;
        let has_only_ac = (1..=end).contains(&start) && end < 64 && components == 1;
        let is_one_bit = high == 0 || low + 1 == high;
        // Samples of 8 bits have coefficients of at most 14 bits (libjpeg's own limit).
        if (has_dc || has_only_ac) && is_one_bit && low <= 13 {
            Ok(self)
        } else {
            Err(Error::Damaged("a progressive scan has frequencies or bits that do not exist"))
        }
    }
}

/// Which bits of each coefficient of a component have come.
#[derive(Clone, Copy)]
pub(crate) struct Progress([Option<u32>; 64]);

impl Progress {
    pub(crate) const NONE: Self = Self([None; 64]);

    /// Notes a scan.
    ///
    /// # Errors
    /// When it does not continue what came before.
    pub(crate) fn note(&mut self, band: &Band) -> Result<(), Error> {
        let is_dc_missing = band.start > 0 && self.0[0].is_none();
        for missing in &mut self.0[band.start..=band.end] {
            if is_dc_missing || missing.unwrap_or(0) != band.high || *missing == Some(0) {
                return Err(Error::Damaged("a scan does not continue the scans before it"));
            }
            *missing = Some(band.low);
        }
        Ok(())
    }

    /// Whether all bits of all coefficients have come.
    pub(crate) fn is_whole(&self) -> bool {
        self.0.iter().all(|&missing| missing == Some(0))
    }
}

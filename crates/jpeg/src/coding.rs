//! What the ways of coding a scan have in common.

use crate::coefficients::Coefficients;
use crate::error::Error;

/// Decodes the blocks of one scan, one restart interval after the other.
pub(crate) trait Coding<'a> {
    /// Begins a restart interval: the first `length` bytes of `data`.
    fn begin(&mut self, data: &'a [u8], length: usize);

    /// Decodes the next blocks of the interval. A sequential scan overwrites them, a progressive
    /// one adds to them.
    fn blocks(&mut self, next: &[Next], into: &mut Coefficients) -> Result<(), Error>;

    /// Whether more was read than the interval has.
    fn is_past_end(&self) -> bool;

    /// Checks what is left over behind the last block of the interval.
    fn end(&self) -> Result<(), Error>;
}

/// A block that comes next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Next {
    /// Index among the [`Coefficients`].
    pub(crate) index: u32,
    /// Index of the component in the scan.
    pub(crate) component: u32,
}

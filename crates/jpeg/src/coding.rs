//! What the ways of coding a scan have in common.

use crate::coefficients::BlockMut;
use crate::error::Error;

/// Decodes the blocks of one scan, one restart interval after the other.
pub(crate) trait Coding<'a> {
    /// Begins a restart interval: the first `length` bytes of `data`.
    fn begin(&mut self, data: &'a [u8], length: usize);

    /// Decodes the next block, of a component given by its index in the scan. A sequential scan
    /// overwrites the block, a progressive one adds to it.
    fn block(&mut self, component: usize, into: BlockMut<'_>) -> Result<(), Error>;

    /// Whether more was read than the interval has.
    fn is_past_end(&self) -> bool;

    /// Checks what is left over behind the last block of the interval.
    fn end(&self) -> Result<(), Error>;
}

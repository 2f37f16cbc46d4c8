//! The bits of a restart interval, from which byte stuffing has been removed.
#![expect(
    clippy::inline_always,
    reason = "a function compiled for newer processors must take in all that it calls"
)]

/// Reads bits, the highest of a byte first. Behind the end of the interval it may read the bytes of
/// the next one, and then zeros: [`Bits::is_past_end`] tells.
#[derive(Clone, Copy)]
pub(crate) struct Bits<'a> {
    /// From the first byte of the interval on.
    data: &'a [u8],
    /// Bytes of the interval.
    length: usize,
    /// The data that are not yet taken into `word`.
    rest: &'a [u8],
    /// The next bits, from the highest bit on; behind the first `count` they are not to be relied
    /// on.
    word: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    /// The bits of the first `length` bytes of `data`, behind which at least 8 bytes follow.
    pub(crate) fn new(data: &'a [u8], length: usize) -> Self {
        Self { data, length, rest: data, word: 0, count: 0 }
    }

    /// Makes at least 56 bits ready.
    #[inline(always)]
    pub(crate) fn refill(&mut self) {
        let taken = (!self.count >> 3 & 7) as usize;
        if let Some(bytes) = self.rest.first_chunk() {
            self.word |= u64::from_be_bytes(*bytes) >> self.count;
            self.rest = &self.rest[taken..];
        } else {
            self.word |= last_bytes(self.rest) >> self.count;
            self.rest = self.rest.get(taken..).unwrap_or_default();
        }
        // From 56 on, as many as before beyond whole bytes.
        self.count |= 0b11_1000;
    }

    /// The next bits, from the highest of these on. At least those that [`Bits::refill`] made ready
    /// are right.
    #[inline(always)]
    pub(crate) fn word(&self) -> u64 {
        self.word
    }

    /// The bits of a [`Bits::word`]. A function that takes the word instead of the whole leaves the
    /// caller's bits in registers.
    pub(crate) fn of_word(word: u64) -> Self {
        Self { data: &[], length: 0, rest: &[], word, count: 64 }
    }

    /// The number of bits that are ready.
    #[inline(always)]
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// The next `N` bits, of at most 56 that [`Bits::refill`] made ready.
    #[inline(always)]
    pub(crate) fn peek<const N: u32>(&self) -> usize {
        (self.word >> (64 - N)) as usize
    }

    /// Passes over `count` bits that are ready.
    #[inline(always)]
    pub(crate) fn skip(&mut self, count: u32) {
        self.word <<= count;
        self.count -= count;
    }

    /// Takes `count` bits, 0 to 16, that are ready.
    #[inline(always)]
    pub(crate) fn take(&mut self, count: u32) -> u32 {
        let value = (self.word >> 32 >> (32 - count)) as u32;
        self.skip(count);
        value
    }

    /// The signed number of `size` bits, 1 to 15, behind the next `skipped` bits; all of them are
    /// ready. It is as [`magnitude`](crate::huffman::magnitude) says, without a branch.
    #[inline(always)]
    pub(crate) fn magnitude_behind(&self, skipped: u32, size: u32) -> i16 {
        let word = self.word << skipped;
        let value = (word >> 1 >> (63 - size)) as i32;
        let is_negative = !((word as i64) >> 63) as i32;
        (value + (is_negative & (1 - (1 << size)))) as i16
    }

    /// Takes a bit that is ready.
    #[inline(always)]
    pub(crate) fn flag(&mut self) -> bool {
        let is_set = self.word >> 63 == 1;
        self.skip(1);
        is_set
    }

    /// The number of bits that were used. Behind the data it may fall short of it.
    fn used(&self) -> usize {
        (8 * (self.data.len() - self.rest.len())).saturating_sub(self.count as usize)
    }

    /// Whether bits behind the end were used.
    pub(crate) fn is_past_end(&self) -> bool {
        self.used() > 8 * self.length
    }

    /// The whole bytes of the interval that are not used.
    pub(crate) fn left_over(&self) -> &'a [u8] {
        self.data.get(self.used().div_ceil(8)..self.length).unwrap_or_default()
    }
}

/// Fewer than eight bytes that are left, and zeros.
#[cold]
#[inline(never)]
fn last_bytes(rest: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    for (byte, last) in bytes.iter_mut().zip(rest) {
        *byte = *last;
    }
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_in_order_and_their_end_is_noticed() {
        let mut data: Vec<u8> = (0..40).map(|i| (i * 37 + 11) as u8).collect();
        data.extend([0; 8]);
        let bit = |i: usize| data.get(i / 8).map_or(0, |byte| u32::from(byte >> (7 - i % 8) & 1));
        for length in [0, 1, 7, 8, 9, 39, 40] {
            let (mut bits, mut at) = (Bits::new(&data, length), 0);
            for count in (0..=16).chain([3, 1, 0, 13]).cycle().take(60) {
                bits.refill();
                assert!(bits.count() >= 56);
                let expected = (at..at + count).fold(0, |value, i| 2 * value + bit(i));
                assert_eq!(bits.take(count as u32), expected, "{count} bits at {at}");
                at += count;
                assert_eq!(bits.is_past_end(), at > 8 * length);
                let rest = data.get(at.div_ceil(8)..length).unwrap_or_default();
                assert_eq!(bits.left_over(), rest, "{at} of {length}");
            }
        }
    }
}

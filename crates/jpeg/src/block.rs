//! The 64 coefficients of a block, and their order.

/// The quantised coefficients of a block of 8x8 samples: row by row, the lowest frequencies first.
pub(crate) type Block = [i16; 64];

/// The place in a [`Block`] of each coefficient in zigzag order, the order in which they are stored
/// (ITU-T T.81, figure A.6). Behind the 64 follow places for runs that lead out of a block.
pub(crate) const PLACES: [u8; 256] = {
    const ZIGZAG: [u8; 64] = [
        0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27,
        20, 13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
        58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
    ];
    let mut places = [63; 256];
    let mut i = 0;
    while i < 64 {
        places[i] = ZIGZAG[i];
        i += 1;
    }
    places
};

/// A row of blocks of one component.
#[derive(Clone, Copy)]
pub(crate) struct Blocks<'a> {
    /// Blocks from left to right, row by row.
    pub(crate) blocks: &'a [Block],
    /// For each block, one more than the index (in zigzag order) of the last coefficient that may
    /// not be zero: 0 to 64.
    pub(crate) ends: &'a [u8],
}

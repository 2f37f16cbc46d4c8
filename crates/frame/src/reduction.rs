//! The limits of a reduction during decoding.

use crate::geometry::Size;

/// The limits of a reduction during decoding. Only JPEG can be reduced, to a half, a
/// fourth or an eighth of its sides. That saves most of the work behind the entropy decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reduction {
    /// Largest reduction: pixels of the picture for one pixel of the frame, across and down.
    pub most: usize,
    /// Shortest longer side of the reduced picture, pixels.
    pub min_longer_side_px: usize,
}

impl Reduction {
    /// Decodes all pixels.
    pub const NONE: Self = Self { most: 1, min_longer_side_px: 0 };

    /// Pixels of a picture of `size` for one pixel of the frame, across and down: 1, 2, 4 or 8.
    pub(crate) fn of(&self, size: Size) -> usize {
        let fits =
            |by: &usize| *by <= self.most && size.longer_side() / by >= self.min_longer_side_px;
        [8, 4, 2].into_iter().find(fits).unwrap_or(1)
    }
}

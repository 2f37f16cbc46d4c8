//! The coefficients of a picture, or of one row of its MCUs. The buffers are kept.

use std::array;

use crate::block::{Block, Blocks};
use crate::layout::{Layout, Plane};

/// Blocks of all components.
#[derive(Default)]
pub(crate) struct Coefficients {
    /// The blocks of each component, row by row, one component behind the other; and [`BEHIND`]
    /// that are of none, so that four begin with each.
    pub(crate) blocks: Vec<Block>,
    /// For each block a bit for each coefficient in zigzag order: 0 says that it is zero.
    pub(crate) known: Vec<u64>,
    /// For each block of a row of MCUs, one more than the index of the last coefficient that may
    /// not be zero.
    ends: Vec<u8>,
    /// Index of the first block of each component.
    starts: Vec<usize>,
}

/// The most blocks that are kept for the next picture: 8 MiB. The rows of sequential pictures take
/// less, all blocks of a progressive picture take more.
const KEPT_BLOCKS: usize = (8 << 20) / size_of::<Block>();

const BEHIND: usize = 3;

impl Coefficients {
    /// Makes room for so many rows of MCUs, all zeros.
    pub(crate) fn begin(&mut self, layout: &Layout, rows: usize) {
        // Also what lies behind the new end is overwritten.
        self.clear();
        self.starts.clear();
        let mut count = 0;
        for plane in &layout.planes {
            self.starts.push(count);
            count += rows * plane.blocks_in_row();
        }
        if self.blocks.capacity() < count + BEHIND || self.known.capacity() < count {
            // The old ones are freed first. Zeros of the operating system are not written a second
            // time.
            (self.blocks, self.known) = (Vec::new(), Vec::new());
            self.blocks = vec![[0; 64]; count + BEHIND];
            self.known = vec![0; count];
        }
        self.blocks.resize(count + BEHIND, [0; 64]);
        self.known.resize(count, 0);
    }

    /// The index of a block.
    pub(crate) fn index(
        &self,
        layout: &Layout,
        component: usize,
        row: usize,
        column: usize,
    ) -> usize {
        self.starts[component] + row * layout.planes[component].blocks_across + column
    }

    /// The blocks of a row of MCUs, for each component; none for those that there are not.
    pub(crate) fn row(&mut self, layout: &Layout, row: usize) -> [Blocks<'_>; 4] {
        let range = |plane: &Plane, start: usize| {
            let count = plane.blocks_in_row();
            start + row * count..start + (row + 1) * count
        };
        self.ends.clear();
        for (plane, &start) in layout.planes.iter().zip(&self.starts) {
            let end = |known: &u64| (64 - known.leading_zeros()) as u8;
            self.ends.extend(self.known[range(plane, start)].iter().map(end));
        }
        let mut ends = &self.ends[..];
        array::from_fn(|i| {
            let Some(plane) = layout.planes.get(i) else {
                return Blocks { blocks: &[], ends: &[] };
            };
            let own;
            (own, ends) = ends.split_at(plane.blocks_in_row());
            Blocks { blocks: &self.blocks[range(plane, self.starts[i])], ends: own }
        })
    }

    /// Frees what is too large to keep.
    pub(crate) fn free_if_large(&mut self) {
        if self.blocks.capacity() > KEPT_BLOCKS {
            *self = Self::default();
        }
    }

    /// Overwrites all.
    pub(crate) fn clear(&mut self) {
        self.blocks.fill([0; 64]);
        self.known.fill(0);
        // Also what lies behind its end.
        self.ends.resize(self.ends.capacity(), 0);
        self.ends.fill(0);
    }
}

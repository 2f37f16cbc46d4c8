//! The coefficients of a picture, or of one row of its MCUs. The buffers are kept.

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
            count += rows * in_row(plane);
        }
        if self.blocks.capacity() == 0 {
            // Zeros of the operating system are not written a second time.
            self.blocks = vec![[0; 64]; count + BEHIND];
        } else {
            self.blocks.resize(count + BEHIND, [0; 64]);
        }
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

    /// The blocks of a row of MCUs, for each component.
    pub(crate) fn row(&mut self, layout: &Layout, row: usize) -> Vec<Blocks<'_>> {
        let ranges = layout.planes.iter().zip(&self.starts).map(|(plane, start)| {
            let count = in_row(plane);
            start + row * count..start + (row + 1) * count
        });
        self.ends.clear();
        for range in ranges.clone() {
            let end = |known: &u64| (64 - known.leading_zeros()) as u8;
            self.ends.extend(self.known[range].iter().map(end));
        }
        let mut ends = &self.ends[..];
        let blocks = |range: std::ops::Range<usize>| {
            let (own, rest) = ends.split_at(range.len());
            ends = rest;
            Blocks { blocks: &self.blocks[range], ends: own }
        };
        ranges.map(blocks).collect()
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
    }
}

/// Blocks of a component in a row of MCUs.
fn in_row(plane: &Plane) -> usize {
    plane.blocks_across * plane.down
}

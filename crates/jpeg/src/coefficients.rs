//! The coefficients of a picture, or of one row of its MCUs. The buffers are kept.

use crate::block::{Block, Blocks};
use crate::layout::{Layout, Plane};

/// Blocks of all components.
#[derive(Default)]
pub(crate) struct Coefficients {
    planes: Vec<BlockPlane>,
}

/// Blocks of one component, row by row.
#[derive(Default)]
pub(crate) struct BlockPlane {
    /// Blocks in a row.
    across: usize,
    blocks: Vec<Block>,
    /// For each block a bit for each coefficient in zigzag order: 0 says that it is zero.
    known: Vec<u64>,
    ends: Vec<u8>,
}

/// A block and the bits of its coefficients that may not be zero.
pub(crate) struct BlockMut<'a> {
    pub(crate) block: &'a mut Block,
    pub(crate) known: &'a mut u64,
}

impl Coefficients {
    /// Makes room for so many rows of MCUs, all zeros.
    pub(crate) fn begin(&mut self, layout: &Layout, rows: usize) {
        self.planes.resize_with(layout.planes.len(), BlockPlane::default);
        for (plane, Plane { blocks_across, down, .. }) in self.planes.iter_mut().zip(&layout.planes) {
            let count = blocks_across * down * rows;
            plane.across = *blocks_across;
            // Also what lies behind the new end is overwritten.
            plane.clear();
            plane.blocks.resize(count, [0; 64]);
            plane.known.resize(count, 0);
            plane.ends.resize(blocks_across * down, 0);
        }
    }

    /// The block at a place.
    #[inline(always)]
    pub(crate) fn block(&mut self, component: usize, row: usize, column: usize) -> BlockMut<'_> {
        let plane = &mut self.planes[component];
        let index = row * plane.across + column;
        BlockMut { block: &mut plane.blocks[index], known: &mut plane.known[index] }
    }

    /// The blocks of a row of MCUs, for each component.
    pub(crate) fn row(&mut self, layout: &Layout, row: usize) -> Vec<Blocks<'_>> {
        for (plane, Plane { down, .. }) in self.planes.iter_mut().zip(&layout.planes) {
            let known = plane.known.iter().skip(row * plane.across * down);
            for (end, known) in plane.ends.iter_mut().zip(known) {
                *end = (64 - known.leading_zeros()) as u8;
            }
        }
        self.planes.iter().map(|plane| {
            let count = plane.ends.len();
            Blocks { blocks: &plane.blocks[row * count..(row + 1) * count], ends: &plane.ends }
        }).collect()
    }

    /// Frees what is too large to keep.
    pub(crate) fn free_if_large(&mut self) {
        if self.planes.iter().any(|plane| plane.blocks.capacity() > KEPT_BLOCKS) {
            self.planes.clear();
        }
    }

    /// Overwrites all.
    pub(crate) fn clear(&mut self) {
        self.planes.iter_mut().for_each(BlockPlane::clear);
    }
}

/// The most blocks of a component that are kept for the next picture: 4 MiB. The rows of sequential
/// pictures take less, all blocks of a progressive picture take more.
const KEPT_BLOCKS: usize = (4 << 20) / size_of::<Block>();

impl BlockPlane {
    fn clear(&mut self) {
        self.blocks.fill([0; 64]);
        self.known.fill(0);
    }
}

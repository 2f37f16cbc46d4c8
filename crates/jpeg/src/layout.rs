//! Where the samples of each component lie in the picture, at full size and reduced.

use crate::error::{Error, Unsupported};

/// A component as the frame header gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Component {
    pub(crate) id: u8,
    /// Sampling factors across and down, 1 to 4.
    pub(crate) across: usize,
    pub(crate) down: usize,
    /// Index of the quantisation table, 0 to 3.
    pub(crate) table: usize,
}

/// Where the samples of all components lie in the output picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Width and height of the output picture, pixels.
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// MCUs (T.81, A.2: the smallest group of blocks with all components) across and down.
    pub(crate) mcus_across: usize,
    pub(crate) mcus_down: usize,
    /// Side of a block of the component with the most samples, output pixels: 8, 4, 2 or 1.
    pub(crate) block_px: usize,
    /// Largest sampling factor down.
    pub(crate) most_down: usize,
    /// One for each component: 1, 3 or 4.
    pub(crate) planes: Vec<Plane>,
}

/// The samples of one component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plane {
    /// Sampling factors: blocks of an MCU across and down.
    pub(crate) across: usize,
    pub(crate) down: usize,
    /// Blocks across, with those that fill the last MCU.
    pub(crate) blocks_across: usize,
    /// Blocks across and down that hold samples of the picture: those of a scan of this component
    /// alone.
    pub(crate) own_blocks_across: usize,
    pub(crate) own_blocks_down: usize,
    /// Side of a block after the inverse transform, samples: 8, 4, 2 or 1. A component with fewer
    /// samples than others is reduced less than they.
    pub(crate) block_px: usize,
    /// Samples across and down that belong to the picture.
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Output pixels for each sample across and down.
    pub(crate) expand_across: usize,
    pub(crate) expand_down: usize,
}

impl Layout {
    /// The layout of a picture of this size, reduced by `reduction` (1, 2, 4 or 8), as libjpeg has
    /// it.
    pub(crate) fn new(
        (width, height): (usize, usize),
        components: &[Component],
        reduction: usize,
    ) -> Result<Self, Error> {
        let most_across = components.iter().map(|one| one.across).max().unwrap_or(1);
        let most_down = components.iter().map(|one| one.down).max().unwrap_or(1);
        let (mcus_across, mcus_down) =
            (width.div_ceil(8 * most_across), height.div_ceil(8 * most_down));
        let least_px = 8 / reduction;
        let plane = |one: &Component| {
            let fits = |px: usize| {
                (most_across * least_px).is_multiple_of(one.across * px)
                    && (most_down * least_px).is_multiple_of(one.down * px)
            };
            let mut block_px = least_px;
            while block_px < 8 && fits(2 * block_px) {
                block_px *= 2;
            }
            if !fits(block_px) {
                return Err(Error::Unsupported(Unsupported::Sampling));
            }
            Ok(Plane {
                across: one.across,
                down: one.down,
                blocks_across: mcus_across * one.across,
                own_blocks_across: (width * one.across).div_ceil(8 * most_across),
                own_blocks_down: (height * one.down).div_ceil(8 * most_down),
                block_px,
                width: (width * one.across * block_px).div_ceil(8 * most_across),
                height: (height * one.down * block_px).div_ceil(8 * most_down),
                expand_across: most_across * least_px / (one.across * block_px),
                expand_down: most_down * least_px / (one.down * block_px),
            })
        };
        Ok(Self {
            width: width.div_ceil(reduction),
            height: height.div_ceil(reduction),
            mcus_across,
            mcus_down,
            block_px: least_px,
            most_down,
            planes: components.iter().map(plane).collect::<Result<_, _>>()?,
        })
    }

    /// The most MCUs that a scan has: those of a component alone are its blocks.
    pub(crate) fn most_mcus(&self) -> usize {
        let own = |plane: &Plane| plane.own_blocks_across * plane.own_blocks_down;
        self.planes.iter().map(own).max().unwrap_or(0)
    }
}

impl Plane {
    /// Blocks in a row of MCUs.
    pub(crate) fn blocks_in_row(&self) -> usize {
        self.blocks_across * self.down
    }

    /// Blocks in an MCU.
    pub(crate) fn blocks_in_mcu(&self) -> usize {
        self.across * self.down
    }

    /// Rows of samples in a row of MCUs.
    pub(crate) fn rows_in_row(&self) -> usize {
        self.down * self.block_px
    }
}

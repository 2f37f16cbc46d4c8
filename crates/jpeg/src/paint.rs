//! From rows of blocks to rows of pixels.
#![expect(
    clippy::inline_always,
    reason = "a function compiled for AVX2 must take in all that it calls"
)]

use crate::block::Blocks;
use crate::colour::{Colours, convert};
use crate::lanes::{Arrays, Lanes};
use crate::layout::{Layout, Plane};
use crate::transform::{GROUP, transform};
use crate::upsample::{Upsampling, upsample};

/// Rows of samples that a strip keeps of the MCU row before.
const KEPT: usize = 2;

/// Turns rows of blocks into rows of pixels, one row of MCUs after the other.
///
/// It keeps its buffers from picture to picture.
#[derive(Default)]
pub(crate) struct Painter {
    colours: Colours,
    strips: Vec<Strip>,
    /// A row of the picture for each component that has fewer samples than there are pixels.
    rows: [Vec<u8>; 4],
    sums: Vec<u16>,
    /// Rows of MCUs and of pixels that are done.
    mcu_rows: usize,
    painted: usize,
}

/// The samples of one component in a row of MCUs, below the last [`KEPT`] rows before it.
struct Strip {
    samples: Vec<u8>,
    stride: usize,
    quantisers: [i16; 64],
    upsampling: Upsampling,
}

/// A call of [`Painter::paint_by`]. A closure would be compiled on its own, for any processor.
struct Paint<'a, L> {
    painter: &'a mut Painter,
    lanes: L,
    layout: &'a Layout,
    rows: &'a [Blocks<'a>],
    out: &'a mut [u8],
}

impl<L: Lanes> pulp::NullaryFnOnce for Paint<'_, L> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.painter.paint_by(self.lanes, self.layout, self.rows, self.out);
    }
}

impl Strip {
    /// The row `row` of the component's samples, if the strip holds the row of MCUs `mcu_row`.
    #[inline(always)]
    fn row(&self, plane: &Plane, mcu_row: usize, row: usize) -> &[u8] {
        let start = (KEPT + row - mcu_row * rows_of_mcu(plane)) * self.stride;
        &self.samples[start..][..plane.width]
    }
}

/// Rows of samples of a component in a row of MCUs.
fn rows_of_mcu(plane: &Plane) -> usize {
    plane.down * plane.block_px
}

impl Painter {
    /// Begins a picture. `quantisation` is a table for each component, row by row.
    pub(crate) fn begin(
        &mut self,
        layout: &Layout,
        colours: Colours,
        quantisation: &[[u16; 64]],
    ) {
        self.colours = colours;
        self.strips.resize_with(layout.planes.len(), || Strip {
            samples: Vec::new(),
            stride: 0,
            quantisers: [0; 64],
            upsampling: Upsampling::None,
        });
        let mut longest = 0;
        for (i, (plane, strip)) in layout.planes.iter().zip(&mut self.strips).enumerate() {
            strip.stride = (plane.blocks_across * plane.block_px).next_multiple_of(GROUP);
            strip.samples.resize((KEPT + rows_of_mcu(plane)) * strip.stride, 0);
            strip.quantisers = quantisation[i].map(u16::cast_signed);
            strip.upsampling = Upsampling::of(layout, plane);
            self.rows[i].resize(plane.width * plane.expand_across, 0);
            longest = longest.max(plane.width);
        }
        self.sums.resize(longest + 2, 0);
        self.mcu_rows = 0;
        self.painted = 0;
    }

    /// Takes the blocks of the next row of MCUs, for each component `down` rows of `blocks_across`
    /// blocks, and writes each row of pixels that is complete now.
    ///
    /// `out` is the whole picture.
    pub(crate) fn paint(&mut self, layout: &Layout, rows: &[Blocks<'_>], out: &mut [u8]) {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = pulp::x86::V3::try_new() {
            return avx2.vectorize(Paint { painter: self, lanes: avx2, layout, rows, out });
        }
        #[cfg(target_arch = "x86_64")]
        if let Some(sse2) = pulp::core_arch::x86::Sse2::try_new() {
            return self.paint_by(sse2, layout, rows, out);
        }
        self.paint_by(Arrays, layout, rows, out);
    }

    #[inline(always)]
    fn paint_by<L: Lanes>(
        &mut self,
        lanes: L,
        layout: &Layout,
        rows: &[Blocks<'_>],
        out: &mut [u8],
    ) {
        for ((plane, strip), row) in layout.planes.iter().zip(&mut self.strips).zip(rows) {
            let kept = rows_of_mcu(plane) * strip.stride;
            if self.mcu_rows > 0 {
                strip.samples.copy_within(kept.., 0);
            }
            let samples = &mut strip.samples[KEPT * strip.stride..];
            let block_rows = samples.chunks_exact_mut(plane.block_px * strip.stride);
            let blocks = row.blocks.chunks_exact(plane.blocks_across);
            let ends = row.ends.chunks_exact(plane.blocks_across);
            for ((samples, blocks), ends) in block_rows.zip(blocks).zip(ends) {
                let row = Blocks { blocks, ends };
                transform(lanes, plane.block_px, row, &strip.quantisers, samples, strip.stride);
            }
        }
        let complete = (self.mcu_rows + 1) * layout.most_down * layout.block_px;
        // The last row may take samples of the row of MCUs below.
        let waits = self.strips.iter().any(|strip| strip.upsampling.takes_two_rows());
        let end = if self.mcu_rows + 1 == layout.mcus_down {
            layout.height
        } else {
            complete - usize::from(waits)
        };
        let stride = 3 * layout.width;
        let todo = self.painted..end;
        for (y, out) in todo.clone().zip(out[todo.start * stride..].chunks_exact_mut(stride)) {
            self.paint_row(lanes, layout, y, out);
        }
        self.painted = end;
        self.mcu_rows += 1;
    }

    /// Writes the row `y` of the picture.
    #[inline(always)]
    fn paint_row<L: Lanes>(&mut self, lanes: L, layout: &Layout, y: usize, out: &mut [u8]) {
        for ((plane, strip), row) in layout.planes.iter().zip(&self.strips).zip(&mut self.rows) {
            if strip.upsampling == Upsampling::None {
                continue;
            }
            let near = y / plane.expand_down;
            let is_below = !y.is_multiple_of(plane.expand_down);
            let far = if !strip.upsampling.takes_two_rows() {
                near
            } else if is_below {
                (near + 1).min(plane.height - 1)
            } else {
                near.saturating_sub(1)
            };
            let samples = [near, far].map(|row| strip.row(plane, self.mcu_rows, row));
            upsample(strip.upsampling, samples, is_below, row, &mut self.sums);
        }
        let mut rows: [&[u8]; 4] = [&[]; 4];
        for (i, (plane, strip)) in layout.planes.iter().zip(&self.strips).enumerate() {
            rows[i] = if strip.upsampling == Upsampling::None {
                strip.row(plane, self.mcu_rows, y)
            } else {
                &self.rows[i]
            };
        }
        convert(lanes, self.colours, rows, out);
    }

    /// Overwrites the buffers with zeros.
    pub(crate) fn clear(&mut self) {
        for strip in &mut self.strips {
            strip.samples.fill(0);
        }
        for row in &mut self.rows {
            row.fill(0);
        }
        self.sums.fill(0);
    }
}

//! From rows of blocks to rows of pixels.
#![expect(
    clippy::inline_always,
    reason = "a function compiled for AVX2 must take in all that it calls"
)]

use crate::block::Blocks;
use crate::colour::{Colours, convert};
use crate::lanes::Lanes;
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
        let start = (KEPT + row - mcu_row * plane.rows_in_row()) * self.stride;
        &self.samples[start..][..plane.width]
    }
}

impl Painter {
    /// Begins a picture. `quantisation` is a table for each component, row by row.
    pub(crate) fn begin(&mut self, layout: &Layout, colours: Colours, quantisation: &[[u16; 64]]) {
        // What is cut off below is then overwritten.
        self.clear();
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
            strip.samples.resize((KEPT + plane.rows_in_row()) * strip.stride, 0);
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
            avx2.vectorize(Paint { painter: self, lanes: avx2, layout, rows, out });
        } else if let Some(sse2) = pulp::core_arch::x86::Sse2::try_new() {
            self.paint_by(sse2, layout, rows, out);
        } else {
            unreachable!("each x86-64 processor has SSE2");
        }
        #[cfg(not(target_arch = "x86_64"))]
        self.paint_by(crate::lanes::Arrays, layout, rows, out);
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
            let kept = plane.rows_in_row() * strip.stride;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::Block;
    use crate::lanes::Arrays;
    use crate::layout::Component;
    use crate::{colour, transform as transforms, upsample as upsamplers};

    struct Picture {
        layout: Layout,
        colours: Colours,
        tables: Vec<[u16; 64]>,
        blocks: Vec<Vec<Block>>,
        ends: Vec<Vec<u8>>,
    }

    fn picture(random: &mut fastrand::Rng) -> Picture {
        let colours = match random.u8(0..7) {
            0 => Colours::Gray,
            1 => Colours::Rgb,
            2 => Colours::Cmyk { inverted: random.bool() },
            3 => Colours::Ycck { inverted: random.bool() },
            _ => Colours::YCbCr,
        };
        let count = match colours {
            Colours::Gray => 1,
            Colours::Rgb | Colours::YCbCr => 3,
            Colours::Cmyk { .. } | Colours::Ycck { .. } => 4,
        };
        let size = (random.usize(1..70), random.usize(1..70));
        let reduction = 1 << random.u8(0..4);
        let layout = loop {
            let mut factor = || if random.bool() { 1 } else { random.usize(1..=4) };
            let components: Vec<_> = (0..count)
                .map(|_| Component { id: 0, across: factor(), down: factor(), table: 0 })
                .collect();
            if let Ok(layout) = Layout::new(size, &components, reduction) {
                break layout;
            }
        };
        let rows = |plane: &Plane| plane.blocks_in_row() * layout.mcus_down;
        let (blocks, ends) = layout
            .planes
            .iter()
            .map(|plane| {
                std::iter::repeat_with(|| transforms::tests::random_block(random, 60))
                    .take(rows(plane))
                    .unzip()
            })
            .unzip();
        let tables = (0..count).map(|_| std::array::from_fn(|_| random.u16(1..9))).collect();
        Picture { layout, colours, tables, blocks, ends }
    }

    impl Picture {
        fn painted(&self, mut paint: impl FnMut(&[Blocks<'_>], &mut [u8])) -> Vec<u8> {
            let layout = &self.layout;
            let mut out = vec![0; 3 * layout.width * layout.height];
            for mcu_row in 0..layout.mcus_down {
                let rows: Vec<_> = (0..layout.planes.len())
                    .map(|i| {
                        let count = layout.planes[i].down * layout.planes[i].blocks_across;
                        let these = mcu_row * count..(mcu_row + 1) * count;
                        let ends = &self.ends[i][these.clone()];
                        Blocks { blocks: &self.blocks[i][these], ends }
                    })
                    .collect();
                paint(&rows, &mut out);
            }
            out
        }

        /// The pixels by the definition of each step, of whole planes.
        fn by_definition(&self) -> Vec<u8> {
            let layout = &self.layout;
            let samples: Vec<Vec<Vec<u8>>> = (0..layout.planes.len())
                .map(|i| {
                    let table = self.tables[i].map(u16::cast_signed);
                    let px = layout.planes[i].block_px;
                    let samples = |block| transforms::tests::by_definition(block, &table, px);
                    self.blocks[i].iter().map(samples).collect()
                })
                .collect();
            let component = |i: usize, x: usize, y: usize| {
                let plane = &layout.planes[i];
                let sample = |x: usize, y: usize| {
                    let px = plane.block_px;
                    samples[i][y / px * plane.blocks_across + x / px][y % px * px + x % px]
                };
                let how = Upsampling::of(layout, plane);
                let size = (plane.width, plane.height);
                upsamplers::tests::by_definition(how, sample, size, (x, y))
            };
            let mut out = Vec::new();
            for y in 0..layout.height {
                for x in 0..layout.width {
                    let mut pixel = [0; 4];
                    for (i, sample) in pixel.iter_mut().enumerate().take(layout.planes.len()) {
                        *sample = component(i, x, y);
                    }
                    out.extend(colour::tests::by_definition(self.colours, pixel));
                }
            }
            out
        }
    }

    #[test]
    fn strips_give_what_whole_planes_give() {
        let mut random = fastrand::Rng::with_seed(3);
        let mut painter = Painter::default();
        for _ in 0..400 {
            let picture = picture(&mut random);
            let layout = &picture.layout;
            let expected = picture.by_definition();
            painter.begin(layout, picture.colours, &picture.tables);
            let actual = picture.painted(|rows, out| painter.paint(layout, rows, out));
            assert!(actual == expected, "{:?} {layout:?}", picture.colours);
            painter.begin(layout, picture.colours, &picture.tables);
            let portable = picture.painted(|rows, out| painter.paint_by(Arrays, layout, rows, out));
            assert!(portable == expected, "portable: {:?} {layout:?}", picture.colours);
        }
    }

    #[test]
    fn cleared_buffers_hold_nothing() {
        let mut random = fastrand::Rng::with_seed(4);
        let mut painter = Painter::default();
        for _ in 0..20 {
            let picture = picture(&mut random);
            painter.begin(&picture.layout, picture.colours, &picture.tables);
            picture.painted(|rows, out| painter.paint(&picture.layout, rows, out));
        }
        painter.clear();
        assert!(painter.strips.iter().all(|strip| strip.samples.iter().all(|&s| s == 0)));
        assert!(painter.rows.iter().flatten().all(|&sample| sample == 0));
        assert!(painter.sums.iter().all(|&sum| sum == 0));
    }
}

//! Two taps a side in 11-bit fixed point, rounded where OpenCV rounds.
//!
//! Source of every constant: OpenCV's `resize` for 8-bit pictures. `INTER_RESIZE_COEF_BITS` is 11.
//! The vertical pass drops 4 bits of each row, multiplies, keeps the upper half, and rounds the sum
//! of both rows by 2 bits.

use super::{inside, source_position};
use crate::frame::View;
use crate::geometry::Size;
use crate::kept::fit;
use crate::vectorized::vectorized;

/// 1.0 in 11-bit fixed point.
const ONE: f64 = 2048.0;

/// Two neighbours and their weights, 0 to 2048.
#[derive(Clone, Copy)]
struct Taps {
    near: usize,
    far: usize,
    near_weight: i16,
    far_weight: i16,
}

impl Taps {
    /// The taps of output position `i` when `from` pixels become `to`.
    fn under(i: usize, from: usize, to: usize) -> Self {
        let (near, fraction) = source_position(i, from, to);
        let fixed = |weight: f32| (f64::from(weight) * ONE).round_ties_even() as i16;
        Self {
            near: inside(near, from),
            far: inside(near + 1, from),
            near_weight: fixed(1.0 - fraction),
            far_weight: fixed(fraction),
        }
    }

    /// The same sum over two different neighbours, if both are the same edge pixel. `from` is at
    /// least 2.
    fn side_by_side(self, from: usize) -> Self {
        let Self { near, far, near_weight, far_weight } = self;
        let both = near_weight + far_weight;
        if near != far {
            self
        } else if near + 1 < from {
            Self { near, far: near + 1, near_weight: both, far_weight: 0 }
        } else {
            Self { near: near - 1, far: near, near_weight: 0, far_weight: both }
        }
    }
}

/// Buffers kept from call to call.
#[derive(Default)]
pub(super) struct Scratch {
    columns: Columns,
    pairs: Pairs,
    rows: [Row; 2],
    line: Vec<u8>,
}

/// The taps of each column of the result.
#[derive(Default)]
struct Columns {
    /// First byte of the near pixel in its row. The far pixel follows.
    first_bytes: Vec<u32>,
    near_weights: Vec<i16>,
    far_weights: Vec<i16>,
}

/// The near and the far pixel of each column of the result, as little-endian numbers.
#[derive(Default)]
struct Pairs {
    /// The near pixel in the lowest three bytes.
    near: Vec<u32>,
    /// The far pixel in the highest three bytes.
    far: Vec<u32>,
}

/// One source row after the horizontal pass: its red values, its green ones, its blue ones. They
/// are values times 2048, without the 4 bits that the vertical pass drops. They fit in 15 bits.
#[derive(Default)]
struct Row {
    source: Option<usize>,
    values: Vec<i16>,
}

impl Scratch {
    /// Overwrites the buffers.
    pub(super) fn clear(&mut self) {
        self.pairs.near.fill(0);
        self.pairs.far.fill(0);
        self.rows.iter_mut().for_each(|row| row.values.fill(0));
        self.line.fill(0);
    }
}

/// Gives each row of the result to `put`: its number, then its red values, its green ones and its
/// blue ones.
pub(super) fn resample(
    source: View<'_>,
    to: Size,
    scratch: &mut Scratch,
    mut put: impl FnMut(usize, &[u8]),
) {
    let from = source.size();
    let Scratch { columns, pairs, rows, line } = scratch;
    columns.fit(from.width, to.width);
    fit(&mut pairs.near, to.width);
    fit(&mut pairs.far, to.width);
    fit(line, 3 * to.width);
    for row in rows.iter_mut() {
        row.source = None;
        fit(&mut row.values, 3 * to.width);
    }
    for y in 0..to.height {
        let taps = Taps::under(y, from.height, to.height);
        // The far row of one output row is often the near row of the next.
        if rows[0].source != Some(taps.near) && rows[1].source == Some(taps.near) {
            rows.swap(0, 1);
        }
        for (row, wanted) in rows.iter_mut().zip([taps.near, taps.far]) {
            if row.source != Some(wanted) {
                row.source = Some(wanted);
                pairs.read(source.row(wanted), &columns.first_bytes);
                blend_columns(pairs, columns, &mut row.values);
            }
        }
        blend_rows([&rows[0].values, &rows[1].values], [taps.near_weight, taps.far_weight], line);
        put(y, line);
    }
}

impl Columns {
    /// Makes them the columns of `to` pixels out of `from`.
    fn fit(&mut self, from: usize, to: usize) {
        let Self { first_bytes, near_weights, far_weights } = self;
        first_bytes.clear();
        near_weights.clear();
        far_weights.clear();
        for x in 0..to {
            let taps = Taps::under(x, from, to).side_by_side(from.max(2));
            first_bytes.push(3 * taps.near as u32);
            near_weights.push(taps.near_weight);
            far_weights.push(taps.far_weight);
        }
    }
}

impl Pairs {
    /// Reads the pairs that begin at `first_bytes` of `row`.
    fn read(&mut self, row: &[u8], first_bytes: &[u32]) {
        let doubled: [u8; 6];
        // A picture of one column: the pixel is its own neighbour.
        let row = if let [red, green, blue] = *row {
            doubled = [red, green, blue, red, green, blue];
            &doubled
        } else {
            row
        };
        for ((near, far), &first) in self.near.iter_mut().zip(&mut self.far).zip(first_bytes) {
            let first = first as usize;
            let pixels = row.get(first..first + 6).unwrap_or_default();
            if let (Some(low), Some(high)) = (pixels.first_chunk(), pixels.last_chunk()) {
                *near = u32::from_le_bytes(*low);
                *far = u32::from_le_bytes(*high);
            }
        }
    }
}

vectorized! {
    fn blend_columns<'a>(pairs: &'a Pairs, columns: &'a Columns, out: &'a mut [i16]) {
        let width = out.len() / 3;
        let (near, far) = (&pairs.near[..width], &pairs.far[..width]);
        let near_weights = &columns.near_weights[..width];
        let far_weights = &columns.far_weights[..width];
        for (channel, out) in out.chunks_exact_mut(width).enumerate() {
            let (near_shift, far_shift) = (8 * channel, 8 * channel + 8);
            for x in 0..width {
                let near = ((near[x] >> near_shift) & 255) as i32 * i32::from(near_weights[x]);
                let far = ((far[x] >> far_shift) & 255) as i32 * i32::from(far_weights[x]);
                out[x] = ((near + far) >> 4) as i16;
            }
        }
    }
}

vectorized! {
    fn blend_rows<'a>(rows: [&'a [i16]; 2], weights: [i16; 2], out: &'a mut [u8]) {
        // Processors have an instruction for the upper half of the product of two 16-bit numbers.
        let share = |weight: i16, value: i16| ((i32::from(weight) * i32::from(value)) >> 16) as i16;
        let [near, far] = rows;
        for ((out, &near), &far) in out.iter_mut().zip(near).zip(far) {
            *out = ((share(weights[0], near) + share(weights[1], far) + 2) >> 2) as u8;
        }
    }
}

//! Eight taps a side in 11-bit fixed point: OpenCV's `INTER_LANCZOS4`, used for enlarging.

use std::f64::consts::PI;

use super::{inside, source_position};
use crate::frame::View;
use crate::geometry::Size;
use crate::kept::fit;
use crate::vectorized::vectorized;

/// Taps a side: the kernel reaches 4 pixels in each direction.
const REACH: usize = 8;
/// 1.0 in 11-bit fixed point (`INTER_RESIZE_COEF_BITS`).
const ONE: f64 = 2048.0;
/// The two passes scale by `ONE` each.
const BOTH_PASSES_BITS: u32 = 22;

/// Eight source positions and their weights.
type Taps = [(usize, i32); REACH];

/// Buffers kept from call to call.
#[derive(Default)]
pub(super) struct Scratch {
    columns: Vec<Taps>,
    /// Source rows after the horizontal pass. The kernel covers at most eight neighbouring rows, so
    /// that each has its place: its number modulo eight.
    rows: [Row; REACH],
    sums: Vec<i64>,
}

#[derive(Default)]
struct Row {
    source: Option<usize>,
    values: Vec<i32>,
}

impl Scratch {
    /// Overwrites the buffers.
    pub(super) fn clear(&mut self) {
        self.rows.iter_mut().for_each(|row| row.values.fill(0));
        self.sums.fill(0);
    }
}

/// Lanczos' windowed sinc with a window of 4.
fn kernel(t: f64) -> f64 {
    let sinc = |t: f64| {
        if t.abs() < 1e-9 { 1.0 } else { (PI * t).sin() / (PI * t) }
    };
    if t.abs() < 4.0 { sinc(t) * sinc(t / 4.0) } else { 0.0 }
}

fn taps(i: usize, from: usize, to: usize) -> Taps {
    let (near, fraction) = source_position(i, from, to);
    let weights: [f64; REACH] =
        std::array::from_fn(|k| kernel(f64::from(fraction) + 3.0 - k as f64));
    let sum: f64 = weights.iter().sum();
    std::array::from_fn(|k| {
        let source = inside(near + k as i64 - 3, from);
        (source, (weights[k] / sum * ONE).round_ties_even() as i32)
    })
}

pub(super) fn resample(source: View<'_>, to: Size, scratch: &mut Scratch, out: &mut [u8]) {
    let from = source.size();
    let Scratch { columns, rows, sums } = scratch;
    columns.clear();
    columns.extend((0..to.width).map(|x| taps(x, from.width, to.width)));
    fit(sums, 3 * to.width);
    for row in rows.iter_mut() {
        row.source = None;
        fit(&mut row.values, 3 * to.width);
    }
    for (y, out) in out.chunks_exact_mut(3 * to.width).enumerate() {
        sums.fill(1 << (BOTH_PASSES_BITS - 1));
        for (wanted, weight) in taps(y, from.height, to.height) {
            let row = &mut rows[wanted % REACH];
            if row.source != Some(wanted) {
                row.source = Some(wanted);
                blend_columns(source.row(wanted), columns, &mut row.values);
            }
            add(weight, &row.values, sums);
        }
        for (out, &sum) in out.iter_mut().zip(&*sums) {
            *out = (sum >> BOTH_PASSES_BITS).clamp(0, 255) as u8;
        }
    }
}

fn blend_columns(row: &[u8], columns: &[Taps], out: &mut [i32]) {
    let pixels = row.as_chunks::<3>().0;
    for (out, taps) in out.as_chunks_mut::<3>().0.iter_mut().zip(columns) {
        *out = taps.iter().fold([0; 3], |sums, &(x, weight)| {
            [0, 1, 2].map(|channel| sums[channel] + weight * i32::from(pixels[x][channel]))
        });
    }
}

vectorized! {
    /// Adds `weight` times each value of `row` to `sums`. A product takes up to 32 bits.
    fn add<'a>(weight: i32, row: &'a [i32], sums: &'a mut [i64]) {
        for (sum, &value) in sums.iter_mut().zip(row) {
            *sum += i64::from(weight) * i64::from(value);
        }
    }
}

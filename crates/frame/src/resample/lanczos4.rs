//! Eight taps a side in 11-bit fixed point: OpenCV's `INTER_LANCZOS4`, used for enlarging.

use std::collections::VecDeque;
use std::f64::consts::PI;

use super::{inside, source_position};
use crate::frame::View;
use crate::geometry::Size;

/// Taps a side: the kernel reaches 4 pixels in each direction.
const REACH: usize = 8;
/// 1.0 in 11-bit fixed point (`INTER_RESIZE_COEF_BITS`).
const ONE: f64 = 2048.0;
/// The two passes scale by `ONE` each.
const BOTH_PASSES_BITS: u32 = 22;

/// Eight source positions and their weights.
type Taps = [(usize, i64); REACH];

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
        (source, (weights[k] / sum * ONE).round_ties_even() as i64)
    })
}

pub(super) fn resample(source: View<'_>, to: Size, out: &mut [u8]) {
    let from = source.size();
    let columns: Vec<Taps> = (0..to.width).map(|x| taps(x, from.width, to.width)).collect();
    // Only the rows under the kernel are kept; all rows of a large picture would fill gigabytes.
    let mut widened = VecDeque::<Vec<i64>>::new();
    let mut first = 0;
    for (y, out) in out.chunks_exact_mut(3 * to.width).enumerate() {
        let rows = taps(y, from.height, to.height);
        while first < rows[0].0 && widened.pop_front().is_some() {
            first += 1;
        }
        for row in first + widened.len()..=rows[REACH - 1].0 {
            widened.push_back(blend_columns(source.row(row), &columns));
        }
        let rows = rows.map(|(row, weight)| (&widened[row - first], weight));
        for (i, out) in out.iter_mut().enumerate() {
            let sum: i64 = rows.iter().map(|&(row, weight)| weight * row[i]).sum();
            let rounded = (sum + (1 << (BOTH_PASSES_BITS - 1))) >> BOTH_PASSES_BITS;
            *out = rounded.clamp(0, 255) as u8;
        }
    }
}

fn blend_columns(row: &[u8], columns: &[Taps]) -> Vec<i64> {
    columns
        .iter()
        .flat_map(|taps| {
            (0..3).map(move |channel| {
                taps.iter().map(|&(x, weight)| weight * i64::from(row[3 * x + channel])).sum()
            })
        })
        .collect()
}

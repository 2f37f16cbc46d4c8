//! Averaging by covered area: OpenCV's `INTER_AREA` for shrinking.

use crate::frame::View;
use crate::geometry::Size;

/// A source position and the share of the output pixel that it covers.
type Tap = (usize, f32);

/// For each output position, the source positions under it, with shares that add up to 1. Slivers
/// of less than a thousandth of a pixel are dropped, as OpenCV drops them.
fn taps(from: usize, to: usize) -> Vec<Vec<Tap>> {
    const SLIVER: f64 = 1e-3;
    let scale = from as f64 / to as f64;
    let cell = |i: usize| {
        let (start, end) = (i as f64 * scale, ((i + 1) as f64 * scale).min(from as f64));
        let first = start.floor() as usize;
        let last = (end.ceil() as usize).min(from);
        (first..last)
            .map(|s| (s, end.min((s + 1) as f64) - start.max(s as f64)))
            .filter(|&(_, covered)| covered > SLIVER)
            .map(|(s, covered)| (s, (covered / (end - start)) as f32))
            .collect()
    };
    (0..to).map(cell).collect()
}

pub(super) fn resample(source: View<'_>, to: Size, out: &mut [u8]) {
    let from = source.size();
    let (columns, rows) = (taps(from.width, to.width), taps(from.height, to.height));
    let mut sums = vec![0.0_f32; 3 * to.width];
    for (row_taps, out) in rows.iter().zip(out.chunks_exact_mut(3 * to.width)) {
        sums.fill(0.0);
        for &(y, share) in row_taps {
            let row = source.row(y);
            for (sum, column_taps) in sums.chunks_exact_mut(3).zip(&columns) {
                for &(x, column_share) in column_taps {
                    for channel in 0..3 {
                        sum[channel] += share * column_share * f32::from(row[3 * x + channel]);
                    }
                }
            }
        }
        for (out, sum) in out.iter_mut().zip(&sums) {
            *out = sum.round_ties_even().clamp(0.0, 255.0) as u8;
        }
    }
}

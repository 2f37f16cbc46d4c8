//! Averaging by covered area: OpenCV's `INTER_AREA` for shrinking.

use crate::frame::View;
use crate::geometry::Size;
use crate::kept::fit;
use crate::vectorized::vectorized;

/// Less of a source pixel than this is left out, as OpenCV leaves it out.
const SLIVER_PX: f64 = 1e-3;

/// For each output position, the source positions under it, with shares that add up to 1.
#[derive(Default)]
struct Taps {
    /// The first source position, and the index behind the last of its shares.
    spans: Vec<(usize, usize)>,
    shares: Vec<f32>,
}

impl Taps {
    /// Makes them the taps of `to` positions out of `from`.
    fn fit(&mut self, from: usize, to: usize) {
        let Self { spans, shares } = self;
        spans.clear();
        shares.clear();
        let scale = from as f64 / to as f64;
        for i in 0..to {
            let (start, end) = (i as f64 * scale, ((i + 1) as f64 * scale).min(from as f64));
            let covered = |s: usize| end.min((s + 1) as f64) - start.max(s as f64);
            let all = start.floor() as usize..(end.ceil() as usize).min(from);
            let mut kept = all.filter(|&s| covered(s) > SLIVER_PX).peekable();
            let first = kept.peek().copied().unwrap_or(0);
            shares.extend(kept.map(|s| (covered(s) / (end - start)) as f32));
            spans.push((first, shares.len()));
        }
    }

    /// The first source position of each output position, and the shares from there on.
    fn iter(&self) -> impl Iterator<Item = (usize, &[f32])> {
        let mut start = 0;
        self.spans.iter().map(move |&(first, end)| {
            let shares = &self.shares[start..end];
            start = end;
            (first, shares)
        })
    }
}

/// Buffers kept from call to call.
#[derive(Default)]
pub(super) struct Scratch {
    columns: Taps,
    rows: Taps,
    /// The weighted sum of the source rows under one row of the result, and one value more, so that
    /// each pixel can be read as four values.
    sums: Vec<f32>,
}

impl Scratch {
    /// Overwrites the buffers.
    pub(super) fn clear(&mut self) {
        self.sums.fill(0.0);
    }
}

pub(super) fn resample(source: View<'_>, to: Size, scratch: &mut Scratch, out: &mut [u8]) {
    let from = source.size();
    let Scratch { columns, rows, sums } = scratch;
    columns.fit(from.width, to.width);
    rows.fit(from.height, to.height);
    fit(sums, 3 * from.width + 1);
    for ((top, shares), out) in rows.iter().zip(out.chunks_exact_mut(3 * to.width)) {
        sums.fill(0.0);
        for (y, &share) in (top..).zip(shares) {
            add(share, source.row(y), sums);
        }
        for (out, (left, shares)) in out.as_chunks_mut::<3>().0.iter_mut().zip(columns.iter()) {
            let mut means = [0.0; 4];
            for (x, share) in (left..).zip(shares) {
                if let Some(sums) = sums[3 * x..].first_chunk::<4>() {
                    for (mean, sum) in means.iter_mut().zip(sums) {
                        *mean += share * sum;
                    }
                }
            }
            let [red, green, blue, _] = means.map(rounded);
            *out = [red, green, blue];
        }
    }
}

/// `mean`, 0 to 255, as a whole number; a half becomes the even one, as in OpenCV.
fn rounded(mean: f32) -> u8 {
    // Floats as large as this have no digits behind the point, and end in the whole number's bits.
    const WHOLE: f32 = 12_582_912.0;
    (mean.clamp(0.0, 255.0) + WHOLE).to_bits() as u8
}

vectorized! {
    /// Adds `share` of each value of `row` to `sums`.
    fn add<'a>(share: f32, row: &'a [u8], sums: &'a mut [f32]) {
        for (sum, &value) in sums.iter_mut().zip(row) {
            *sum += share * f32::from(value);
        }
    }
}

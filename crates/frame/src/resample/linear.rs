//! Two taps a side in 11-bit fixed point, rounded where OpenCV rounds.
//!
//! Source of every constant: OpenCV's `resize` for 8-bit pictures. `INTER_RESIZE_COEF_BITS` is 11.
//! The vertical pass drops 4 bits of each row, multiplies, keeps the upper half, and rounds the sum
//! of both rows by 2 bits.

use super::{inside, source_position};
use crate::frame::View;
use crate::geometry::Size;
use crate::kept::fit;

/// 1.0 in 11-bit fixed point.
const ONE: f64 = 2048.0;

/// Two neighbours and their weights.
#[derive(Clone, Copy)]
struct Taps {
    near: usize,
    far: usize,
    near_weight: i32,
    far_weight: i32,
}

impl Taps {
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
    columns: Vec<Taps>,
    rows: [Row; 2],
    line: Vec<u8>,
}

impl Scratch {
    /// Overwrites the buffers.
    pub(super) fn clear(&mut self) {
        self.rows.iter_mut().flat_map(|row| &mut row.channels).for_each(|channel| channel.fill(0));
        self.line.fill(0);
    }
}

/// One source row after the horizontal pass, by channel: values times 2048, without the 4 bits that
/// the vertical pass drops. They fit in 15 bits.
#[derive(Default)]
struct Row {
    source: Option<usize>,
    channels: [Vec<i16>; 3],
}

/// The taps of output position `i` when `from` pixels become `to`.
fn taps(i: usize, from: usize, to: usize) -> Taps {
    let (near, fraction) = source_position(i, from, to);
    let fixed = |weight: f32| (f64::from(weight) * ONE).round_ties_even() as i32;
    Taps {
        near: inside(near, from),
        far: inside(near + 1, from),
        near_weight: fixed(1.0 - fraction),
        far_weight: fixed(fraction),
    }
}

/// Gives each row of the result to `put`, one channel at a time: row, channel, values from left to
/// right.
pub(super) fn resample(
    source: View<'_>,
    to: Size,
    scratch: &mut Scratch,
    mut put: impl FnMut(usize, usize, &[u8]),
) {
    let from = source.size();
    let Scratch { columns, rows, line } = scratch;
    columns.clear();
    let side_by_side = |x| taps(x, from.width, to.width).side_by_side(from.width.max(2));
    columns.extend((0..to.width).map(side_by_side));
    fit(line, to.width);
    for row in rows.iter_mut() {
        row.source = None;
        for channel in &mut row.channels {
            fit(channel, to.width);
        }
    }
    for y in 0..to.height {
        let taps = taps(y, from.height, to.height);
        // The far row of one output row is often the near row of the next.
        if rows[0].source != Some(taps.near) && rows[1].source == Some(taps.near) {
            rows.swap(0, 1);
        }
        for (row, wanted) in rows.iter_mut().zip([taps.near, taps.far]) {
            if row.source != Some(wanted) {
                row.source = Some(wanted);
                blend_columns(source.row(wanted), columns, &mut row.channels);
            }
        }
        let [near, far] = &*rows;
        // Processors have an instruction for the upper half of the product of two 16-bit numbers.
        // Weights go from 0 to 2048, so they fit as the values do.
        let (near_weight, far_weight) = (taps.near_weight as i16, taps.far_weight as i16);
        let share = |weight: i16, value: i16| ((i32::from(weight) * i32::from(value)) >> 16) as i16;
        for (channel, (near, far)) in near.channels.iter().zip(&far.channels).enumerate() {
            for ((out, &near), &far) in line.iter_mut().zip(near).zip(far) {
                *out = ((share(near_weight, near) + share(far_weight, far) + 2) >> 2) as u8;
            }
            put(y, channel, line);
        }
    }
}

fn blend_columns(row: &[u8], columns: &[Taps], channels: &mut [Vec<i16>; 3]) {
    let doubled: [u8; 6];
    // A picture of one column: the pixel is its own neighbour.
    let row = if let [red, green, blue] = *row {
        doubled = [red, green, blue, red, green, blue];
        &doubled
    } else {
        row
    };
    let [red, green, blue] = channels;
    let values = red.iter_mut().zip(green).zip(blue);
    for (taps, ((red, green), blue)) in columns.iter().zip(values) {
        let Some(pixels) = row[3 * taps.near..].first_chunk::<6>() else { continue };
        let blend = |channel: usize| {
            let near = i32::from(pixels[channel]) * taps.near_weight;
            let far = i32::from(pixels[channel + 3]) * taps.far_weight;
            ((near + far) >> 4) as i16
        };
        (*red, *green, *blue) = (blend(0), blend(1), blend(2));
    }
}

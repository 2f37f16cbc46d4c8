//! Two taps a side in 11-bit fixed point, rounded where OpenCV rounds.
//!
//! Source of every constant: OpenCV's `resize` for 8-bit pictures (`INTER_RESIZE_COEF_BITS` = 11;
//! the vertical pass drops 4 bits of each row, multiplies, keeps the upper half, and rounds the sum
//! of both rows by 2 bits).

use crate::frame::View;
use crate::geometry::Size;

/// 1.0 in 11-bit fixed point.
const ONE: f64 = 2048.0;

/// Two neighbours and what each contributes.
#[derive(Clone, Copy)]
struct Taps {
    near: usize,
    far: usize,
    near_weight: i32,
    far_weight: i32,
}

/// Buffers kept from call to call.
#[derive(Default)]
pub(super) struct Scratch {
    columns: Vec<Taps>,
    rows: [Row; 2],
    line: Vec<u8>,
}

/// One source row after the horizontal pass, values times 2048, a channel after the other.
#[derive(Default)]
struct Row {
    source: Option<usize>,
    channels: [Vec<i32>; 3],
}

/// The taps of output position `i` when `from` pixels become `to`. Outside the picture its edge is
/// repeated.
fn taps(i: usize, from: usize, to: usize) -> Taps {
    // As OpenCV computes it: the ratio in double precision, the position in single.
    let scale = 1.0 / (to as f64 / from as f64);
    let position = ((i as f64 + 0.5) * scale - 0.5) as f32;
    let near = position.floor();
    let fraction = position - near;
    let inside = |place: i64| place.clamp(0, from as i64 - 1) as usize;
    let fixed = |weight: f32| (f64::from(weight) * ONE).round_ties_even() as i32;
    Taps {
        near: inside(near as i64),
        far: inside(near as i64 + 1),
        near_weight: fixed(1.0 - fraction),
        far_weight: fixed(fraction),
    }
}

/// Hands each row of the result to `put`, a channel at a time: row, channel, its values from left to right.
pub(super) fn resample(
    source: View<'_>,
    to: Size,
    scratch: &mut Scratch,
    mut put: impl FnMut(usize, usize, &[u8]),
) {
    let from = source.size();
    let Scratch { columns, rows, line } = scratch;
    columns.clear();
    columns.extend((0..to.width).map(|x| taps(x, from.width, to.width)));
    line.resize(to.width, 0);
    for row in rows.iter_mut() {
        row.source = None;
        for channel in &mut row.channels {
            channel.resize(to.width, 0);
        }
    }
    for y in 0..to.height {
        let taps = taps(y, from.height, to.height);
        // Going down, the far row of one output row is often the near row of the next.
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
        for (channel, (near, far)) in near.channels.iter().zip(&far.channels).enumerate() {
            for ((out, near), far) in line.iter_mut().zip(near).zip(far) {
                let near = (taps.near_weight * (near >> 4)) >> 16;
                let far = (taps.far_weight * (far >> 4)) >> 16;
                *out = ((near + far + 2) >> 2) as u8;
            }
            put(y, channel, line);
        }
    }
}

fn blend_columns(row: &[u8], columns: &[Taps], channels: &mut [Vec<i32>; 3]) {
    let pixels = row.as_chunks::<3>().0;
    let [red, green, blue] = channels;
    let values = red.iter_mut().zip(green).zip(blue);
    for (taps, ((red, green), blue)) in columns.iter().zip(values) {
        let (near, far) = (pixels[taps.near], pixels[taps.far]);
        let blend = |channel: usize| {
            i32::from(near[channel]) * taps.near_weight + i32::from(far[channel]) * taps.far_weight
        };
        (*red, *green, *blue) = (blend(0), blend(1), blend(2));
    }
}

//! From the samples of a component to a row as wide as the picture, as libjpeg does it: by linear
//! interpolation ("fancy") for twice the samples, by repetition otherwise.
#![expect(
    clippy::inline_always,
    reason = "a function compiled for AVX2 must take in all that it calls"
)]

use crate::layout::{Layout, Plane};

/// How the samples of a component become those of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Upsampling {
    /// There is a sample for each pixel.
    None,
    /// Twice as many across: 3/4 of the nearer sample and 1/4 of the other.
    Across,
    /// Twice as many down.
    Down,
    /// Twice as many in both directions.
    Both,
    /// Each sample so many times across and down.
    Repeat(usize, usize),
}

impl Upsampling {
    pub(crate) fn of(layout: &Layout, plane: &Plane) -> Self {
        let is_fine = layout.block_px > 1;
        match (plane.expand_across, plane.expand_down) {
            (1, 1) => Self::None,
            (2, 1) if is_fine && plane.width > 2 => Self::Across,
            (1, 2) if is_fine => Self::Down,
            (2, 2) if is_fine && plane.width > 2 => Self::Both,
            (across, down) => Self::Repeat(across, down),
        }
    }

    /// Whether a row of the picture takes two rows of samples.
    pub(crate) fn takes_two_rows(self) -> bool {
        matches!(self, Self::Down | Self::Both)
    }
}

/// Writes a row of the picture from the samples `near`, of this row, and `far`, of the next row
/// above or below (`is_below`).
///
/// `row` has room for all samples that `near` becomes. `sums` is a buffer.
#[inline(always)]
pub(crate) fn upsample(
    how: Upsampling,
    [near, far]: [&[u8]; 2],
    is_below: bool,
    row: &mut [u8],
    sums: &mut [u16],
) {
    match how {
        Upsampling::Across => {
            let sums = &mut sums[..near.len() + 2];
            for (sum, near) in sums[1..].iter_mut().zip(near) {
                *sum = u16::from(*near);
            }
            across::<2>(sums, [1, 2], row);
        }
        Upsampling::Down => {
            let bias = 1 + u16::from(is_below);
            for ((sample, near), far) in row.iter_mut().zip(near).zip(far) {
                *sample = ((3 * u16::from(*near) + u16::from(*far) + bias) >> 2) as u8;
            }
        }
        Upsampling::Both => {
            let sums = &mut sums[..near.len() + 2];
            for ((sum, near), far) in sums[1..].iter_mut().zip(near).zip(far) {
                *sum = 3 * u16::from(*near) + u16::from(*far);
            }
            across::<4>(sums, [8, 7], row);
        }
        Upsampling::Repeat(2, _) => repeat::<2>(near, row),
        Upsampling::Repeat(3, _) => repeat::<3>(near, row),
        Upsampling::Repeat(4, _) => repeat::<4>(near, row),
        Upsampling::None | Upsampling::Repeat(..) => row[..near.len()].copy_from_slice(near),
    }
}

/// Two samples from each of `sums` but the first and the last, which are set to their neighbours.
///
/// `bias` is added to the left and to the right sample: a half is rounded up in one, down in the
/// other.
#[inline(always)]
fn across<const SHIFT: u32>(sums: &mut [u16], [left_bias, right_bias]: [u16; 2], row: &mut [u8]) {
    let count = sums.len() - 2;
    sums[0] = sums[1];
    sums[count + 1] = sums[count];
    let (left, middle, right) = (&sums[..count], &sums[1..=count], &sums[2..]);
    for (((pair, left), middle), right) in
        row.as_chunks_mut().0.iter_mut().zip(left).zip(middle).zip(right)
    {
        let left = (3 * middle + left + left_bias) >> SHIFT;
        let right = (3 * middle + right + right_bias) >> SHIFT;
        *pair = (left | right << 8).to_le_bytes();
    }
}

#[inline(always)]
fn repeat<const TIMES: usize>(samples: &[u8], row: &mut [u8]) {
    for (all, sample) in row.as_chunks_mut().0.iter_mut().zip(samples) {
        *all = [*sample; TIMES];
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A sample of the picture by its definition, of whole planes.
    pub(crate) fn by_definition(
        how: Upsampling,
        sample: impl Fn(usize, usize) -> u8,
        (width, height): (usize, usize),
        (x, y): (usize, usize),
    ) -> u8 {
        let further = |at: usize, count: usize| match at % 2 {
            0 => (at / 2).saturating_sub(1),
            _ => (at / 2 + 1).min(count - 1),
        };
        let sample = |x, y| u32::from(sample(x, y));
        let (left, top) = (x / 2, y / 2);
        (match how {
            Upsampling::None => sample(x, y),
            Upsampling::Repeat(across, down) => sample(x / across, y / down),
            Upsampling::Across => {
                let bias = [1, 2][x % 2];
                (3 * sample(left, y) + sample(further(x, width), y) + bias) / 4
            }
            Upsampling::Down => {
                let bias = [1, 2][y % 2];
                (3 * sample(x, top) + sample(x, further(y, height)) + bias) / 4
            }
            Upsampling::Both => {
                let (x_far, y_far) = (further(x, width), further(y, height));
                let near = 3 * sample(left, top) + sample(left, y_far);
                let far = 3 * sample(x_far, top) + sample(x_far, y_far);
                (3 * near + far + [8, 7][x % 2]) / 16
            }
        }) as u8
    }

    #[test]
    fn rows_equal_the_definition_at_every_width() {
        let mut random = fastrand::Rng::with_seed(1);
        let ways = [
            (Upsampling::Across, 2),
            (Upsampling::Down, 1),
            (Upsampling::Both, 2),
            (Upsampling::Repeat(1, 2), 1),
            (Upsampling::Repeat(2, 1), 2),
            (Upsampling::Repeat(3, 1), 3),
            (Upsampling::Repeat(4, 4), 4),
        ];
        for width in 1..=70 {
            let rows: [Vec<u8>; 2] = std::array::from_fn(|_| {
                std::iter::repeat_with(|| random.u8(..)).take(width).collect()
            });
            for (how, times) in ways {
                for y in [1, 2] {
                    let (near, far) = (&rows[y / 2], &rows[1 - y / 2]);
                    let (mut row, mut sums) = (vec![0; times * width], vec![0; width + 2]);
                    upsample(how, [near, far], y == 1, &mut row, &mut sums);
                    let across_only = matches!(how, Upsampling::Across);
                    let top = if across_only { y / 2 } else { y };
                    let repeated = matches!(how, Upsampling::Repeat(..));
                    for (x, sample) in row.iter().enumerate() {
                        let expected = if repeated {
                            near[x / times]
                        } else {
                            by_definition(how, |x, y| rows[y][x], (width, 2), (x, top))
                        };
                        assert_eq!(*sample, expected, "{how:?}, {width} samples, at {x}, {y}");
                    }
                }
            }
        }
    }
}

//! From quantised coefficients to samples: the inverse transforms of libjpeg, at full size and
//! reduced.
//!
//! They are the accurate integer transforms (`islow`) with 13 bits behind the point, columns first.
//! Coefficients that no encoder writes overflow as in libjpeg-turbo's SIMD code: the product of a
//! coefficient and its quantiser wraps at 16 bits, and results between the passes saturate.
#![expect(
    clippy::inline_always,
    reason = "a function compiled for AVX2 must take in all that it calls"
)]
#![expect(
    clippy::many_single_char_names,
    reason = "the eight rows or columns of a block are a to h"
)]

use crate::block::{Block, Blocks, PLACES};
use crate::lanes::{Lanes, sample_of};

/// Samples in a row that are written at once, of 2, 4, 8 or 16 blocks: a strip has rows of a
/// multiple of it.
pub(crate) const GROUP: usize = 16;

/// Stands in for the blocks that a row lacks in its last group.
const EMPTY: Block = [0; 64];

/// Thirty-two bits for each of 16 lanes: of the first four of each half, then of the last four.
type Wide<L> = [<L as Lanes>::I32; 2];

/// The coefficients, a bit for each in zigzag order, that the transform to blocks of this side
/// reads.
pub(crate) fn read_by(block_px: usize) -> u64 {
    // A bit for each row and column that is read.
    let lines: u8 = match block_px {
        8 => 0b1111_1111,
        4 => 0b1110_1111,
        2 => 0b1010_1011,
        _ => 0b0000_0001,
    };
    let is_read = |&i: &usize| {
        let place = PLACES[i];
        lines >> (place / 8) & lines >> (place % 8) & 1 == 1
    };
    (0..64).filter(is_read).fold(0, |read, i| read | 1 << i)
}

/// Writes the samples of a row of blocks into `strip`: `block_px` rows of `stride` samples.
///
/// `table` has the quantisers row by row. `stride` is a multiple of [`GROUP`].
#[inline(always)]
pub(crate) fn transform<L: Lanes>(
    lanes: L,
    block_px: usize,
    row: Blocks<'_>,
    table: &[i16; 64],
    strip: &mut [u8],
    stride: usize,
) {
    match block_px {
        8 => each_group(
            row,
            table,
            strip,
            stride,
            #[inline(always)]
            |blocks: [&Block; 2], end| match end {
                ..=10 => to_8::<L, 4>(lanes, blocks, table),
                _ => to_8::<L, 8>(lanes, blocks, table),
            },
        ),
        4 => each_group(
            row,
            table,
            strip,
            stride,
            #[inline(always)]
            |blocks: [&Block; 4], _| to_4(lanes, blocks, table),
        ),
        2 => each_group(
            row,
            table,
            strip,
            stride,
            #[inline(always)]
            |blocks: [&Block; 8], _| to_2(lanes, blocks, table),
        ),
        _ => {
            for (block, sample) in row.blocks.iter().zip(strip) {
                *sample = to_1(block[0], table[0]);
            }
        }
    }
}

/// Runs `transform` on `BLOCKS` neighbours at a time with the greatest of their ends, and writes
/// the `PX` rows.
#[inline(always)]
fn each_group<const PX: usize, const BLOCKS: usize>(
    row: Blocks<'_>,
    table: &[i16; 64],
    strip: &mut [u8],
    stride: usize,
    transform: impl Fn([&Block; BLOCKS], u8) -> [[u8; GROUP]; PX],
) {
    let mut rows: [&mut [[u8; GROUP]]; PX] = std::array::from_fn(|_| Default::default());
    for (row, samples) in rows.iter_mut().zip(strip.chunks_exact_mut(stride)) {
        *row = samples.as_chunks_mut().0;
    }
    let groups = row.blocks.chunks(BLOCKS).zip(row.ends.chunks(BLOCKS));
    for (i, (blocks, ends)) in groups.enumerate() {
        let end = ends.iter().copied().max().unwrap_or(0);
        if end <= 1 {
            let mut samples = [0; GROUP];
            for (samples, block) in samples.chunks_exact_mut(PX).zip(blocks) {
                samples.fill(uniform(block[0], table[0]));
            }
            for row in &mut rows {
                row[i] = samples;
            }
        } else {
            let mut group = [&EMPTY; BLOCKS];
            for (one, block) in group.iter_mut().zip(blocks) {
                *one = block;
            }
            let samples = transform(group, end);
            for (row, samples) in rows.iter_mut().zip(&samples) {
                row[i] = *samples;
            }
        }
    }
}

/// All samples of a block in which only the first coefficient is not zero.
#[inline(always)]
fn uniform(coefficient: i16, quantiser: i16) -> u8 {
    let sum = i32::from(coefficient.wrapping_mul(quantiser) << 2);
    sample_of(((sum + 16) >> 5) as i16)
}

/// The row of coefficients `row` of two blocks, by their quantisers.
#[inline(always)]
fn dequantised<L: Lanes>(lanes: L, blocks: [&Block; 2], table: &[i16; 64], row: usize) -> L::I16 {
    let quantisers = table.as_chunks().0[row];
    let [first, second] = blocks;
    let coefficients = [first.as_chunks().0[row], second.as_chunks().0[row]];
    lanes.mul(lanes.load(coefficients), lanes.load([quantisers; 2]))
}

#[inline(always)]
fn dot<L: Lanes>(lanes: L, a: L::I16, b: L::I16, weights: [i16; 2]) -> Wide<L> {
    [lanes.dot_low(a, b, weights), lanes.dot_high(a, b, weights)]
}

#[inline(always)]
fn widen<L: Lanes, const LESS: i32>(lanes: L, a: L::I16) -> Wide<L> {
    [lanes.widen_low::<LESS>(a), lanes.widen_high::<LESS>(a)]
}

#[inline(always)]
fn add<L: Lanes>(lanes: L, [low, high]: Wide<L>, b: Wide<L>) -> Wide<L> {
    [lanes.add_wide(low, b[0]), lanes.add_wide(high, b[1])]
}

#[inline(always)]
fn sub<L: Lanes>(lanes: L, [low, high]: Wide<L>, b: Wide<L>) -> Wide<L> {
    [lanes.sub_wide(low, b[0]), lanes.sub_wide(high, b[1])]
}

/// By 2 to the power of `-SHIFT`.
#[inline(always)]
fn narrow<L: Lanes, const SHIFT: i32>(lanes: L, [low, high]: Wide<L>) -> L::I16 {
    lanes.narrow(lanes.scale::<SHIFT>(low), lanes.scale::<SHIFT>(high))
}

/// The sum and the difference, by 2 to the power of `-SHIFT`.
#[inline(always)]
fn butterfly<L: Lanes, const SHIFT: i32>(lanes: L, even: Wide<L>, odd: Wide<L>) -> [L::I16; 2] {
    [
        narrow::<L, SHIFT>(lanes, add(lanes, even, odd)),
        narrow::<L, SHIFT>(lanes, sub(lanes, even, odd)),
    ]
}

/// Two blocks to 8x8 samples. Only the first `LIVE` coefficients (4 or 8) across and down may not
/// be zero.
#[inline(always)]
fn to_8<L: Lanes, const LIVE: usize>(
    lanes: L,
    blocks: [&Block; 2],
    table: &[i16; 64],
) -> [[u8; GROUP]; 8] {
    let zero = lanes.load([[0; 8]; 2]);
    let mut rows = [zero; 8];
    for (i, row) in rows[..LIVE].iter_mut().enumerate() {
        *row = dequantised(lanes, blocks, table, i);
    }
    let rows = pass_8::<L, LIVE, 11>(lanes, rows);
    lanes.samples_8(pass_8::<L, LIVE, 18>(lanes, lanes.transpose(rows)))
}

/// One dimension of the transform to eight samples (Loeffler, Ligtenberg and Moschytz), after which
/// the results are 2 to the power of `13 - SHIFT` times those of a transform that is the square
/// root of 8 times the true one.
#[inline(always)]
fn pass_8<L: Lanes, const LIVE: usize, const SHIFT: i32>(
    lanes: L,
    [a, b, c, d, e, f, g, h]: [L::I16; 8],
) -> [L::I16; 8] {
    // In 1/8192. The names are those of the angles' cosines that are their sums.
    const C2: i16 = 10_703;
    const C6: i16 = 4433;
    let (even_sum, even_difference) =
        if LIVE > 4 { (lanes.add(a, e), lanes.sub(a, e)) } else { (a, a) };
    let sum = widen::<L, 3>(lanes, even_sum);
    let difference = widen::<L, 3>(lanes, even_difference);
    let outer = dot(lanes, c, g, [C2, C6]);
    let inner = dot(lanes, c, g, [C6, -10_704]);
    let evens = [
        add(lanes, sum, outer),
        add(lanes, difference, inner),
        sub(lanes, difference, inner),
        sub(lanes, sum, outer),
    ];
    let odds = if LIVE > 4 {
        let (hd, fb) = (lanes.add(h, d), lanes.add(f, b));
        let first = dot(lanes, hd, fb, [-6436, 9633]);
        let second = dot(lanes, hd, fb, [9633, 6437]);
        [
            add(lanes, second, dot(lanes, h, b, [-7373, 4926])),
            add(lanes, first, dot(lanes, f, d, [-20_995, 4177])),
            add(lanes, second, dot(lanes, f, d, [-4176, -20_995])),
            add(lanes, first, dot(lanes, h, b, [-4927, -7373])),
        ]
    } else {
        [
            dot(lanes, b, d, [11_363, 9633]),
            dot(lanes, b, d, [9633, -2259]),
            dot(lanes, b, d, [6437, -11_362]),
            dot(lanes, b, d, [2260, -6436]),
        ]
    };
    let [a, h] = butterfly::<L, SHIFT>(lanes, evens[0], odds[0]);
    let [b, g] = butterfly::<L, SHIFT>(lanes, evens[1], odds[1]);
    let [c, f] = butterfly::<L, SHIFT>(lanes, evens[2], odds[2]);
    let [d, e] = butterfly::<L, SHIFT>(lanes, evens[3], odds[3]);
    [a, b, c, d, e, f, g, h]
}

/// Four blocks to 4x4 samples, of all coefficients but the fifth in each direction.
#[inline(always)]
fn to_4<L: Lanes>(lanes: L, blocks: [&Block; 4], table: &[i16; 64]) -> [[u8; GROUP]; 4] {
    let [a, b, c, d] = columns_4(lanes, [blocks[0], blocks[2]], table);
    let [e, f, g, h] = columns_4(lanes, [blocks[1], blocks[3]], table);
    let [a, b, c, d, _, f, g, h] = lanes.transpose([a, b, c, d, e, f, g, h]);
    lanes.samples_4(pass_4::<L, 19>(lanes, [a, b, c, d, f, g, h]))
}

/// The first pass of two blocks.
#[inline(always)]
fn columns_4<L: Lanes>(lanes: L, blocks: [&Block; 2], table: &[i16; 64]) -> [L::I16; 4] {
    let rows = [
        dequantised(lanes, blocks, table, 0),
        dequantised(lanes, blocks, table, 1),
        dequantised(lanes, blocks, table, 2),
        dequantised(lanes, blocks, table, 3),
        dequantised(lanes, blocks, table, 5),
        dequantised(lanes, blocks, table, 6),
        dequantised(lanes, blocks, table, 7),
    ];
    pass_4::<L, 12>(lanes, rows)
}

/// One dimension of the transform to four samples.
#[inline(always)]
fn pass_4<L: Lanes, const SHIFT: i32>(lanes: L, [a, b, c, d, f, g, h]: [L::I16; 7]) -> [L::I16; 4] {
    let even = widen::<L, 2>(lanes, a);
    let turn = dot(lanes, c, g, [15_137, -6270]);
    let outer = add(lanes, dot(lanes, b, d, [20_995, 7373]), dot(lanes, f, h, [-4926, -4176]));
    let inner = add(lanes, dot(lanes, b, d, [8697, -17_799]), dot(lanes, f, h, [11_893, -1730]));
    let [a, d] = butterfly::<L, SHIFT>(lanes, add(lanes, even, turn), outer);
    let [b, c] = butterfly::<L, SHIFT>(lanes, sub(lanes, even, turn), inner);
    [a, b, c, d]
}

/// Eight blocks to 2x2 samples, of the first coefficient and the even ones in each direction.
#[inline(always)]
fn to_2<L: Lanes>(lanes: L, blocks: [&Block; 8], table: &[i16; 64]) -> [[u8; GROUP]; 2] {
    let [a, b] = columns_2(lanes, [blocks[0], blocks[4]], table);
    let [c, d] = columns_2(lanes, [blocks[1], blocks[5]], table);
    let [e, f] = columns_2(lanes, [blocks[2], blocks[6]], table);
    let [g, h] = columns_2(lanes, [blocks[3], blocks[7]], table);
    let [a, b, _, d, _, f, _, h] = lanes.transpose([a, b, c, d, e, f, g, h]);
    lanes.samples_2(pass_2::<L, 20>(lanes, [a, b, d, f, h]))
}

/// The first pass of two blocks.
#[inline(always)]
fn columns_2<L: Lanes>(lanes: L, blocks: [&Block; 2], table: &[i16; 64]) -> [L::I16; 2] {
    let rows = [
        dequantised(lanes, blocks, table, 0),
        dequantised(lanes, blocks, table, 1),
        dequantised(lanes, blocks, table, 3),
        dequantised(lanes, blocks, table, 5),
        dequantised(lanes, blocks, table, 7),
    ];
    pass_2::<L, 13>(lanes, rows)
}

/// One dimension of the transform to two samples.
#[inline(always)]
fn pass_2<L: Lanes, const SHIFT: i32>(lanes: L, [a, b, d, f, h]: [L::I16; 5]) -> [L::I16; 2] {
    let odd = add(lanes, dot(lanes, b, d, [29_692, -10_426]), dot(lanes, f, h, [6967, -5906]));
    butterfly::<L, SHIFT>(lanes, widen::<L, 1>(lanes, a), odd)
}

/// A block's mean. Beyond a sample's range it comes around at 10 bits, as in libjpeg: there is no
/// SIMD code of it.
#[inline(always)]
fn to_1(coefficient: i16, quantiser: i16) -> u8 {
    let mean = (i32::from(coefficient) * i32::from(quantiser) + 4) >> 3;
    sample_of((mean << 22 >> 22) as i16)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::lanes::Arrays;

    /// The factors of the coefficients that make each of the first half of the samples, times 8192,
    /// and those that make the other half are the same with the sign of the odd ones changed.
    const TO_8: [[i64; 8]; 4] = [
        [8192, 11_363, 10_703, 9633, 8192, 6437, 4433, 2260],
        [8192, 9633, 4433, -2259, -8192, -11_362, -10_704, -6436],
        [8192, 6437, -4433, -11_362, -8192, 2261, 10_704, 9633],
        [8192, 2260, -10_703, -6436, 8192, 9633, -4433, -11_363],
    ];
    /// Times 16384.
    const TO_4: [[i64; 8]; 2] = [
        [16_384, 20_995, 15_137, 7373, 0, -4926, -6270, -4176],
        [16_384, 8697, -15_137, -17_799, 0, 11_893, 6270, -1730],
    ];
    /// Times 32768.
    const TO_2: [[i64; 8]; 1] = [[32_768, 29_692, 0, -10_426, 0, 6967, 0, -5906]];

    /// One dimension by its definition, without a limit of size but one: `i16`.
    fn pass(coefficients: [i64; 8], px: usize, shift: u32) -> Vec<i64> {
        let factors: &[[i64; 8]] = match px {
            8 => &TO_8,
            4 => &TO_4,
            _ => &TO_2,
        };
        let sample = |x: usize| {
            let is_mirrored = x >= px / 2;
            let factors = factors[if is_mirrored { px - 1 - x } else { x }];
            let sum: i64 = (0..8)
                .map(|i| {
                    let sign = if is_mirrored && i % 2 == 1 { -1 } else { 1 };
                    sign * factors[i] * coefficients[i]
                })
                .sum();
            ((sum + (1 << (shift - 1))) >> shift).clamp(i16::MIN.into(), i16::MAX.into())
        };
        (0..px).map(sample).collect()
    }

    /// The samples of a block, row by row.
    pub(crate) fn by_definition(block: &Block, table: &[i16; 64], px: usize) -> Vec<u8> {
        let value = |i: usize| i64::from(block[i].wrapping_mul(table[i]));
        let byte = |distance: i64| (distance.clamp(-128, 127) + 128) as u8;
        let shift = match px {
            8 => 11,
            4 => 12,
            2 => 13,
            _ => return vec![byte((value(0) + 4) >> 3)],
        };
        let columns: Vec<Vec<i64>> = (0..8)
            .map(|column| pass(std::array::from_fn(|row| value(8 * row + column)), px, shift))
            .collect();
        (0..px)
            .flat_map(|row| pass(std::array::from_fn(|i| columns[i][row]), px, shift + 7))
            .map(byte)
            .collect()
    }

    /// A block that ends somewhere, and its end.
    pub(crate) fn random_block(random: &mut fastrand::Rng, most: i16) -> (Block, u8) {
        let end = *random.choice(&[0, 1, 2, 3, 6, 10, 11, 20, 64]).unwrap_or(&64);
        let mut block = [0; 64];
        for place in &PLACES[..end] {
            block[usize::from(*place)] = random.i16(-most..=most);
        }
        (block, end as u8)
    }

    /// Compiled once for each kind of vector.
    #[inline(never)]
    fn transformed<L: Lanes>(
        lanes: L,
        px: usize,
        row: Blocks<'_>,
        table: &[i16; 64],
        stride: usize,
    ) -> Vec<u8> {
        let mut strip = vec![0; px * stride];
        transform(lanes, px, row, table, &mut strip, stride);
        strip
    }

    fn equals_the_definition(lanes: impl Lanes) {
        let mut random = fastrand::Rng::with_seed(16);
        for round in 0..300 {
            // Below what overflows.
            let most = [4, 30, 100, 500][round % 4];
            let count = random.usize(1..20);
            let (blocks, ends): (Vec<_>, Vec<_>) =
                std::iter::repeat_with(|| random_block(&mut random, most)).take(count).unzip();
            let table = std::array::from_fn(|_| random.i16(1..=500 / most));
            for px in [8, 4, 2, 1] {
                let stride = (count * px).next_multiple_of(GROUP);
                let row = Blocks { blocks: &blocks, ends: &ends };
                let strip = transformed(lanes, px, row, &table, stride);
                for (i, block) in blocks.iter().enumerate() {
                    let samples: Vec<u8> = (0..px)
                        .flat_map(|row| &strip[row * stride + i * px..][..px])
                        .copied()
                        .collect();
                    assert_eq!(samples, by_definition(block, &table, px), "{px} px: {block:?}");
                }
            }
        }
    }

    #[test]
    fn coefficients_that_are_not_read_change_no_sample() {
        let mut random = fastrand::Rng::with_seed(18);
        let table = [3; 64];
        for (px, count) in [(8, 64), (4, 49), (2, 25), (1, 1)] {
            let read = read_by(px);
            assert_eq!(read.count_ones(), count);
            let samples = |block: Block| {
                let row = Blocks { blocks: &[block], ends: &[64] };
                transformed(Arrays, px, row, &table, GROUP)
            };
            let block = std::array::from_fn(|_| random.i16(-3..3));
            for (i, place) in PLACES[..64].iter().enumerate() {
                let mut other = block;
                other[usize::from(*place)] += 400;
                let is_read = read >> i & 1 == 1;
                assert_eq!(samples(other) != samples(block), is_read, "{px} px, coefficient {i}");
            }
        }
    }

    #[test]
    fn portable_transforms_equal_their_definition() {
        equals_the_definition(Arrays);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn transforms_for_x86_64_equal_their_definition() {
        if let Some(sse2) = pulp::core_arch::x86::Sse2::try_new() {
            equals_the_definition(sse2);
        }
        if let Some(avx2) = pulp::x86::V3::try_new() {
            equals_the_definition(avx2);
        }
    }

    #[test]
    fn the_factors_are_those_of_the_cosine_transform() {
        for (x, factors) in TO_8.iter().enumerate() {
            for (i, factor) in factors.iter().enumerate() {
                let angle = ((2 * x + 1) * i) as f64 * std::f64::consts::PI / 16.0;
                let scale = if i == 0 { 1.0 } else { std::f64::consts::SQRT_2 };
                let exact = 8192.0 * scale * angle.cos();
                assert!((*factor as f64 - exact).abs() < 1.5, "{x} {i} {exact}");
            }
        }
    }

    /// Every vector has the same results for coefficients that no encoder writes.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn wild_coefficients_overflow_alike() {
        let mut random = fastrand::Rng::with_seed(17);
        for _ in 0..300 {
            let (blocks, ends): (Vec<_>, Vec<_>) =
                std::iter::repeat_with(|| random_block(&mut random, i16::MAX)).take(16).unzip();
            let table = std::array::from_fn(|_| random.i16(..));
            for px in [8, 4, 2, 1] {
                let stride = 16 * px;
                let row = Blocks { blocks: &blocks, ends: &ends };
                let expected = transformed(Arrays, px, row, &table, stride);
                if let Some(sse2) = pulp::core_arch::x86::Sse2::try_new() {
                    assert_eq!(transformed(sse2, px, row, &table, stride), expected);
                }
                if let Some(avx2) = pulp::x86::V3::try_new() {
                    assert_eq!(transformed(avx2, px, row, &table, stride), expected);
                }
            }
        }
    }
}

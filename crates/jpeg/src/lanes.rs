//! Vectors of sixteen 16-bit numbers in two halves of eight, in portable Rust and for AVX2.
//!
//! Each half works on its own. All arithmetic wraps unless its doc says that it saturates.
#![expect(
    clippy::inline_always,
    reason = "a function compiled for AVX2 must take in all that it calls"
)]
#![expect(
    clippy::many_single_char_names,
    reason = "the eight rows or columns of a block are a to h"
)]

/// The operations that the inverse transforms are written in.
///
/// Methods that end in `_low` and `_high` take the first or the last four numbers of each half.
pub(crate) trait Lanes: Copy {
    /// Sixteen `i16`, in two halves of eight.
    type I16: Copy;
    /// Eight `i32`, in two halves of four.
    type I32: Copy;

    fn load(self, halves: [[i16; 8]; 2]) -> Self::I16;
    fn add(self, a: Self::I16, b: Self::I16) -> Self::I16;
    fn sub(self, a: Self::I16, b: Self::I16) -> Self::I16;
    fn mul(self, a: Self::I16, b: Self::I16) -> Self::I16;
    /// Each number of `a` by the first weight plus the number of `b` at the same place by the
    /// second.
    fn dot_low(self, a: Self::I16, b: Self::I16, weights: [i16; 2]) -> Self::I32;
    fn dot_high(self, a: Self::I16, b: Self::I16, weights: [i16; 2]) -> Self::I32;
    /// Each number by 2 to the power of `16 - LESS`.
    fn widen_low<const LESS: i32>(self, a: Self::I16) -> Self::I32;
    fn widen_high<const LESS: i32>(self, a: Self::I16) -> Self::I32;
    fn add_wide(self, a: Self::I32, b: Self::I32) -> Self::I32;
    fn sub_wide(self, a: Self::I32, b: Self::I32) -> Self::I32;
    /// Each number by 2 to the power of `-SHIFT`, rounded half up.
    fn scale<const SHIFT: i32>(self, a: Self::I32) -> Self::I32;
    /// The numbers as `i16`, saturated.
    fn narrow(self, low: Self::I32, high: Self::I32) -> Self::I16;
    /// The rows become columns, within each half.
    fn transpose(self, rows: [Self::I16; 8]) -> [Self::I16; 8];
    /// Rows of 16 samples, of the numbers of these columns: those of the first half, eight divided
    /// by the number of columns blocks, then those of the second. 128 is added to each number, and
    /// those that are no byte then saturate.
    fn samples_8(self, columns: [Self::I16; 8]) -> [[u8; 16]; 8];
    fn samples_4(self, columns: [Self::I16; 4]) -> [[u8; 16]; 4];
    fn samples_2(self, columns: [Self::I16; 2]) -> [[u8; 16]; 2];
    /// Pixels of their colours.
    fn interleave(self, colours: [[u8; 32]; 3]) -> [u8; 96];

    /// JFIF's conversion of luma and chroma, with the rounding of libjpeg, whose factors have 16
    /// bits behind the point.
    #[inline(always)]
    fn rgb_of_ycbcr(self, [y, cb, cr]: [[u8; 32]; 3]) -> [[u8; 32]; 3] {
        let mut rgb = [[0; 32]; 3];
        for i in 0..32 {
            let (y, cb, cr) = (i16::from(y[i]), i16::from(cb[i]) - 128, i16::from(cr[i]) - 128);
            // Half the rounded product of a number and a factor that is no more than a half: that
            // of the doubled number, rounded down, is rounded once more.
            let by = |number: i16, factor: i32| {
                ((((i32::from(2 * number) * factor) >> 16) as i16) + 1) >> 1
            };
            let green = i32::from(cb) * CB_GREEN + i32::from(cr) * CR_GREEN;
            let green = ((green + (1 << 15)) >> 16) as i16;
            rgb[0][i] = (y + cr + by(cr, CR_RED)).clamp(0, 255) as u8;
            rgb[1][i] = (y + green - cr).clamp(0, 255) as u8;
            rgb[2][i] = (y + 2 * cb + by(cb, CB_BLUE)).clamp(0, 255) as u8;
        }
        rgb
    }
}

/// The parts of 1.402 over 1, of 1.772 under 2 and of 0.71414 under 1; and 0.34414; times 65536.
const CR_RED: i32 = 91_881 - 65_536;
const CB_BLUE: i32 = 116_130 - 131_072;
const CR_GREEN: i32 = 65_536 - 46_802;
const CB_GREEN: i32 = -22_554;

/// Arrays, for any processor.
#[derive(Clone, Copy)]
pub(crate) struct Arrays;

impl Arrays {
    #[inline]
    fn dot<const FROM: usize>(a: [i16; 16], b: [i16; 16], weights: [i16; 2]) -> [i32; 8] {
        let [weight_a, weight_b] = weights.map(i32::from);
        let mut sums = [0; 8];
        for (i, sum) in sums.iter_mut().enumerate() {
            let place = i / 4 * 8 + FROM + i % 4;
            *sum = (i32::from(a[place]) * weight_a).wrapping_add(i32::from(b[place]) * weight_b);
        }
        sums
    }

    #[inline]
    fn widen<const FROM: usize, const LESS: i32>(a: [i16; 16]) -> [i32; 8] {
        let mut wide = [0; 8];
        for (i, wide) in wide.iter_mut().enumerate() {
            *wide = i32::from(a[i / 4 * 8 + FROM + i % 4]) << 16 >> LESS;
        }
        wide
    }

    #[inline]
    fn samples<const PX: usize>(columns: [[i16; 16]; PX]) -> [[u8; 16]; PX] {
        let mut rows = [[0; 16]; PX];
        for (i, row) in rows.iter_mut().enumerate() {
            for (j, sample) in row.iter_mut().enumerate() {
                *sample = sample_of(columns[j % PX][j / PX * PX + i]);
            }
        }
        rows
    }
}

/// A sample of its distance from gray: saturated.
#[inline(always)]
pub(crate) fn sample_of(distance: i16) -> u8 {
    (distance.clamp(-128, 127) + 128) as u8
}

impl Lanes for Arrays {
    type I16 = [i16; 16];
    type I32 = [i32; 8];

    #[inline]
    fn load(self, [first, second]: [[i16; 8]; 2]) -> [i16; 16] {
        let mut all = [0; 16];
        all[..8].copy_from_slice(&first);
        all[8..].copy_from_slice(&second);
        all
    }
    #[inline]
    fn add(self, mut a: [i16; 16], b: [i16; 16]) -> [i16; 16] {
        for (a, b) in a.iter_mut().zip(b) {
            *a = a.wrapping_add(b);
        }
        a
    }
    #[inline]
    fn sub(self, mut a: [i16; 16], b: [i16; 16]) -> [i16; 16] {
        for (a, b) in a.iter_mut().zip(b) {
            *a = a.wrapping_sub(b);
        }
        a
    }
    #[inline]
    fn mul(self, mut a: [i16; 16], b: [i16; 16]) -> [i16; 16] {
        for (a, b) in a.iter_mut().zip(b) {
            *a = a.wrapping_mul(b);
        }
        a
    }
    #[inline]
    fn dot_low(self, a: [i16; 16], b: [i16; 16], weights: [i16; 2]) -> [i32; 8] {
        Self::dot::<0>(a, b, weights)
    }
    #[inline]
    fn dot_high(self, a: [i16; 16], b: [i16; 16], weights: [i16; 2]) -> [i32; 8] {
        Self::dot::<4>(a, b, weights)
    }
    #[inline]
    fn widen_low<const LESS: i32>(self, a: [i16; 16]) -> [i32; 8] {
        Self::widen::<0, LESS>(a)
    }
    #[inline]
    fn widen_high<const LESS: i32>(self, a: [i16; 16]) -> [i32; 8] {
        Self::widen::<4, LESS>(a)
    }
    #[inline]
    fn add_wide(self, mut a: [i32; 8], b: [i32; 8]) -> [i32; 8] {
        for (a, b) in a.iter_mut().zip(b) {
            *a = a.wrapping_add(b);
        }
        a
    }
    #[inline]
    fn sub_wide(self, mut a: [i32; 8], b: [i32; 8]) -> [i32; 8] {
        for (a, b) in a.iter_mut().zip(b) {
            *a = a.wrapping_sub(b);
        }
        a
    }
    #[inline]
    fn scale<const SHIFT: i32>(self, mut a: [i32; 8]) -> [i32; 8] {
        for a in &mut a {
            *a = a.wrapping_add(1 << (SHIFT - 1)) >> SHIFT;
        }
        a
    }
    #[inline]
    fn narrow(self, low: [i32; 8], high: [i32; 8]) -> [i16; 16] {
        let mut all = [0; 16];
        for (i, narrow) in all.iter_mut().enumerate() {
            let wide = if i % 8 < 4 { low[i / 8 * 4 + i % 4] } else { high[i / 8 * 4 + i % 4] };
            *narrow = wide.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
        }
        all
    }
    #[inline]
    fn transpose(self, rows: [[i16; 16]; 8]) -> [[i16; 16]; 8] {
        let mut columns = [[0; 16]; 8];
        for (i, column) in columns.iter_mut().enumerate() {
            for (j, row) in rows.iter().enumerate() {
                column[j] = row[i];
                column[8 + j] = row[8 + i];
            }
        }
        columns
    }
    #[inline]
    fn samples_8(self, columns: [[i16; 16]; 8]) -> [[u8; 16]; 8] {
        Self::samples(columns)
    }
    #[inline]
    fn samples_4(self, columns: [[i16; 16]; 4]) -> [[u8; 16]; 4] {
        Self::samples(columns)
    }
    #[inline]
    fn samples_2(self, columns: [[i16; 16]; 2]) -> [[u8; 16]; 2] {
        Self::samples(columns)
    }
    #[inline]
    fn interleave(self, [red, green, blue]: [[u8; 32]; 3]) -> [u8; 96] {
        let mut pixels = [0; 96];
        for (i, pixel) in pixels.as_chunks_mut().0.iter_mut().enumerate() {
            *pixel = [red[i], green[i], blue[i]];
        }
        pixels
    }
}

/// 256-bit vectors of x86-64 processors since 2013.
#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::__m256i;

    use pulp::cast;
    use pulp::x86::V3;

    use super::{CB_BLUE, CB_GREEN, CR_GREEN, CR_RED, Lanes};

    impl Lanes for V3 {
        type I16 = __m256i;
        type I32 = __m256i;

        #[inline(always)]
        fn load(self, halves: [[i16; 8]; 2]) -> __m256i {
            cast(halves)
        }
        #[inline(always)]
        fn add(self, a: __m256i, b: __m256i) -> __m256i {
            self.avx2._mm256_add_epi16(a, b)
        }
        #[inline(always)]
        fn sub(self, a: __m256i, b: __m256i) -> __m256i {
            self.avx2._mm256_sub_epi16(a, b)
        }
        #[inline(always)]
        fn mul(self, a: __m256i, b: __m256i) -> __m256i {
            self.avx2._mm256_mullo_epi16(a, b)
        }
        #[inline(always)]
        fn dot_low(self, a: __m256i, b: __m256i, weights: [i16; 2]) -> __m256i {
            let pairs = self.avx2._mm256_unpacklo_epi16(a, b);
            self.avx2._mm256_madd_epi16(pairs, cast([weights; 8]))
        }
        #[inline(always)]
        fn dot_high(self, a: __m256i, b: __m256i, weights: [i16; 2]) -> __m256i {
            let pairs = self.avx2._mm256_unpackhi_epi16(a, b);
            self.avx2._mm256_madd_epi16(pairs, cast([weights; 8]))
        }
        #[inline(always)]
        fn widen_low<const LESS: i32>(self, a: __m256i) -> __m256i {
            let tops = self.avx2._mm256_unpacklo_epi16(cast([0_i16; 16]), a);
            self.avx2._mm256_srai_epi32::<LESS>(tops)
        }
        #[inline(always)]
        fn widen_high<const LESS: i32>(self, a: __m256i) -> __m256i {
            let tops = self.avx2._mm256_unpackhi_epi16(cast([0_i16; 16]), a);
            self.avx2._mm256_srai_epi32::<LESS>(tops)
        }
        #[inline(always)]
        fn add_wide(self, a: __m256i, b: __m256i) -> __m256i {
            self.avx2._mm256_add_epi32(a, b)
        }
        #[inline(always)]
        fn sub_wide(self, a: __m256i, b: __m256i) -> __m256i {
            self.avx2._mm256_sub_epi32(a, b)
        }
        #[inline(always)]
        fn scale<const SHIFT: i32>(self, a: __m256i) -> __m256i {
            let halves = cast([1_i32 << (SHIFT - 1); 8]);
            self.avx2._mm256_srai_epi32::<SHIFT>(self.avx2._mm256_add_epi32(a, halves))
        }
        #[inline(always)]
        fn narrow(self, low: __m256i, high: __m256i) -> __m256i {
            self.avx2._mm256_packs_epi32(low, high)
        }
        #[inline(always)]
        fn transpose(self, [a, b, c, d, e, f, g, h]: [__m256i; 8]) -> [__m256i; 8] {
            let ([ab, ab_4], [cd, cd_4]) = (by_16(self, a, b), by_16(self, c, d));
            let ([ef, ef_4], [gh, gh_4]) = (by_16(self, e, f), by_16(self, g, h));
            let ([abcd, abcd_2], [abcd_4, abcd_6]) = (by_32(self, ab, cd), by_32(self, ab_4, cd_4));
            let ([efgh, efgh_2], [efgh_4, efgh_6]) = (by_32(self, ef, gh), by_32(self, ef_4, gh_4));
            let ([zero, one], [two, three]) =
                (by_64(self, abcd, efgh), by_64(self, abcd_2, efgh_2));
            let ([four, five], [six, seven]) =
                (by_64(self, abcd_4, efgh_4), by_64(self, abcd_6, efgh_6));
            [zero, one, two, three, four, five, six, seven]
        }
        #[inline(always)]
        fn samples_8(self, [a, b, c, d, e, f, g, h]: [__m256i; 8]) -> [[u8; 16]; 8] {
            let [abcd, abcd_4] = quads(self, [a, b, c, d]);
            let [efgh, efgh_4] = quads(self, [e, f, g, h]);
            cast([
                joined(self, self.avx2._mm256_unpacklo_epi32(abcd, efgh)),
                joined(self, self.avx2._mm256_unpackhi_epi32(abcd, efgh)),
                joined(self, self.avx2._mm256_unpacklo_epi32(abcd_4, efgh_4)),
                joined(self, self.avx2._mm256_unpackhi_epi32(abcd_4, efgh_4)),
            ])
        }
        #[inline(always)]
        fn samples_4(self, columns: [__m256i; 4]) -> [[u8; 16]; 4] {
            let [first, second] = quads(self, columns);
            cast([
                joined(self, self.avx2._mm256_unpacklo_epi32(first, second)),
                joined(self, self.avx2._mm256_unpackhi_epi32(first, second)),
            ])
        }
        #[inline(always)]
        fn samples_2(self, [a, b]: [__m256i; 2]) -> [[u8; 16]; 2] {
            const BY_ROW: [u8; 16] = [0, 8, 2, 10, 4, 12, 6, 14, 1, 9, 3, 11, 5, 13, 7, 15];
            let both = bytes(self, a, b);
            cast(joined(self, self.avx2._mm256_shuffle_epi8(both, cast([BY_ROW; 2]))))
        }
        #[inline(always)]
        fn interleave(self, [red, green, blue]: [[u8; 32]; 3]) -> [u8; 96] {
            let colours = [cast(red), cast(green), cast(blue)];
            let first = third(self, colours, &SPREAD[0]);
            let second = third(self, colours, &SPREAD[1]);
            let last = third(self, colours, &SPREAD[2]);
            let halves: [[[u8; 16]; 2]; 3] = [cast(first), cast(second), cast(last)];
            let [[a, d], [b, e], [c, f]] = halves;
            cast([a, b, c, d, e, f])
        }
        #[inline(always)]
        fn rgb_of_ycbcr(self, [y, cb, cr]: [[u8; 32]; 3]) -> [[u8; 32]; 3] {
            let (zero, middle) = (cast([0_u8; 32]), cast([128_i16; 16]));
            let (y, cb, cr) = (cast(y), cast(cb), cast(cr));
            // Each half holds the first eight numbers of its samples, or the last eight.
            let low = rgb_of_differences(
                self,
                self.avx2._mm256_unpacklo_epi8(y, zero),
                self.avx2._mm256_sub_epi16(self.avx2._mm256_unpacklo_epi8(cb, zero), middle),
                self.avx2._mm256_sub_epi16(self.avx2._mm256_unpacklo_epi8(cr, zero), middle),
            );
            let high = rgb_of_differences(
                self,
                self.avx2._mm256_unpackhi_epi8(y, zero),
                self.avx2._mm256_sub_epi16(self.avx2._mm256_unpackhi_epi8(cb, zero), middle),
                self.avx2._mm256_sub_epi16(self.avx2._mm256_unpackhi_epi8(cr, zero), middle),
            );
            cast([
                self.avx2._mm256_packus_epi16(low[0], high[0]),
                self.avx2._mm256_packus_epi16(low[1], high[1]),
                self.avx2._mm256_packus_epi16(low[2], high[2]),
            ])
        }
    }

    /// Red, green and blue, not saturated yet, of luma and the distances of chroma from gray.
    #[inline(always)]
    fn rgb_of_differences(lanes: V3, y: __m256i, cb: __m256i, cr: __m256i) -> [__m256i; 3] {
        // The instruction rounds at 15 bits. Half the factor of red, rounded up, gives the same for
        // every chroma (a test goes through all).
        let red_part = cast([((CR_RED + 1) / 2) as i16; 16]);
        let blue_part = cast([(CB_BLUE / 2) as i16; 16]);
        let red = lanes.avx2._mm256_mulhrs_epi16(cr, red_part);
        let red = lanes.avx2._mm256_add_epi16(lanes.avx2._mm256_add_epi16(y, cr), red);
        let blue = lanes.avx2._mm256_mulhrs_epi16(cb, blue_part);
        let blue = lanes.avx2._mm256_add_epi16(blue, lanes.avx2._mm256_add_epi16(cb, cb));
        let blue = lanes.avx2._mm256_add_epi16(y, blue);
        let [low, high] = by_16(lanes, cb, cr);
        let green = lanes.avx2._mm256_packs_epi32(green_part(lanes, low), green_part(lanes, high));
        let green = lanes.avx2._mm256_add_epi16(lanes.avx2._mm256_sub_epi16(y, cr), green);
        [red, green, blue]
    }

    /// What chroma adds to green, but for a whole red, of pairs of blue and red.
    #[inline(always)]
    fn green_part(lanes: V3, pairs: __m256i) -> __m256i {
        let weights = cast([[CB_GREEN as i16, CR_GREEN as i16]; 8]);
        let sums = lanes.avx2._mm256_madd_epi16(pairs, weights);
        let sums = lanes.avx2._mm256_add_epi32(sums, cast([1_i32 << 15; 8]));
        lanes.avx2._mm256_srai_epi32::<16>(sums)
    }

    /// Where each colour of 16 pixels goes in each third of their bytes. 128 makes a zero.
    const SPREAD: [[[u8; 16]; 3]; 3] = {
        let mut spread = [[[128; 16]; 3]; 3];
        let mut byte = 0;
        while byte < 48 {
            spread[byte / 16][byte % 3][byte % 16] = (byte / 3) as u8;
            byte += 1;
        }
        spread
    };

    /// A third of the bytes of 16 pixels, in each half.
    #[inline(always)]
    fn third(lanes: V3, colours: [__m256i; 3], places: &[[u8; 16]; 3]) -> __m256i {
        let red = lanes.avx2._mm256_shuffle_epi8(colours[0], cast([places[0]; 2]));
        let green = lanes.avx2._mm256_shuffle_epi8(colours[1], cast([places[1]; 2]));
        let blue = lanes.avx2._mm256_shuffle_epi8(colours[2], cast([places[2]; 2]));
        lanes.avx2._mm256_or_si256(lanes.avx2._mm256_or_si256(red, green), blue)
    }

    /// The numbers of 16 bits of `a` and of `b` in turn: of the first of each half, of the last.
    #[inline(always)]
    fn by_16(lanes: V3, a: __m256i, b: __m256i) -> [__m256i; 2] {
        [lanes.avx2._mm256_unpacklo_epi16(a, b), lanes.avx2._mm256_unpackhi_epi16(a, b)]
    }

    /// The numbers of 32 bits of `a` and of `b` in turn: of the first of each half, of the last.
    #[inline(always)]
    fn by_32(lanes: V3, a: __m256i, b: __m256i) -> [__m256i; 2] {
        [lanes.avx2._mm256_unpacklo_epi32(a, b), lanes.avx2._mm256_unpackhi_epi32(a, b)]
    }

    /// The numbers of 64 bits of `a` and of `b` in turn: of the first of each half, of the last.
    #[inline(always)]
    fn by_64(lanes: V3, a: __m256i, b: __m256i) -> [__m256i; 2] {
        [lanes.avx2._mm256_unpacklo_epi64(a, b), lanes.avx2._mm256_unpackhi_epi64(a, b)]
    }

    /// Two rows of 16 samples, of a vector with two rows of each half.
    #[inline(always)]
    fn joined(lanes: V3, rows: __m256i) -> __m256i {
        lanes.avx2._mm256_permute4x64_epi64::<0b11_01_10_00>(rows)
    }

    /// Samples of the numbers of `low` and of `high`, within each half.
    #[inline(always)]
    fn bytes(lanes: V3, low: __m256i, high: __m256i) -> __m256i {
        let saturated = lanes.avx2._mm256_packs_epi16(low, high);
        lanes.avx2._mm256_xor_si256(saturated, cast([0x80_u8; 32]))
    }

    /// The samples of four columns, row by row: the first four rows of each half, then the last.
    #[inline(always)]
    fn quads(lanes: V3, [a, b, c, d]: [__m256i; 4]) -> [__m256i; 2] {
        let (ac, bd) = (bytes(lanes, a, c), bytes(lanes, b, d));
        let ab = lanes.avx2._mm256_unpacklo_epi8(ac, bd);
        let cd = lanes.avx2._mm256_unpackhi_epi8(ac, bd);
        [lanes.avx2._mm256_unpacklo_epi16(ab, cd), lanes.avx2._mm256_unpackhi_epi16(ab, cd)]
    }
}

/// 128-bit vectors, a half in each, that each x86-64 processor has.
#[cfg(target_arch = "x86_64")]
mod sse2 {
    use std::arch::x86_64::__m128i;

    use pulp::cast;
    use pulp::core_arch::x86::Sse2;

    use super::{Arrays, Lanes};

    type Halves = [__m128i; 2];

    impl Lanes for Sse2 {
        type I16 = Halves;
        type I32 = Halves;

        #[inline(always)]
        fn load(self, [first, second]: [[i16; 8]; 2]) -> Halves {
            [cast(first), cast(second)]
        }
        #[inline(always)]
        fn add(self, a: Halves, b: Halves) -> Halves {
            [self._mm_add_epi16(a[0], b[0]), self._mm_add_epi16(a[1], b[1])]
        }
        #[inline(always)]
        fn sub(self, a: Halves, b: Halves) -> Halves {
            [self._mm_sub_epi16(a[0], b[0]), self._mm_sub_epi16(a[1], b[1])]
        }
        #[inline(always)]
        fn mul(self, a: Halves, b: Halves) -> Halves {
            [self._mm_mullo_epi16(a[0], b[0]), self._mm_mullo_epi16(a[1], b[1])]
        }
        #[inline(always)]
        fn dot_low(self, a: Halves, b: Halves, weights: [i16; 2]) -> Halves {
            let first = self._mm_unpacklo_epi16(a[0], b[0]);
            let second = self._mm_unpacklo_epi16(a[1], b[1]);
            let weights = cast([weights; 4]);
            [self._mm_madd_epi16(first, weights), self._mm_madd_epi16(second, weights)]
        }
        #[inline(always)]
        fn dot_high(self, a: Halves, b: Halves, weights: [i16; 2]) -> Halves {
            let first = self._mm_unpackhi_epi16(a[0], b[0]);
            let second = self._mm_unpackhi_epi16(a[1], b[1]);
            let weights = cast([weights; 4]);
            [self._mm_madd_epi16(first, weights), self._mm_madd_epi16(second, weights)]
        }
        #[inline(always)]
        fn widen_low<const LESS: i32>(self, a: Halves) -> Halves {
            let first = self._mm_unpacklo_epi16(cast([0_i16; 8]), a[0]);
            let second = self._mm_unpacklo_epi16(cast([0_i16; 8]), a[1]);
            [self._mm_srai_epi32::<LESS>(first), self._mm_srai_epi32::<LESS>(second)]
        }
        #[inline(always)]
        fn widen_high<const LESS: i32>(self, a: Halves) -> Halves {
            let first = self._mm_unpackhi_epi16(cast([0_i16; 8]), a[0]);
            let second = self._mm_unpackhi_epi16(cast([0_i16; 8]), a[1]);
            [self._mm_srai_epi32::<LESS>(first), self._mm_srai_epi32::<LESS>(second)]
        }
        #[inline(always)]
        fn add_wide(self, a: Halves, b: Halves) -> Halves {
            [self._mm_add_epi32(a[0], b[0]), self._mm_add_epi32(a[1], b[1])]
        }
        #[inline(always)]
        fn sub_wide(self, a: Halves, b: Halves) -> Halves {
            [self._mm_sub_epi32(a[0], b[0]), self._mm_sub_epi32(a[1], b[1])]
        }
        #[inline(always)]
        fn scale<const SHIFT: i32>(self, a: Halves) -> Halves {
            let half = cast([1_i32 << (SHIFT - 1); 4]);
            let (first, second) = (self._mm_add_epi32(a[0], half), self._mm_add_epi32(a[1], half));
            [self._mm_srai_epi32::<SHIFT>(first), self._mm_srai_epi32::<SHIFT>(second)]
        }
        #[inline(always)]
        fn narrow(self, low: Halves, high: Halves) -> Halves {
            [self._mm_packs_epi32(low[0], high[0]), self._mm_packs_epi32(low[1], high[1])]
        }
        #[inline(always)]
        fn transpose(self, rows: [Halves; 8]) -> [Halves; 8] {
            let [a, b, c, d, e, f, g, h] = rows;
            let first = transposed(self, [a[0], b[0], c[0], d[0], e[0], f[0], g[0], h[0]]);
            let second = transposed(self, [a[1], b[1], c[1], d[1], e[1], f[1], g[1], h[1]]);
            let [a, b, c, d, e, f, g, h] = first;
            let [i, j, k, l, m, n, o, p] = second;
            [[a, i], [b, j], [c, k], [d, l], [e, m], [f, n], [g, o], [h, p]]
        }
        #[inline(always)]
        fn samples_8(self, [a, b, c, d, e, f, g, h]: [Halves; 8]) -> [[u8; 16]; 8] {
            let [zero, two, four, six] =
                rows_of_8(self, [a[0], b[0], c[0], d[0]], [e[0], f[0], g[0], h[0]]);
            let [one, three, five, seven] =
                rows_of_8(self, [a[1], b[1], c[1], d[1]], [e[1], f[1], g[1], h[1]]);
            let [[a, b], [c, d]] = [by_64(self, zero, one), by_64(self, two, three)];
            let [[e, f], [g, h]] = [by_64(self, four, five), by_64(self, six, seven)];
            cast([a, b, c, d, e, f, g, h])
        }
        #[inline(always)]
        fn samples_4(self, [a, b, c, d]: [Halves; 4]) -> [[u8; 16]; 4] {
            let [first, second] = quads(self, [a[0], b[0], c[0], d[0]]);
            let [third, fourth] = quads(self, [a[1], b[1], c[1], d[1]]);
            let [[a, b], [c, d]] = [by_32(self, first, second), by_32(self, third, fourth)];
            let [[a, b], [c, d]] = [by_64(self, a, c), by_64(self, b, d)];
            cast([a, b, c, d])
        }
        #[inline(always)]
        fn samples_2(self, columns: [Halves; 2]) -> [[u8; 16]; 2] {
            Arrays.samples_2([cast(columns[0]), cast(columns[1])])
        }
        #[inline(always)]
        fn interleave(self, colours: [[u8; 32]; 3]) -> [u8; 96] {
            Arrays.interleave(colours)
        }
    }

    #[inline(always)]
    fn by_16(lanes: Sse2, a: __m128i, b: __m128i) -> Halves {
        [lanes._mm_unpacklo_epi16(a, b), lanes._mm_unpackhi_epi16(a, b)]
    }

    #[inline(always)]
    fn by_32(lanes: Sse2, a: __m128i, b: __m128i) -> Halves {
        [lanes._mm_unpacklo_epi32(a, b), lanes._mm_unpackhi_epi32(a, b)]
    }

    #[inline(always)]
    fn by_64(lanes: Sse2, a: __m128i, b: __m128i) -> Halves {
        [lanes._mm_unpacklo_epi64(a, b), lanes._mm_unpackhi_epi64(a, b)]
    }

    #[inline(always)]
    fn transposed(lanes: Sse2, [a, b, c, d, e, f, g, h]: [__m128i; 8]) -> [__m128i; 8] {
        let ([ab, ab_4], [cd, cd_4]) = (by_16(lanes, a, b), by_16(lanes, c, d));
        let ([ef, ef_4], [gh, gh_4]) = (by_16(lanes, e, f), by_16(lanes, g, h));
        let ([abcd, abcd_2], [abcd_4, abcd_6]) = (by_32(lanes, ab, cd), by_32(lanes, ab_4, cd_4));
        let ([efgh, efgh_2], [efgh_4, efgh_6]) = (by_32(lanes, ef, gh), by_32(lanes, ef_4, gh_4));
        let ([zero, one], [two, three]) = (by_64(lanes, abcd, efgh), by_64(lanes, abcd_2, efgh_2));
        let ([four, five], [six, seven]) =
            (by_64(lanes, abcd_4, efgh_4), by_64(lanes, abcd_6, efgh_6));
        [zero, one, two, three, four, five, six, seven]
    }

    /// The samples of four columns, row by row: the first four rows, then the last.
    #[inline(always)]
    fn quads(lanes: Sse2, [a, b, c, d]: [__m128i; 4]) -> Halves {
        let middle = cast([0x80_u8; 16]);
        let ac = lanes._mm_xor_si128(lanes._mm_packs_epi16(a, c), middle);
        let bd = lanes._mm_xor_si128(lanes._mm_packs_epi16(b, d), middle);
        by_16(lanes, lanes._mm_unpacklo_epi8(ac, bd), lanes._mm_unpackhi_epi8(ac, bd))
    }

    /// The samples of eight columns, two rows in each vector.
    #[inline(always)]
    fn rows_of_8(lanes: Sse2, first: [__m128i; 4], last: [__m128i; 4]) -> [__m128i; 4] {
        let [abcd, abcd_4] = quads(lanes, first);
        let [efgh, efgh_4] = quads(lanes, last);
        let [zero, two] = by_32(lanes, abcd, efgh);
        let [four, six] = by_32(lanes, abcd_4, efgh_4);
        [zero, two, four, six]
    }
}

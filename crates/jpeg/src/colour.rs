//! From the components of a pixel to its red, green and blue, as libjpeg computes them.
#![expect(
    clippy::inline_always,
    reason = "a function compiled for AVX2 must take in all that it calls"
)]

use crate::lanes::Lanes;

/// What the components of a picture are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Colours {
    #[default]
    Gray,
    Rgb,
    YCbCr,
    /// Ink: cyan, magenta, yellow and black.
    Cmyk {
        /// Adobe's programs store the inverse of ink.
        inverted: bool,
    },
    /// Ink, of which the first three are stored as the luma and chroma of their inverse.
    Ycck {
        inverted: bool,
    },
}

/// Pixels that are converted at once.
const PIXELS: usize = 32;
type Samples = [u8; PIXELS];

/// Converts a row of the components' samples to RGB8. Components that the picture lacks are empty.
#[inline(always)]
pub(crate) fn convert<L: Lanes>(lanes: L, colours: Colours, rows: [&[u8]; 4], out: &mut [u8]) {
    match colours {
        Colours::Gray => each_chunk(
            lanes,
            rows,
            out,
            #[inline(always)]
            |[gray]| [gray; 3],
        ),
        Colours::Rgb => each_chunk(
            lanes,
            rows,
            out,
            #[inline(always)]
            |rgb| rgb,
        ),
        Colours::YCbCr => each_chunk(
            lanes,
            rows,
            out,
            #[inline(always)]
            |samples| lanes.rgb_of_ycbcr(samples),
        ),
        Colours::Cmyk { inverted } => {
            let mask = if inverted { 0 } else { 255 };
            each_chunk(
                lanes,
                rows,
                out,
                #[inline(always)]
                |inks| rgb_of_cmyk(inks, mask),
            );
        }
        Colours::Ycck { inverted } => {
            let mask = if inverted { 0 } else { 255 };
            each_chunk(
                lanes,
                rows,
                out,
                #[inline(always)]
                |[y, cb, cr, black]| {
                    let [red, green, blue] = lanes.rgb_of_ycbcr([y, cb, cr]);
                    let inverse = [flipped(red, 255), flipped(green, 255), flipped(blue, 255)];
                    let [cyan, magenta, yellow] = inverse;
                    rgb_of_cmyk([cyan, magenta, yellow, black], mask)
                },
            );
        }
    }
}

/// Converts as many pixels as `out` has room for, [`PIXELS`] at a time.
#[inline(always)]
fn each_chunk<L: Lanes, const PLANES: usize>(
    lanes: L,
    rows: [&[u8]; 4],
    out: &mut [u8],
    rgb: impl Fn([Samples; PLANES]) -> [Samples; 3],
) {
    let width = out.len() / 3;
    let rows: [&[u8]; PLANES] = std::array::from_fn(|plane| &rows[plane][..width]);
    let chunks: [&[Samples]; PLANES] = rows.map(|row| row.as_chunks().0);
    let (whole, rest) = out.as_chunks_mut();
    for (i, out) in whole.iter_mut().enumerate() {
        *out = lanes.interleave(rgb(std::array::from_fn(|plane| chunks[plane][i])));
    }
    if !rest.is_empty() {
        let samples = std::array::from_fn(|plane| {
            let last = rows[plane].as_chunks::<PIXELS>().1;
            let mut samples = [0; PIXELS];
            samples[..last.len()].copy_from_slice(last);
            samples
        });
        rest.copy_from_slice(&lanes.interleave(rgb(samples))[..rest.len()]);
    }
}

/// Light through ink: black dims each of the others. `mask` makes the inverse of ink.
#[inline(always)]
fn rgb_of_cmyk([cyan, magenta, yellow, black]: [Samples; 4], mask: u8) -> [Samples; 3] {
    let black = flipped(black, mask);
    let mut rgb = [flipped(cyan, mask), flipped(magenta, mask), flipped(yellow, mask)];
    for light in &mut rgb {
        for (light, black) in light.iter_mut().zip(black) {
            *light = ((u16::from(*light) * u16::from(black) + 127) / 255) as u8;
        }
    }
    rgb
}

#[inline(always)]
fn flipped(mut samples: Samples, mask: u8) -> Samples {
    for sample in &mut samples {
        *sample ^= mask;
    }
    samples
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::lanes::Arrays;

    /// The colours of a pixel, by their definition.
    pub(crate) fn by_definition(colours: Colours, [a, b, c, black]: [u8; 4]) -> [u8; 3] {
        let of_ycbcr = || {
            let [y, cb, cr] = [i64::from(a), i64::from(b) - 128, i64::from(c) - 128];
            let half = 1 << 15;
            let red = y + ((91_881 * cr + half) >> 16);
            let green = y + ((-22_554 * cb - 46_802 * cr + half) >> 16);
            let blue = y + ((116_130 * cb + half) >> 16);
            [red, green, blue].map(|colour| colour.clamp(0, 255) as u8)
        };
        let dimmed = |inks: [u8; 3], inverted: bool| {
            let light = |ink: u8| u32::from(if inverted { ink } else { 255 - ink });
            inks.map(|ink| ((light(ink) * light(black) + 127) / 255) as u8)
        };
        match colours {
            Colours::Gray => [a; 3],
            Colours::Rgb => [a, b, c],
            Colours::YCbCr => of_ycbcr(),
            Colours::Cmyk { inverted } => dimmed([a, b, c], inverted),
            Colours::Ycck { inverted } => dimmed(of_ycbcr().map(|light| 255 - light), inverted),
        }
    }

    /// Compiled once for each kind of vector.
    #[inline(never)]
    fn converted<L: Lanes>(lanes: L, colours: Colours, rows: [&[u8]; 4], out: &mut [u8]) {
        convert(lanes, colours, rows, out);
    }

    fn equals_the_definition(lanes: impl Lanes) {
        let all: Vec<u8> = (0..=255).collect();
        let mut out = [0; 3 * 256];
        for colours in [
            Colours::Gray,
            Colours::Rgb,
            Colours::YCbCr,
            Colours::Cmyk { inverted: false },
            Colours::Cmyk { inverted: true },
            Colours::Ycck { inverted: false },
            Colours::Ycck { inverted: true },
        ] {
            for cb in 0..=255 {
                for y in [0, 1, 90, 128, 254, 255] {
                    let black = cb ^ y;
                    let rows = [&[y; 256][..], &[cb; 256], &all, &[black; 256]];
                    converted(lanes, colours, rows, &mut out);
                    for (pixel, &cr) in out.as_chunks().0.iter().zip(&all) {
                        assert_eq!(*pixel, by_definition(colours, [y, cb, cr, black]));
                    }
                }
            }
        }
    }

    #[test]
    fn every_chroma_is_converted_as_defined() {
        equals_the_definition(Arrays);
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = pulp::x86::V3::try_new() {
            equals_the_definition(avx2);
        }
    }

    #[test]
    fn rows_of_every_width_are_converted_whole() {
        let samples: [Vec<u8>; 3] = [1, 2, 3].map(|first| (first..first + 100).collect());
        for width in 0..100 {
            let mut out = vec![0; 3 * width];
            let rows = [&samples[0][..], &samples[1], &samples[2], &[]];
            converted(Arrays, Colours::Rgb, rows, &mut out);
            let last = [width, width + 1, width + 2].map(|sample| sample as u8);
            assert_eq!(out.as_chunks().0.last(), (width > 0).then_some(&last));
        }
    }
}

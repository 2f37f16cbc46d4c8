//! JPEGs that are reduced while they are decoded, and one decoder for several pictures.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use frame::{DecodeError, Decoder, Frame, Limits, Picture, Reduction, Size, decode};
use image::{DynamicImage, ImageFormat, Rgb};
use proptest::prelude::*;
use testbed::pictures::{self, ColorSpace, Jpeg, crc32, encoded, exif, scene};

fn by(most: usize) -> Reduction {
    Reduction { most, min_longer_side_px: 0 }
}

fn decoded(bytes: &[u8], reduction: &Reduction) -> Picture {
    Decoder::new(Limits::default()).decode(bytes, reduction, &|| false).unwrap().clone()
}

/// JPEGs of every colour space, baseline and progressive.
fn every_jpeg() -> Vec<(&'static str, Vec<u8>)> {
    let scene = scene(203, 149);
    let gray = DynamicImage::ImageRgb8(scene.clone()).into_luma8();
    let cmyk: Vec<u8> = scene.pixels().flat_map(|&Rgb([r, g, b])| [r, g, b, 200]).collect();
    vec![
        ("baseline", Jpeg::default().of(&scene)),
        ("progressive", Jpeg { progressive: true, ..Jpeg::default() }.of(&scene)),
        (
            "gray",
            Jpeg::default().of_samples(gray.as_raw(), gray.dimensions(), ColorSpace::JCS_GRAYSCALE),
        ),
        ("cmyk", Jpeg::default().of_samples(&cmyk, scene.dimensions(), ColorSpace::JCS_CMYK)),
    ]
}

#[test]
fn every_reduction_gives_the_pixels_of_libjpeg_turbo() {
    let mut cases = 0;
    for line in include_str!("data/jpeg.txt").lines().skip(1) {
        let fields: Vec<&str> = line.split(' ').collect();
        let number = |i: usize| fields[i].parse::<usize>().unwrap();
        let file = format!("{}/tests/data/{}.jpg", env!("CARGO_MANIFEST_DIR"), fields[0]);
        let picture = decoded(&std::fs::read(file).unwrap(), &by(number(1)));
        assert_eq!(picture.size, Size::new(203, 149));
        assert_eq!(picture.reduction, number(1));
        assert_eq!(picture.frame.size(), Size::new(number(2), number(3)));
        assert_eq!(crc32(picture.frame.pixels()).to_string(), fields[4], "{line}");
        cases += 1;
    }
    assert_eq!(cases, 20);
}

#[test]
fn a_reduced_picture_shows_the_same_at_a_smaller_size() {
    for (name, bytes) in every_jpeg() {
        let whole = decoded(&bytes, &Reduction::NONE).frame;
        for reduction in [2, 4, 8] {
            let Picture { frame, size, reduction: found, .. } = decoded(&bytes, &by(reduction));
            assert_eq!((size, found), (whole.size(), reduction), "{name}");
            assert_eq!(
                frame.size(),
                Size::new(203_usize.div_ceil(reduction), 149_usize.div_ceil(reduction))
            );
            let mut means = Frame::default();
            whole.bin(reduction, &mut means);
            let rows = 0..means.size().height;
            let pairs = rows.flat_map(|y| frame.view().row(y).iter().zip(means.view().row(y)));
            let apart: u64 = pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
            let apart = apart as f64 / means.pixels().len() as f64;
            assert!(apart < 2.5, "{name} by {reduction}: {apart} levels");
        }
    }
}

#[test]
fn a_picture_is_reduced_as_far_as_its_longer_side_allows() {
    let bytes = Jpeg::default().of(&scene(200, 300));
    let reduction = |most, min_longer_side_px| {
        decoded(&bytes, &Reduction { most, min_longer_side_px }).reduction
    };
    assert_eq!(reduction(8, 0), 8);
    assert_eq!(reduction(8, 37), 8);
    assert_eq!(reduction(8, 38), 4);
    assert_eq!(reduction(8, 75), 4);
    assert_eq!(reduction(8, 76), 2);
    assert_eq!(reduction(8, 151), 1);
    assert_eq!(reduction(7, 0), 4);
    assert_eq!(reduction(3, 0), 2);
    assert_eq!(reduction(1, 0), 1);
    assert_eq!(reduction(0, 0), 1);
    // A format that cannot be reduced is decoded in full.
    let png = encoded(&DynamicImage::ImageRgb8(scene(200, 300)), ImageFormat::Png);
    assert_eq!(decoded(&png, &by(8)).frame.size(), Size::new(200, 300));
}

#[test]
fn a_reduced_picture_is_upright_too() {
    let upright = DynamicImage::ImageRgb8(scene(96, 64));
    let expected = decoded(&Jpeg::default().of(upright.as_rgb8().unwrap()), &by(4)).frame;
    for (orientation, stored) in pictures::stored_for_every_orientation(&upright) {
        let jpeg = Jpeg { exif: Some(exif(orientation)), ..Jpeg::default() };
        let picture = decoded(&jpeg.of(&stored), &by(4));
        assert_eq!(picture.size, Size::new(96, 64), "{orientation}");
        assert_eq!(picture.frame.size(), expected.size());
        let pairs = picture.frame.pixels().iter().zip(expected.pixels());
        let apart: u64 = pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        assert!(apart as f64 / (expected.pixels().len() as f64) < 3.0, "{orientation}");
    }
}

#[test]
fn a_damaged_jpeg_is_refused_at_every_reduction() {
    for (name, bytes) in every_jpeg() {
        let middle = bytes.len() / 2;
        let holed = [&bytes[..middle], &bytes[middle + 200..]].concat();
        let cut = &bytes[..middle];
        for reduction in [1, 2, 4, 8] {
            let mut decoder = Decoder::new(Limits::default());
            let error = decoder.decode(&holed, &by(reduction), &|| false).unwrap_err();
            assert!(matches!(error, DecodeError::Corrupt { .. }), "{name}: {error:?}");
            let error = decoder.decode(cut, &by(reduction), &|| false).unwrap_err();
            assert!(matches!(error, DecodeError::CutShort { .. }), "{name}: {error:?}");
        }
    }
}

/// A GIF of one frame in which every pixel is colour 255 of a palette of two.
fn gif_of_colours_beyond_its_palette(side: u16) -> Vec<u8> {
    let mut file = b"GIF89a".to_vec();
    for number in [side, side] {
        file.extend(number.to_le_bytes());
    }
    file.extend([0x80, 0, 0]);
    file.extend([10, 20, 30, 200, 210, 220]);
    file.push(0x2C);
    for number in [0, 0, side, side] {
        file.extend(number.to_le_bytes());
    }
    // Codes of nine bits, each behind a clear code, so that no dictionary is needed.
    file.extend([0, 8]);
    let codes = (0..usize::from(side).pow(2)).flat_map(|_| [256_u32, 255]).chain([257]);
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for code in codes {
        bits |= code << count;
        count += 9;
        while count >= 8 {
            bytes.push(bits as u8);
            bits >>= 8;
            count -= 8;
        }
    }
    bytes.push(bits as u8);
    for block in bytes.chunks(255) {
        file.push(block.len() as u8);
        file.extend(block);
    }
    file.extend([0, 0x3B]);
    file
}

#[test]
fn colours_outside_a_palette_show_nothing_of_the_previous_picture() {
    let gif = gif_of_colours_beyond_its_palette(64);
    let fresh = decode(&gif, &Limits::default()).unwrap();
    let picture = DynamicImage::ImageRgb8(scene(64, 64));
    for previous in [
        encoded(&DynamicImage::ImageRgba8(picture.to_rgba8()), ImageFormat::Png),
        encoded(&picture, ImageFormat::Png),
        Jpeg { exif: Some(exif(6)), ..Jpeg::default() }.of(&scene(64, 64)),
    ] {
        let mut decoder = Decoder::new(Limits::default());
        decoder.decode(&previous, &Reduction::NONE, &|| false).unwrap();
        assert!(decoder.decode(&gif, &Reduction::NONE, &|| false).unwrap().frame == fresh);
    }
    // All pixels are transparent, and so white.
    assert!(fresh.pixels().iter().all(|&level| level == 255));
}

#[test]
fn limits_apply_to_the_size_without_reduction() {
    let bytes = Jpeg::default().of(&scene(200, 160));
    let mut decoder = Decoder::new(Limits { max_side_px: 199, ..Limits::default() });
    let error = decoder.decode(&bytes, &by(8), &|| false).unwrap_err();
    assert!(matches!(error, DecodeError::TooLarge { width: 200, .. }), "{error:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Nothing of one picture is left in the next, also after an error.
    #[test]
    fn a_used_decoder_gives_the_same_as_a_new_one(
        sequence in prop::collection::vec((0_usize..9, 1_usize..=8, 20_u32..90, any::<u16>()), 2..6),
    ) {
        let mut decoder = Decoder::new(Limits::default());
        for (kind, most, side, damage) in sequence {
            let scene = scene(side, 110 - side);
            let picture = DynamicImage::ImageRgb8(scene.clone());
            let mut bytes = match kind {
                0 => Jpeg::default().of(&scene),
                1 => Jpeg { exif: Some(exif(6)), ..Jpeg::default() }.of(&scene),
                2 => encoded(&picture, ImageFormat::Png),
                3 => encoded(&DynamicImage::ImageRgba8(picture.to_rgba8()), ImageFormat::Png),
                4 => encoded(&DynamicImage::ImageLuma8(picture.to_luma8()), ImageFormat::Png),
                5 => encoded(&picture, ImageFormat::Tiff),
                6 => encoded(&picture, ImageFormat::Gif),
                7 => encoded(&picture, ImageFormat::Bmp),
                _ => encoded(&picture, ImageFormat::WebP),
            };
            if damage % 3 == 0 {
                let place = usize::from(damage) % bytes.len();
                bytes[place] ^= 0x55;
            }
            let found = decoder.decode(&bytes, &by(most), &|| false).cloned();
            let fresh = Decoder::new(Limits::default()).decode(&bytes, &by(most), &|| false).cloned();
            prop_assert_eq!(format!("{:?}", found), format!("{:?}", fresh));
            if let (Ok(found), Ok(fresh)) = (found, fresh) {
                prop_assert!(found == fresh);
                if most == 1 {
                    prop_assert!(decode(&bytes, &Limits::default()).unwrap() == found.frame);
                }
            }
        }
    }
}

//! Decoding of every format, whole and damaged, without a panic.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::sync::LazyLock;

use frame::{DecodeError, Format, Frame, Limits, Size, decode, demand};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use testbed::pictures::{self, ColorSpace, Jpeg, encoded, exif, scene};

fn progressive() -> Jpeg {
    Jpeg { progressive: true, ..Jpeg::default() }
}

fn decoded(bytes: &[u8]) -> Frame {
    decode(bytes, &Limits::default()).unwrap()
}

fn refused(bytes: &[u8]) -> DecodeError {
    decode(bytes, &Limits::default()).unwrap_err()
}

/// The mean difference of samples, in levels.
fn distance(frame: &Frame, picture: &RgbImage) -> f64 {
    assert_eq!(frame.size(), Size::new(picture.width() as usize, picture.height() as usize));
    let pairs = frame.pixels().iter().zip(picture.as_raw());
    let sum: u64 = pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / frame.pixels().len() as f64
}

/// Mean difference that JPEG makes at edges, levels.
const LOSS: f64 = 2.0;

/// The same scene as a file of every format.
fn every_format() -> &'static [(&'static str, Vec<u8>)] {
    static FILES: LazyLock<Vec<(&str, Vec<u8>)>> = LazyLock::new(|| {
        let scene = scene(160, 120);
        let picture = DynamicImage::ImageRgb8(scene.clone());
        vec![
            ("jpeg", Jpeg::default().of(&scene)),
            ("progressive jpeg", progressive().of(&scene)),
            ("png", encoded(&picture, ImageFormat::Png)),
            ("webp", encoded(&picture, ImageFormat::WebP)),
            ("bmp", encoded(&picture, ImageFormat::Bmp)),
            ("tiff", encoded(&picture, ImageFormat::Tiff)),
            ("gif", encoded(&picture, ImageFormat::Gif)),
        ]
    });
    &FILES
}

#[test]
fn every_format_gives_the_same_picture() {
    let scene = scene(160, 120);
    for (name, bytes) in every_format() {
        let most = match *name {
            "jpeg" | "progressive jpeg" => LOSS,
            // 256 colours.
            "gif" => 4.0,
            _ => 0.0,
        };
        let distance = distance(&decoded(bytes), &scene);
        assert!(distance <= most, "{name}: {distance}");
    }
}

#[test]
fn the_format_is_read_from_the_bytes() {
    let formats = [
        Format::Jpeg,
        Format::Jpeg,
        Format::Png,
        Format::WebP,
        Format::Bmp,
        Format::Tiff,
        Format::Gif,
    ];
    for ((name, bytes), format) in every_format().iter().zip(formats) {
        assert_eq!(Format::sniff(bytes), Some(format), "{name}");
    }
}

#[test]
fn bytes_that_are_not_a_picture_are_refused_by_name() {
    assert!(matches!(refused(b""), DecodeError::Empty));
    for bytes in [&b"hello"[..], b"\0", b"%PDF-1.7\n", b"<svg xmlns='...'/>", &[0xFF; 100]] {
        assert!(matches!(refused(bytes), DecodeError::UnknownFormat), "{bytes:?}");
    }
}

#[test]
fn a_picture_cut_short_is_refused_unless_all_pixels_are_there() {
    for (name, bytes) in every_format() {
        let whole = decoded(bytes);
        for end in
            (0..bytes.len()).step_by(bytes.len() / 97 + 1).chain(bytes.len() - 20..bytes.len())
        {
            match decode(&bytes[..end], &Limits::default()) {
                Err(_) => {}
                // The missing bytes may be padding or a trailer.
                Ok(frame) => assert!(frame == whole, "{name} cut at {end} of {}", bytes.len()),
            }
        }
    }
}

#[test]
fn a_jpeg_with_a_part_missing_in_the_middle_is_refused() {
    for (name, bytes) in every_format().iter().take(2) {
        let middle = bytes.len() / 2;
        let holed = [&bytes[..middle], &bytes[middle + 200..]].concat();
        let error = refused(&holed);
        assert!(matches!(error, DecodeError::Corrupt { .. }), "{name}: {error:?}");
    }
}

#[test]
fn bytes_after_the_end_of_a_jpeg_do_not_matter() {
    let bytes = Jpeg::default().of(&scene(64, 48));
    let with_video = [&bytes[..], &[0xFF, 0xD8, 0, 1, 2, 3], &[7; 5000]].concat();
    assert!(decoded(&with_video) == decoded(&bytes));
}

#[test]
fn zeros_before_the_end_of_a_jpeg_are_accepted_and_other_bytes_are_not() {
    let bytes = Jpeg::default().of(&scene(64, 48));
    let end = bytes.len() - 2;
    let with = |extra: &[u8]| [&bytes[..end], extra, &bytes[end..]].concat();
    assert!(decoded(&with(&[0; 4])) == decoded(&bytes));
    assert!(matches!(refused(&with(&[0x55; 40])), DecodeError::Corrupt { .. }));
    // Zeros do not hide other bytes in front of them.
    let hidden = [&[0x55; 40][..], &[0; 4]].concat();
    assert!(matches!(refused(&with(&hidden)), DecodeError::Corrupt { .. }));
}

/// A TIFF of one strip.
fn tiff_around(strip: &[u8], compression: u16, (width, height): (u16, u16)) -> Vec<u8> {
    let entries: [(u16, u16, u32, u32); 9] = [
        (256, 3, 1, width.into()),
        (257, 3, 1, height.into()),
        (258, 3, 1, 8),
        (259, 3, 1, compression.into()),
        (262, 3, 1, 6),
        (273, 4, 1, 8 + 2 + 9 * 12 + 4),
        (277, 3, 1, 3),
        (278, 3, 1, height.into()),
        (279, 4, 1, strip.len() as u32),
    ];
    let mut file = b"II*\0\x08\0\0\0\x09\0".to_vec();
    for (tag, kind, count, value) in entries {
        file.extend(tag.to_le_bytes());
        file.extend(kind.to_le_bytes());
        file.extend(count.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.extend([0; 4]);
    file.extend(strip);
    file
}

#[test]
fn a_tiff_that_wraps_a_whole_or_a_cut_jpeg_is_refused() {
    let inner = Jpeg::default().of(&scene(160, 120));
    for strip in [&inner[..], &inner[..inner.len() / 2]] {
        for compression in [6, 7] {
            let error = refused(&tiff_around(strip, compression, (160, 120)));
            assert!(matches!(error, DecodeError::UnsupportedKind { .. }), "{error:?}");
        }
    }
}

#[test]
fn a_webp_frame_larger_than_its_canvas_is_refused_from_its_header() {
    let wide = DynamicImage::ImageRgb8(RgbImage::new(6000, 8));
    let simple = encoded(&wide, ImageFormat::WebP);
    let frame = &simple[12..];
    // An extended WebP with a canvas of 160x120 around the same frame, still and animated.
    let chunk = |name: &[u8; 4], data: &[u8]| {
        [&name[..], &(data.len() as u32).to_le_bytes(), data].concat()
    };
    let canvas = chunk(b"VP8X", &[0, 0, 0, 0, 159, 0, 0, 119, 0, 0]);
    let animated = chunk(b"ANMF", &[&[0; 16][..], frame].concat());
    for inside in [frame, &animated] {
        let body = [&b"WEBP"[..], &canvas, inside].concat();
        let file = chunk(b"RIFF", &body);
        let error = refused(&file);
        assert!(matches!(error, DecodeError::TooLarge { width: 6000, height: 8, .. }), "{error:?}");
    }
    assert!(matches!(refused(&simple), DecodeError::TooLarge { width: 6000, .. }));
}

#[test]
fn a_webp_of_frames_inside_frames_is_refused() {
    // A reader that went into each would run out of stack.
    let mut nested = Vec::new();
    for depth in (0..100_000_u32).rev() {
        nested.extend(b"ANMF");
        nested.extend((24 * depth + 16).to_le_bytes());
        nested.extend([0; 16]);
    }
    let canvas = b"VP8X\x0A\0\0\0\x02\0\0\0\x9F\0\0\x77\0\0";
    let file = [&b"RIFF\0\0\0\x7FWEBP"[..], canvas, &nested].concat();
    assert!(matches!(refused(&file), DecodeError::Corrupt { .. }), "{:?}", refused(&file));
}

#[test]
fn a_webp_that_takes_too_long_to_stop_is_refused_from_its_header() {
    let lossy = include_bytes!("data/lossy.webp");
    let sides = |side: u16| {
        let mut file = lossy.to_vec();
        let [low, high] = side.to_le_bytes();
        file[26..30].copy_from_slice(&[low, high, low, high]);
        file
    };
    let limits = Limits { max_side_px: 10_000, max_decoder_bytes: 4 << 30 };
    assert!(demand(&sides(5000), &limits).is_ok());
    let error = demand(&sides(6000), &limits).unwrap_err();
    let is_named =
        matches!(error, DecodeError::TooMuchWork { estimated_ms: 577, limit_ms: 500, .. });
    assert!(is_named, "{error:?}");
    // The same for a small one of many bytes.
    let mut long = lossy.to_vec();
    long.resize(6_000_000, 0);
    let length = (long.len() - 20) as u32;
    long[16..20].copy_from_slice(&length.to_le_bytes());
    long[4..8].copy_from_slice(&(length + 12).to_le_bytes());
    let error = refused(&long);
    assert!(matches!(error, DecodeError::TooMuchWork { limit_ms: 500, .. }), "{error:?}");
}

#[test]
fn a_jpeg_of_a_thousand_scans_is_refused() {
    let bytes = progressive().of(&scene(64, 48));
    // The last scan repeated. A decoder would process every block of the picture for each.
    let last_scan = bytes.windows(2).rposition(|pair| pair == [0xFF, 0xDA]).unwrap();
    let end = bytes.len() - 2;
    let mut bomb = bytes[..end].to_vec();
    for _ in 0..1000 {
        bomb.extend_from_slice(&bytes[last_scan..end]);
    }
    bomb.extend_from_slice(&[0xFF, 0xD9]);
    let error = refused(&bomb);
    let is_named = matches!(
        error,
        DecodeError::Corrupt {
            source: frame::CodecError::Jpeg(jpeg::Error::Scans { limit: 100 }),
            ..
        }
    );
    assert!(is_named, "{error:?}");
}

#[test]
fn a_picture_over_the_limit_is_refused_from_its_header() {
    let error = refused(&pictures::png_bomb(60_000));
    let expected = (60_000, 60_000, 5000);
    assert!(
        matches!(error, DecodeError::TooLarge { width, height, max_side_px }
            if (width, height, max_side_px) == expected),
        "{error:?}"
    );
    // The limit on the longer side is the same for every format.
    for (name, bytes) in every_format() {
        let limits = |max_side_px| Limits { max_side_px, ..Limits::default() };
        assert!(matches!(decode(bytes, &limits(159)), Err(DecodeError::TooLarge { .. })), "{name}");
        assert!(decode(bytes, &limits(160)).is_ok(), "{name}");
    }
}

#[test]
fn a_png_of_any_depth_and_palette_is_the_same_picture() {
    let scene = scene(60, 40);
    let deep = DynamicImage::ImageRgb8(scene.clone()).into_rgb16();
    assert_eq!(
        distance(&decoded(&encoded(&DynamicImage::ImageRgb16(deep), ImageFormat::Png)), &scene),
        0.0
    );

    let gray = DynamicImage::ImageRgb8(scene).into_luma8();
    let as_rgb = DynamicImage::ImageLuma8(gray.clone()).into_rgb8();
    assert_eq!(
        distance(&decoded(&encoded(&DynamicImage::ImageLuma8(gray), ImageFormat::Png)), &as_rgb),
        0.0
    );

    let mut file = Vec::new();
    let mut writer = png::Encoder::new(&mut file, 4, 2);
    writer.set_color(png::ColorType::Indexed);
    writer.set_depth(png::BitDepth::Two);
    writer.set_palette(&[1, 2, 3, 40, 50, 60, 70, 80, 90, 255, 0, 128]);
    writer.write_header().unwrap().write_image_data(&[0b00_01_10_11, 0b11_10_01_00]).unwrap();
    let frame = decoded(&file);
    assert_eq!(frame.pixels()[..12], [1, 2, 3, 40, 50, 60, 70, 80, 90, 255, 0, 128]);
    assert_eq!(frame.pixels()[12..15], [255, 0, 128]);
}

/// Samples of every value between, so that rounding shows.
#[test]
fn samples_of_16_bits_and_floats_are_rounded_as_the_image_crate_rounds_them() {
    let deep = image::ImageBuffer::from_fn(97, 61, |x, y| {
        let level = |by: u32| ((x * 631 + y * 173 + by * 7919) * 37 % 65_536) as u16;
        image::Rgba([level(1), level(2), level(3), u16::MAX])
    });
    let deep = DynamicImage::ImageRgba16(deep);
    let floats = deep.to_rgba32f();
    for (picture, format) in [
        (DynamicImage::ImageRgb16(deep.to_rgb16()), ImageFormat::Png),
        (deep.clone(), ImageFormat::Png),
        (DynamicImage::ImageLuma16(deep.to_luma16()), ImageFormat::Png),
        (DynamicImage::ImageLumaA16(deep.to_luma_alpha16()), ImageFormat::Png),
        (DynamicImage::ImageLumaA8(deep.to_luma_alpha8()), ImageFormat::Png),
        (DynamicImage::ImageRgb16(deep.to_rgb16()), ImageFormat::Tiff),
        (deep.clone(), ImageFormat::Tiff),
        (DynamicImage::ImageRgb32F(deep.to_rgb32f()), ImageFormat::Tiff),
        (DynamicImage::ImageRgba32F(floats), ImageFormat::Tiff),
    ] {
        let file = encoded(&picture, format);
        let expected = picture.to_rgb8();
        assert!(
            decoded(&file).pixels() == expected.as_raw(),
            "{format:?} of {:?}",
            picture.color()
        );
    }
}

#[test]
fn transparent_pixels_lie_over_white() {
    let picture =
        image::RgbaImage::from_raw(3, 1, vec![9, 8, 7, 255, 9, 8, 7, 0, 0, 100, 200, 128]);
    let bytes = encoded(&DynamicImage::ImageRgba8(picture.unwrap()), ImageFormat::Png);
    assert_eq!(decoded(&bytes).pixels(), [9, 8, 7, 255, 255, 255, 127, 177, 227]);
}

#[test]
fn a_gray_jpeg_has_three_equal_channels() {
    let gray = DynamicImage::ImageRgb8(scene(64, 48)).into_luma8();
    let bytes =
        Jpeg::default().of_samples(gray.as_raw(), gray.dimensions(), ColorSpace::JCS_GRAYSCALE);
    assert!(decoded(&bytes).pixels().chunks(3).all(|p| p[0] == p[1] && p[1] == p[2]));
}

#[test]
fn a_cmyk_jpeg_shows_its_colours() {
    // Red, then half-black yellow, in Adobe's inverse ink as libjpeg writes it.
    let samples = [[255, 0, 0, 255]; 16 * 8].concat();
    let samples = [samples, [[255, 255, 0, 128]; 16 * 8].concat()].concat();
    let bytes = Jpeg::default().of_samples(&samples, (16, 16), ColorSpace::JCS_CMYK);
    let frame = decoded(&bytes);
    let close = |at: usize, colour: [u8; 3]| {
        let pixel = &frame.pixels()[3 * at..3 * at + 3];
        assert!(pixel.iter().zip(colour).all(|(a, b)| a.abs_diff(b) <= 3), "{pixel:?} {colour:?}");
    };
    close(0, [255, 0, 0]);
    close(255, [128, 128, 0]);
}

#[test]
fn every_exif_orientation_is_undone() {
    let upright = scene(96, 64);
    let picture = DynamicImage::ImageRgb8(upright.clone());
    for (orientation, stored) in pictures::stored_for_every_orientation(&picture) {
        let jpeg = Jpeg { exif: Some(exif(orientation)), ..Jpeg::default() };
        let frame = decoded(&jpeg.of(&stored));
        let distance = distance(&frame, &upright);
        assert!(distance <= LOSS, "orientation {orientation}: {distance}");
    }
}

#[test]
fn an_invalid_orientation_counts_as_none() {
    let upright = scene(96, 64);
    for block in [exif(0), exif(9), b"Exif\0\0".to_vec(), b"Exif\0\0MM\0*\xFF\xFF\xFF\xFF".to_vec()]
    {
        let jpeg = Jpeg { exif: Some(block), ..Jpeg::default() };
        assert!(distance(&decoded(&jpeg.of(&upright)), &upright) <= LOSS);
    }
}

#[test]
fn one_pixel_is_a_picture() {
    let picture = DynamicImage::ImageRgb8(RgbImage::from_pixel(1, 1, Rgb([10, 20, 30])));
    for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::WebP] {
        assert_eq!(decoded(&encoded(&picture, format)).pixels(), [10, 20, 30], "{format:?}");
    }
    assert_eq!(decoded(&Jpeg::default().of(&picture.into_rgb8())).size(), Size::new(1, 1));
}

#[test]
fn no_error_text_holds_a_byte_of_the_picture() {
    let (_, bytes) = &every_format()[0];
    let holed = [&bytes[..bytes.len() / 2], &bytes[bytes.len() / 2 + 50..]].concat();
    let error = refused(&holed);
    assert_eq!(error.to_string(), "the JPEG picture is corrupt or cut short");
    let debugged = format!("{error:?}");
    assert!(debugged.starts_with("Corrupt { format: Jpeg, source: Jpeg(Damaged(\""), "{debugged}");
}

mod damage {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

        #[test]
        fn a_damaged_picture_gives_a_frame_within_the_limits_or_an_error(
            which in 0_usize..7,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        ) {
            let mut bytes = every_format()[which].1.clone();
            for (place, value) in changes {
                let place = place.index(bytes.len());
                bytes[place] = value;
            }
            let limits = Limits { max_side_px: 2000, max_decoder_bytes: 64 << 20 };
            if let Ok(frame) = decode(&bytes, &limits) {
                prop_assert!(frame.size().longer_side() <= 2000);
            }
        }

        #[test]
        fn noise_behind_any_signature_never_panics(
            which in 0_usize..7,
            keep in 2_usize..40,
            noise in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let bytes = &every_format()[which].1;
            let bytes = [&bytes[..keep], &noise].concat();
            let limits = Limits { max_side_px: 2000, max_decoder_bytes: 64 << 20 };
            let _ = decode(&bytes, &limits);
        }
    }
}

#[test]
fn bytes_behind_a_webp_are_not_read() {
    for name in ["lossless.webp", "lossy.webp", "lossy_alpha.webp"] {
        let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
        let mut bytes = std::fs::read(path).unwrap();
        let alone = frame::decode(&bytes, &Limits::default()).unwrap();
        bytes.extend([0xFF; 100]);
        assert_eq!(frame::decode(&bytes, &Limits::default()).unwrap(), alone, "{name}");
    }
}

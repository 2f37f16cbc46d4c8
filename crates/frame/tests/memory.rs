//! The memory that decoding takes, compared with what was said beforehand.

mod made;

use std::sync::Mutex;

use frame::{DecodeError, Format, Limits, Size, decode, demand};
use image::{DynamicImage, ImageFormat};
use made::{WEBPS, every_kind, webp_of_groups};
use peak_alloc::PeakAlloc;
use testbed::pictures::{Jpeg, encoded, scene};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// One test at a time allocates.
static ALONE: Mutex<()> = Mutex::new(());

/// The most memory in use at once while `bytes` is decoded, bytes, and the error if there was one.
fn taken(bytes: &[u8]) -> (u64, Option<DecodeError>) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let error = decode(bytes, &Limits::default()).err();
    ((ALLOCATOR.peak_usage() - before) as u64, error)
}

#[test]
fn no_picture_takes_more_memory_than_its_header_demands() {
    let _alone = ALONE.lock();
    let sizes = [(1, 1), (640, 480), (37, 1500), (1500, 37), (1201, 1003)];
    let made = sizes.iter().flat_map(|&(width, height)| every_kind(Size::new(width, height)));
    let webps = WEBPS.map(|(name, bytes)| (name.to_owned(), bytes.to_vec()));
    for (name, bytes) in made.chain(webps) {
        let demanded = demand(&bytes, &Limits::default()).unwrap().memory_bytes;
        let (taken, error) = taken(&bytes);
        assert!(error.is_none(), "{name}: {error:?}");
        assert!(taken <= demanded, "{name}: {taken} bytes, and {demanded} were demanded");
        // A demand far above the truth would refuse pictures without need. Of 35 MiB, 16 are for
        // Huffman tables, and 16 for what a lossy WebP announces.
        let most = 3 * taken + (35 << 20);
        assert!(demanded <= most, "{name}: {demanded} bytes were demanded for {taken}");
    }
}

#[test]
fn a_webp_with_many_tables_is_counted_and_refused() {
    let _alone = ALONE.lock();
    let few = webp_of_groups(100);
    let (taken_by_few, error) = taken(&few);
    assert!(error.is_none(), "{error:?}");
    assert!(taken_by_few > 100 * 65_536, "{taken_by_few}");
    assert!(taken_by_few <= demand(&few, &Limits::default()).unwrap().memory_bytes);

    // 16 MiB are allowed for; three thousand bytes ask for 19.
    let many = webp_of_groups(280);
    assert!(many.len() < 5000, "{}", many.len());
    let (taken_by_many, error) = taken(&many);
    assert!(matches!(error, Some(DecodeError::TooMuchMemory { .. })), "{error:?}");
    assert!(taken_by_many < 1 << 20, "{taken_by_many}");
}

#[test]
fn a_tiff_with_many_values_is_counted() {
    let _alone = ALONE.lock();
    let picture = DynamicImage::ImageRgb8(scene(64, 64));
    let mut file = encoded(&picture, ImageFormat::Tiff);
    // The horizontal resolution becomes 300000 extra samples, which the decoder reads before it
    // finds that there are too many.
    let resolution = [0x1A, 1, 5, 0, 1, 0, 0, 0];
    let at = file.windows(8).position(|bytes| bytes == resolution).unwrap();
    let (count, offset) = (300_000_u32, file.len() as u32);
    file[at..at + 4].copy_from_slice(&[0x52, 1, 1, 0]);
    file[at + 4..at + 8].copy_from_slice(&count.to_le_bytes());
    file[at + 8..at + 12].copy_from_slice(&offset.to_le_bytes());
    file.resize(file.len() + count as usize, 1);
    let demanded = demand(&file, &Limits::default()).unwrap().memory_bytes;
    let (taken, _) = taken(&file);
    assert!(taken > 32 * u64::from(count), "{taken}");
    assert!(taken <= demanded, "{taken} of {demanded}");
}

#[test]
fn a_webp_chunk_that_announces_gigabytes_takes_none() {
    let _alone = ALONE.lock();
    let frame = &WEBPS[2].1[12..];
    let canvas = b"VP8X\x0A\0\0\0\x08\0\0\0\x7F\0\0\x5F\0\0";
    let file = [&b"RIFF\0\0\0\x7FWEBP"[..], canvas, frame, b"EXIF\xF0\xFF\xFF\x7F1234"].concat();
    let (taken, error) = taken(&file);
    assert!(matches!(error, Some(DecodeError::CutShort { .. })), "{error:?}");
    assert!(taken < 1 << 20, "{taken}");
}

#[test]
fn a_low_limit_refuses_every_kind_by_name_and_takes_no_memory() {
    let _alone = ALONE.lock();
    for (name, bytes) in every_kind(Size::new(640, 480)) {
        let limits = Limits { max_decoder_bytes: 1 << 18, ..Limits::default() };
        let before = ALLOCATOR.current_usage();
        ALLOCATOR.reset_peak_usage();
        let refusals = [decode(&bytes, &limits).map(drop), demand(&bytes, &limits).map(drop)];
        let taken = ALLOCATOR.peak_usage() - before;
        // Less than the pixels, which take 900 kB.
        assert!(taken < 1 << 18, "{name}: {taken}");
        for refusal in refusals {
            let error = refusal.unwrap_err();
            let DecodeError::TooMuchMemory { limit_bytes, needed_bytes, .. } = error else {
                panic!("{name}: {error:?}");
            };
            assert_eq!(limit_bytes, 1 << 18, "{name}");
            assert!(needed_bytes > limit_bytes, "{name}");
            let text = error.to_string();
            assert!(text.ends_with("send it as a baseline JPEG or smaller"), "{text}");
        }
    }
}

#[test]
fn jpegs_and_pngs_of_every_kind_may_have_5000x5000_pixels() {
    let _alone = ALONE.lock();
    for (name, bytes) in every_kind(Size::new(64, 64)) {
        if name.contains("JPEG") || name.starts_with("Png") {
            let large = demand(&with_sides(&bytes, 5000), &Limits::default()).unwrap();
            assert!(large.memory_bytes >= 2 * 3 * 5000 * 5000, "{name}: {large:?}");
            assert!(large.is_costly, "{name}: {large:?}");
        }
    }
}

/// A JPEG or PNG of 64x64 pixels whose header says `side` instead. Its pixels are missing.
fn with_sides(bytes: &[u8], side: u16) -> Vec<u8> {
    let mut file = bytes.to_vec();
    let (from, to) = (64_u16.to_be_bytes(), side.to_be_bytes());
    for at in 0..file.len().min(900) - 1 {
        if file[at..at + 2] == from {
            file[at..at + 2].copy_from_slice(&to);
        }
    }
    file
}

#[test]
fn an_ordinary_selfie_of_any_usual_kind_is_not_costly() {
    let _alone = ALONE.lock();
    let selfie = scene(2000, 2000);
    let transparent = DynamicImage::ImageRgb8(selfie.clone()).into_rgba8();
    let mut files =
        [false, true].map(|progressive| Jpeg { progressive, exif: None }.of(&selfie)).to_vec();
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Tiff] {
        files.push(encoded(&DynamicImage::ImageRgb8(selfie.clone()), format));
        files.push(encoded(&DynamicImage::ImageRgba8(transparent.clone()), format));
    }
    for file in files {
        let demanded = demand(&file, &Limits::default()).unwrap();
        assert!(!demanded.is_costly, "{:?}: {demanded:?}", Format::sniff(&file));
    }
    let phone = with_sides(&Jpeg::default().of(&scene(64, 64)), 3500);
    assert!(!demand(&phone, &Limits::default()).unwrap().is_costly);
}

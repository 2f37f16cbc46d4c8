//! The measured pictures: one portrait in several sizes, as phones store it.

use fastrand::Rng;
use frame::{Decoder, Filter, Frame, PixelRect, Reduction, Resampler, Size};
use liveness::Settings;

/// Rows of the portrait that are kept. Its face then takes 29% of the height; in selfies it is 24
/// to 58%.
const KEPT_ROWS: usize = 384;
/// Largest change of a level by grain; the standard deviation is 4.5. With it a picture of 12
/// megapixels has the file size of a phone's.
const MOST_GRAIN: i16 = 10;
const GRAIN_SEED: u64 = 1;
/// The quality of the JPEGs, on libjpeg's scale.
const QUALITY: u8 = 90;

/// One picture.
pub(crate) struct Picture {
    /// Its size, and how it differs from others of that size.
    pub(crate) name: &'static str,
    /// The file.
    pub(crate) jpeg: Vec<u8>,
    /// The frame that the walk decodes: reduced, if the picture is large.
    pub(crate) frame: Frame,
    /// Whether it is the first of the pictures with these pixels.
    pub(crate) is_only_one_of_its_size: bool,
}

impl Picture {
    /// All pictures.
    pub(crate) fn all() -> Vec<Self> {
        let portrait = portrait();
        let as_served =
            Reduction { most: 8, min_longer_side_px: Settings::default().min_decoded_side_px };
        [
            ("640x480", Size::new(640, 480), false),
            ("1280x960", Size::new(1280, 960), false),
            ("3000x4000", Size::new(3000, 4000), false),
            ("3000x4000 progressive", Size::new(3000, 4000), true),
            ("5000x5000", Size::new(5000, 5000), false),
        ]
        .into_iter()
        .map(|(name, size, is_progressive)| {
            let picture = picture(&portrait, size);
            let jpeg = if is_progressive { progressive(&picture) } else { baseline(&picture) };
            let frame = decoded(&jpeg, as_served);
            Self { name, jpeg, frame, is_only_one_of_its_size: !is_progressive }
        })
        .collect()
    }
}

/// The portrait from which all are made.
pub(crate) fn portrait() -> Frame {
    let portrait = std::fs::read(testbed::portrait()).expect("the portrait can be read");
    decoded(&portrait, Reduction::NONE)
}

/// The portrait at this size, with grain.
pub(crate) fn picture(portrait: &Frame, size: Size) -> Frame {
    with_grain(enlarged(portrait, size))
}

/// The picture in `file`. Decoding is not measured here.
fn decoded(file: &[u8], reduction: Reduction) -> Frame {
    let mut decoder = Decoder::default();
    decoder.decode(file, &reduction, &|| false).expect("it is a picture").frame.clone()
}

/// The middle of the portrait's upper rows, cut to the shape of `size` and resized to it.
fn enlarged(portrait: &Frame, size: Size) -> Frame {
    let kept = Size::new(KEPT_ROWS * size.width / size.height, KEPT_ROWS);
    let left = (portrait.size().width - kept.width) / 2;
    let part = portrait.crop(PixelRect { left, top: 0, size: kept });
    let mut resampler = Resampler::default();
    let view = resampler.resample(part, size, Filter::AreaOrLanczos4);
    let pixels = (0..size.height).flat_map(|y| view.row(y)).copied().collect();
    Frame::from_rgb8(size, pixels).expect("there are as many rows as the size says")
}

/// Adds a sensor's grain: every pixel becomes lighter or darker, most of them by little.
fn with_grain(mut picture: Frame) -> Frame {
    let mut random = Rng::with_seed(GRAIN_SEED);
    for pixel in picture.pixels_mut().chunks_exact_mut(3) {
        let grain = random.i16(0..=MOST_GRAIN) - random.i16(0..=MOST_GRAIN);
        for level in pixel {
            *level = (i16::from(*level) + grain).clamp(0, 255) as u8;
        }
    }
    picture
}

pub(crate) fn baseline(picture: &Frame) -> Vec<u8> {
    picture.encode_jpeg(QUALITY).expect("JPEG has room for it")
}

/// A progressive JPEG, with libjpeg's default scans.
fn progressive(picture: &Frame) -> Vec<u8> {
    let mut encoder = mozjpeg::Compress::new(mozjpeg::ColorSpace::JCS_RGB);
    encoder.set_size(picture.size().width, picture.size().height);
    encoder.set_fastest_defaults();
    encoder.set_progressive_mode();
    encoder.set_quality(QUALITY.into());
    let mut encoder = encoder.start_compress(Vec::new()).expect("memory can be written to");
    encoder.write_scanlines(picture.pixels()).expect("there are as many rows as the size says");
    encoder.finish().expect("memory can be written to")
}

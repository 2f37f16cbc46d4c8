//! Pictures of every format and kind, for the tests of limits.

use frame::Size;
use image::{DynamicImage, ImageFormat};
use testbed::pictures::{ColorSpace, Jpeg, encoded, exif, scene};

/// A file and what it is.
pub(crate) type Made = (String, Vec<u8>);

/// The files of libwebp (`data/record_webp.py`).
pub(crate) const WEBPS: [(&str, &[u8]); 4] = [
    ("lossless WebP", include_bytes!("../data/lossless.webp")),
    ("lossless WebP with transparency", include_bytes!("../data/lossless_alpha.webp")),
    ("lossy WebP", include_bytes!("../data/lossy.webp")),
    ("lossy WebP with transparency", include_bytes!("../data/lossy_alpha.webp")),
];

/// The same scene as a file of every kind.
pub(crate) fn every_kind(Size { width, height }: Size) -> Vec<Made> {
    let scene = scene(width as u32, height as u32);
    let picture = DynamicImage::ImageRgb8(scene.clone());
    let mut made: Vec<Made> = Vec::new();
    for (progressive, exif) in [(false, None), (false, Some(exif(6))), (true, None)] {
        let jpeg = Jpeg { progressive, exif };
        let name = format!("JPEG, progressive: {progressive}, turned: {}", jpeg.exif.is_some());
        made.push((name, jpeg.of(&scene)));
    }
    let gray = picture.to_luma8();
    let four: Vec<u8> = picture.to_rgba8().into_raw();
    for progressive in [false, true] {
        let jpeg = Jpeg { progressive, exif: None };
        let size = (width as u32, height as u32);
        let of_gray = jpeg.of_samples(gray.as_raw(), size, ColorSpace::JCS_GRAYSCALE);
        let of_four = jpeg.of_samples(&four, size, ColorSpace::JCS_CMYK);
        made.push((format!("gray JPEG, progressive: {progressive}"), of_gray));
        made.push((format!("JPEG of four colours, progressive: {progressive}"), of_four));
    }
    let kinds = [
        DynamicImage::ImageRgb8(scene),
        DynamicImage::ImageRgba8(picture.to_rgba8()),
        DynamicImage::ImageLuma8(gray),
        DynamicImage::ImageLumaA8(picture.to_luma_alpha8()),
        DynamicImage::ImageLuma16(picture.to_luma16()),
        DynamicImage::ImageLumaA16(picture.to_luma_alpha16()),
        DynamicImage::ImageRgb16(picture.to_rgb16()),
        DynamicImage::ImageRgba16(picture.to_rgba16()),
        DynamicImage::ImageRgb32F(picture.to_rgb32f()),
        DynamicImage::ImageRgba32F(picture.to_rgba32f()),
    ];
    for kind in &kinds {
        for format in [
            ImageFormat::Png,
            ImageFormat::WebP,
            ImageFormat::Bmp,
            ImageFormat::Tiff,
            ImageFormat::Gif,
        ] {
            let mut file = std::io::Cursor::new(Vec::new());
            // Not every format has every kind.
            if kind.write_to(&mut file, format).is_ok() {
                made.push((format!("{format:?} of {:?}", kind.color()), file.into_inner()));
            }
        }
    }
    made.push(("GIF with a frame of its own".to_owned(), gif_of_a_part(&picture)));
    made
}

/// A GIF whose frame is a column narrower than its screen.
fn gif_of_a_part(picture: &DynamicImage) -> Vec<u8> {
    let mut file = encoded(picture, ImageFormat::Gif);
    // The screen's width, behind the signature.
    let width = u16::from_le_bytes([file[6], file[7]]) + 1;
    file[6..8].copy_from_slice(&width.to_le_bytes());
    file
}

/// Bits from the lowest of each byte on.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    count: usize,
}

impl Bits {
    fn push(&mut self, value: usize, count: usize) {
        for bit in 0..count {
            if self.count.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let last = self.bytes.len() - 1;
            self.bytes[last] |=
                ((value.checked_shr(bit as u32).unwrap_or(0) & 1) as u8) << (self.count % 8);
            self.count += 1;
        }
    }

    /// A code of one symbol.
    fn single(&mut self, symbol: usize) {
        self.push(0b101, 3);
        self.push(symbol, 8);
    }
}

/// A lossless WebP of 16x16 pixels with so many groups of Huffman tables, in each of which green
/// has 2048 codes of 11 bits.
pub(crate) fn webp_of_groups(groups: usize) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.push(0x2F, 8);
    bits.push(15, 14);
    bits.push(15, 14);
    // No transparency, version 0, no transform; a colour cache of 11 bits; groups of tables.
    bits.push(0, 1 + 3 + 1);
    bits.push(1, 1);
    bits.push(11, 4);
    bits.push(1, 1);
    bits.push(0, 3);
    // The group of each block of 4x4 pixels: the last one for all. No cache; five codes.
    bits.push(0, 1);
    bits.single((groups - 1) & 255);
    bits.single((groups - 1) >> 8);
    (0..3).for_each(|_| bits.single(0));
    for _ in 0..groups {
        // Lengths of code lengths, in the standard's order: only 11 has one.
        bits.push(0, 1);
        bits.push(15 - 4, 4);
        (0..14).for_each(|_| bits.push(0, 3));
        bits.push(1, 3);
        // 2048 symbols, in a number of 12 bits, less two.
        bits.push(1, 1);
        bits.push(5, 3);
        bits.push(2046, 12);
        (0..4).for_each(|_| bits.single(0));
    }
    // The first green for every pixel.
    bits.push(0, 16 * 16 * 11);
    let chunk = |name: &[u8; 4], data: &[u8]| {
        let padding = vec![0; data.len() % 2];
        [&name[..], &(data.len() as u32).to_le_bytes(), data, &padding].concat()
    };
    chunk(b"RIFF", &[&b"WEBP"[..], &chunk(b"VP8L", &bits.bytes)].concat())
}

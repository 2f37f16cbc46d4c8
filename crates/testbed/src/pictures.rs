//! Pictures that tests make: every format, every kind of JPEG, every orientation.

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
pub use mozjpeg::ColorSpace;

/// A smooth picture without any symmetry, so that every turn and flip is told apart.
#[must_use]
pub fn scene(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let corner = x < width / 3 && y < height / 4;
        let blue = if corner { 250 } else { 40 };
        Rgb([(255 * x / width) as u8, (255 * y / height) as u8, blue])
    })
}

/// `picture` as a file of `format`.
///
/// # Panics
/// When the format cannot hold it.
#[must_use]
pub fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut file, format).expect("the format holds the picture");
    file.into_inner()
}

/// How a JPEG is written.
#[derive(Debug, Clone, Default)]
pub struct Jpeg {
    /// In scans of growing detail.
    pub progressive: bool,
    /// An EXIF block, as [`exif`] makes them.
    pub exif: Option<Vec<u8>>,
}

impl Jpeg {
    /// A picture in colour.
    #[must_use]
    pub fn of(&self, picture: &RgbImage) -> Vec<u8> {
        self.of_samples(picture.as_raw(), picture.dimensions(), ColorSpace::JCS_RGB)
    }

    /// Samples of any colour space.
    ///
    /// # Panics
    /// When there are not as many samples as the size asks for.
    #[must_use]
    pub fn of_samples(
        &self,
        samples: &[u8],
        (width, height): (u32, u32),
        space: ColorSpace,
    ) -> Vec<u8> {
        let mut writer = mozjpeg::Compress::new(space);
        writer.set_size(width as usize, height as usize);
        if self.progressive {
            writer.set_progressive_mode();
        } else {
            writer.set_fastest_defaults();
        }
        writer.set_quality(92.0);
        let mut writer = writer.start_compress(Vec::new()).expect("memory can be written to");
        if let Some(exif) = &self.exif {
            writer.write_marker(mozjpeg::Marker::APP(1), exif);
        }
        writer.write_scanlines(samples).expect("there are as many samples as pixels");
        writer.finish().expect("memory can be written to")
    }
}

/// The least EXIF block that holds an orientation.
#[must_use]
pub fn exif(orientation: u16) -> Vec<u8> {
    let head = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01";
    [&head[..], &orientation.to_be_bytes(), &[0; 6]].concat()
}

/// `upright` as a camera stores it for each EXIF orientation: the inverse of what a viewer must do
/// (CIPA DC-008).
#[must_use]
pub fn stored_for_every_orientation(upright: &DynamicImage) -> [(u16, RgbImage); 8] {
    let stored = [
        upright.clone(),
        upright.fliph(),
        upright.rotate180(),
        upright.flipv(),
        upright.rotate90().fliph(),
        upright.rotate270(),
        upright.rotate270().fliph(),
        upright.rotate90(),
    ];
    let mut orientation = 0;
    stored.map(|picture| {
        orientation += 1;
        (orientation, picture.into_rgb8())
    })
}

/// `gray` as a PNG of 256 palette entries.
///
/// # Panics
/// Never: memory can be written to.
#[must_use]
pub fn palette_png(gray: &image::GrayImage) -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = png::Encoder::new(&mut file, gray.width(), gray.height());
    writer.set_color(png::ColorType::Indexed);
    writer.set_depth(png::BitDepth::Eight);
    writer.set_palette((0..=255).flat_map(|level| [level; 3]).collect::<Vec<u8>>());
    let mut writer = writer.write_header().expect("memory can be written to");
    writer.write_image_data(gray.as_raw()).expect("memory can be written to");
    drop(writer);
    file
}

/// A PNG that claims `side` x `side` pixels and holds none of them.
#[must_use]
pub fn png_bomb(side: u32) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |name: &[u8; 4], data: &[u8]| {
        let body = [&name[..], data].concat();
        file.extend((data.len() as u32).to_be_bytes());
        file.extend(&body);
        file.extend(crc32(&body).to_be_bytes());
    };
    let side = side.to_be_bytes();
    chunk(b"IHDR", &[&side[..], &side, &[8, 2, 0, 0, 0]].concat());
    chunk(b"IDAT", b"");
    file
}

/// The checksum of PNG and zip.
#[must_use]
pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 }
        })
    })
}

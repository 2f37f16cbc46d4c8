//! The picture formats, as their first bytes announce them.

use image::ImageFormat;
use serde::Serialize;

/// The picture formats read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Baseline and progressive, in colour, gray or CMYK.
    Jpeg,
    /// All bit depths, palettes and transparency.
    Png,
    /// Lossy and lossless; of an animation, the first frame.
    WebP,
    /// Windows bitmaps.
    Bmp,
    /// The first page.
    Tiff,
    /// The first frame.
    Gif,
}

/// Each format with its name and the `image` crate's name for it.
const FORMATS: [(Format, &str, ImageFormat); 6] = [
    (Format::Jpeg, "JPEG", ImageFormat::Jpeg),
    (Format::Png, "PNG", ImageFormat::Png),
    (Format::WebP, "WebP", ImageFormat::WebP),
    (Format::Bmp, "BMP", ImageFormat::Bmp),
    (Format::Tiff, "TIFF", ImageFormat::Tiff),
    (Format::Gif, "GIF", ImageFormat::Gif),
];

impl Format {
    /// The format that the first bytes announce. File names and media types are not consulted.
    #[must_use]
    pub fn sniff(bytes: &[u8]) -> Option<Self> {
        let announced = image::guess_format(bytes).ok()?;
        FORMATS.iter().find(|(_, _, codec)| *codec == announced).map(|(format, ..)| *format)
    }

    /// The `image` crate's name for the format.
    pub(crate) fn codec(self) -> ImageFormat {
        FORMATS[self as usize].2
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(FORMATS[*self as usize].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_formats() {
        for (i, (format, ..)) in FORMATS.into_iter().enumerate() {
            assert_eq!(format as usize, i);
        }
    }
}

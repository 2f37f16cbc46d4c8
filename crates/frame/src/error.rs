//! Why bytes did not become a picture.

use crate::format::Format;

/// Why [`decode`](crate::decode()) gave no frame. Every variant is a fact about the bytes.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// There are no bytes.
    #[error("there are no bytes to read a picture from")]
    Empty,
    /// The first bytes belong to none of the formats of [`Format`].
    #[error("the bytes are not a JPEG, PNG, WebP, BMP, TIFF or GIF picture")]
    UnknownFormat,
    /// The format is known, but this kind of it is not supported (a rare TIFF compression, say).
    #[error("this kind of {format} picture is not supported")]
    UnsupportedKind {
        /// The format that the first bytes announce.
        format: Format,
        /// The decoder's error.
        source: CodecError,
    },
    /// The header announces more pixels than [`Limits`](crate::Limits) allow. Nothing was decoded.
    #[error("the picture is {width}x{height} px; its longer side may be {max_side_px} px at most")]
    TooLarge {
        /// Width in the header, pixels.
        width: u32,
        /// Height in the header, pixels.
        height: u32,
        /// The limit that it exceeds, pixels.
        max_side_px: u32,
    },
    /// The bytes end before the picture does.
    #[error("the {format} picture is cut short")]
    CutShort {
        /// The format that the first bytes announce.
        format: Format,
    },
    /// The bytes contradict themselves.
    #[error("the {format} picture is corrupt or cut short")]
    Corrupt {
        /// The format that the first bytes announce.
        format: Format,
        /// The decoder's error.
        source: CodecError,
    },
}

/// The decoding library's error.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The JPEG's data contradict themselves.
    #[error("the JPEG data contradict themselves")]
    Jpeg,
    /// The JPEG has more scans than any camera or browser writes. Such files keep a decoder busy
    /// for minutes.
    #[error("the JPEG has more than {limit} scans")]
    Scans {
        /// The maximum number of scans.
        limit: usize,
    },
    /// The JPEG's colour space is unknown.
    #[error("the colours of the JPEG are of an unknown kind")]
    Colours,
    /// The TIFF's directory cannot be read.
    #[error(transparent)]
    Tiff(tiff::TiffError),
    /// The TIFF's compression is not supported.
    #[error("the TIFF's compression {compression} is not read")]
    TiffCompression {
        /// Its number in the directory.
        compression: u32,
    },
    /// From the decoder of any other format.
    #[error(transparent)]
    Image(#[from] image::ImageError),
    /// The header gives a side of zero pixels.
    #[error("the header gives a size of {width}x{height} px")]
    NoPixels {
        /// Width in the header, pixels.
        width: u32,
        /// Height in the header, pixels.
        height: u32,
    },
}

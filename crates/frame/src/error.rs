//! Why bytes did not become a picture.

use crate::decode::Format;

/// Why [`decode`](crate::decode()) gave no frame. Every variant is a fact about the bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// There are no bytes.
    #[error("there are no bytes to read a picture from")]
    Empty,
    /// The first bytes belong to none of the formats read here.
    #[error("the bytes are not a JPEG, PNG, WebP, BMP, TIFF or GIF picture")]
    UnknownFormat,
    /// The format is known, but this kind of it is not read (an exotic TIFF compression, say).
    #[error("this kind of {format} picture is not supported")]
    UnsupportedKind {
        /// What the first bytes say.
        format: Format,
        /// What the decoder says.
        source: CodecError,
    },
    /// The header announces more pixels than [`Limits`](crate::Limits) allow. Nothing was decoded.
    #[error("the picture is {width}x{height} px; its longer side may be {max_side_px} px at most")]
    TooLarge {
        /// Width in the header, pixels.
        width: u32,
        /// Height in the header, pixels.
        height: u32,
        /// The limit it is over, pixels.
        max_side_px: u32,
    },
    /// The bytes end before the picture does.
    #[error("the {format} picture is cut short")]
    CutShort {
        /// What the first bytes say.
        format: Format,
    },
    /// The bytes contradict themselves.
    #[error("the {format} picture is corrupt or cut short")]
    Corrupt {
        /// What the first bytes say.
        format: Format,
        /// What the decoder says.
        source: CodecError,
    },
}

/// What the decoding library had to say.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The JPEG decoder met data that contradict themselves.
    #[error("the JPEG data contradict themselves")]
    Jpeg,
    /// The JPEG is made of more scans than any camera or browser writes: a way to make a decoder work
    /// for minutes.
    #[error("the JPEG has more than {limit} scans")]
    Scans {
        /// The most that are taken.
        limit: usize,
    },
    /// The JPEG keeps its colours in a way that nobody displays.
    #[error("the colours of the JPEG are of an unknown kind")]
    Colours,
    /// The TIFF's directory cannot be read.
    #[error(transparent)]
    Tiff(tiff::TiffError),
    /// The TIFF wraps something else.
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

/// A pixel buffer does not hold what its size says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{found} bytes given for a picture that takes {expected}, and takes at least one pixel")]
pub struct PixelCountError {
    /// Bytes the size asks for.
    pub expected: usize,
    /// Bytes given.
    pub found: usize,
}

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
    /// The bytes contradict themselves, or reading them takes more memory than is allowed
    /// ([`CodecError::Memory`]).
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
    /// From the JPEG reader.
    #[error(transparent)]
    Jpeg(jpeg::Error),
    /// Reading the picture would take more memory than [`Limits`](crate::Limits) allow.
    #[error("reading it takes {needed} bytes of memory; {limit} are allowed")]
    Memory {
        /// Memory that it takes, bytes.
        needed: usize,
        /// The limit, bytes.
        limit: u64,
    },
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

//! Why bytes did not become a picture.

use crate::format::Format;

const MEBIBYTE: u64 = 1 << 20;

/// Why [`decode`](crate::decode()) gave no frame. Every variant but
/// [`DecodeError::Stopped`] is a fact about the bytes.
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
    /// Decoding would take more memory than [`Limits`](crate::Limits) allow. Nothing was decoded.
    #[error(
        "reading this {format} picture takes {} MiB of memory, {} are allowed; send it as a baseline JPEG or smaller",
        needed_bytes.div_ceil(MEBIBYTE), limit_bytes / MEBIBYTE
    )]
    TooMuchMemory {
        /// The format that the first bytes announce.
        format: Format,
        /// Memory that decoding takes at most, bytes.
        needed_bytes: u64,
        /// The limit, bytes.
        limit_bytes: u64,
    },
    /// Decoding would take longer than is allowed for a picture whose decoder cannot be stopped.
    /// Nothing was decoded.
    #[error(
        "reading this {format} picture takes about {estimated_ms} ms without a pause, {limit_ms} are allowed; send it as a baseline JPEG or smaller"
    )]
    TooMuchWork {
        /// The format that the first bytes announce.
        format: Format,
        /// Estimated time on one core, milliseconds.
        estimated_ms: u64,
        /// The limit, milliseconds.
        limit_ms: u64,
    },
    /// The caller asked to stop. This is the only variant that says nothing about the bytes.
    #[error("reading the picture was stopped")]
    Stopped,
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
    /// From the JPEG reader.
    #[error(transparent)]
    Jpeg(jpeg::Error),
    /// The header contradicts itself.
    #[error("{0}")]
    Header(&'static str),
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

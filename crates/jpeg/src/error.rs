//! Why a JPEG was not read.

/// Why bytes did not become pixels. Every variant but [`Error::Stopped`] is a fact about the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes do not begin with a JPEG's marker.
    #[error("the bytes do not begin with a start-of-image marker")]
    NotJpeg,
    /// The bytes end before the end-of-image marker.
    #[error("the bytes end before the end-of-image marker")]
    CutShort,
    /// The bytes contradict themselves or the standard, so that pixels are missing or wrong.
    #[error("{0}")]
    Damaged(&'static str),
    /// There are more scans than any camera or browser writes. Each costs a pass over the picture.
    #[error("there are more than {limit} scans")]
    Scans {
        /// The maximum number of scans.
        limit: usize,
    },
    /// A kind of JPEG that the standard knows and this crate does not read.
    #[error("{0}")]
    Unsupported(Unsupported),
    /// The caller asked to stop.
    #[error("reading was stopped")]
    Stopped,
}

/// A kind of JPEG that is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// Samples of other than 8 bits.
    #[error("its samples have {bits} bits instead of 8")]
    Precision {
        /// Bits of a sample.
        bits: u8,
    },
    /// Lossless coding (SOF3, 7, 11 and 15).
    #[error("it is coded without loss")]
    Lossless,
    /// Hierarchical coding (SOF5, 6, 13 and 14, and DHP).
    #[error("it is coded as a hierarchy of pictures")]
    Hierarchical,
    /// The height is not in the header but in a marker behind the first scan (DNL).
    #[error("its height is not in its header but behind the first scan (DNL)")]
    Dnl,
    /// Another number of components than 1, 3 or 4.
    #[error("it has {0} components instead of 1, 3 or 4")]
    Components(usize),
    /// Sampling factors of which one is not a multiple of the other, or too many blocks in an MCU.
    #[error("its components are sampled in an unusual ratio")]
    Sampling,
}

//! Bytes of a JPEG in, RGB8 pixels out, in full or reduced while decoding.
//!
//! The models were trained on what libjpeg-turbo decodes, and this reader equals it to the bit. The
//! bytes come from strangers: a picture that is not whole is an error, never half a picture.
//!
//! Baseline, extended and progressive JPEGs of 8 bits are read, Huffman or arithmetically coded, of
//! one or several scans, with or without restart markers, of every sampling with whole ratios,
//! gray, RGB, YCbCr, CMYK and YCCK (ITU-T T.81).

mod arithmetic;
mod band;
mod bits;
mod block;
mod coding;
mod coefficients;
mod colour;
mod error;
mod header;
mod huffman;
mod lanes;
mod layout;
mod markers;
mod paint;
mod progressive;
mod reader;
mod scan;
mod sequential;
mod tables;
mod transform;
mod upsample;

pub use error::{Error, Unsupported};
pub use header::Header;
pub use reader::Reader;

//! Bytes of a JPEG in, RGB8 pixels out.
mod arithmetic;
mod block;
mod error;
mod layout;

pub use error::{Error, Unsupported};

//! Bytes of a JPEG in, RGB8 pixels out.
#![allow(dead_code, reason = "the reader of the bytes comes next")]
mod block;
mod colour;
mod error;
mod lanes;
mod layout;
mod paint;
mod transform;
mod upsample;

pub use error::{Error, Unsupported};

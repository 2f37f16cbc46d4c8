//! Bytes of a picture in, RGB8 pixels and model tensors out.
//!
//! The bytes come from strangers, so [`Decoder`] refuses early and with a named error. It reads the
//! format from the bytes themselves, then the size from the header, and only then the pixels. A
//! picture that is cut short or corrupt is an error, never half a picture.
//!
//! A [`Frame`] is the picture as a person sees it, with its EXIF orientation applied. [`Resampler`]
//! resizes a [`View`] of it as OpenCV does, because the models were trained that way.
//! [`TensorSpec::fill`] lays the result out for a model. Where no model sees the pixels,
//! `fast_image_resize` resizes them: `scale.rs` for pictures, [`LumaSampler`] for measures.
//! `alter.rs` makes pictures worse, so that an evaluation can measure how a score changes.
//!
//! This crate knows no model, no thread, no file and no log.

mod alter;
mod bmp;
mod decode;
mod demand;
mod error;
mod format;
mod frame;
mod geometry;
mod gif;
mod jpeg;
mod kept;
mod limits;
mod luma;
mod needs;
mod png;
mod raw;
mod reduction;
mod resample;
mod scale;
mod source;
mod still;
mod tensor;
mod tiff;
mod turn;
mod vectorized;
mod webp;
mod webp_tables;

pub use alter::EncodeJpegError;
pub use decode::{Decoder, Picture, decode};
pub use demand::{COSTLY_BYTES, Demand, demand};
pub use error::{CodecError, DecodeError};
pub use format::Format;
pub use frame::{Frame, PixelCountError, View};
pub use geometry::{Delta, Part, PixelRect, Point, Rect, Size};
pub use kept::KEPT_BYTES;
pub use limits::Limits;
pub use luma::LumaSampler;
pub use reduction::Reduction;
pub use resample::{Filter, Resampler};
pub use tensor::{Channels, TensorSpec};
pub use turn::Turn;

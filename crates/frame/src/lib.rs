//! Bytes of a picture in, RGB8 pixels and model tensors out.
//!
//! Takes bytes from strangers, so it refuses early and by name: [`Decoder`] reads the format from the
//! bytes themselves, the size from the header, and only then the pixels; a picture that is cut short
//! or corrupt is an error, never half a picture. A [`Frame`] is the picture as a person sees it, with
//! its EXIF orientation applied. [`Resampler`] shrinks or enlarges a [`View`] of it the way OpenCV
//! does, because that is what the models were trained with, and [`TensorSpec::fill`] lays the result
//! out for them. `alter.rs` makes pictures worse, to measure what that does to a score.
//!
//! What it does not do: no model, no thread, no file, no log line.

mod alter;
mod bin;
mod decode;
mod error;
mod frame;
mod geometry;
mod jpeg;
mod jpeg_markers;
mod kept;
mod limits;
mod luma;
mod resample;
mod tensor;
mod tiff;
mod turn;
mod webp;

pub use alter::EncodeJpegError;
pub use decode::{Decoder, Format, Picture, Reduction, decode};
pub use error::{CodecError, DecodeError, PixelCountError};
pub use frame::{Frame, View};
pub use geometry::{Delta, Part, PixelRect, Point, Rect, Size};
pub use limits::Limits;
pub use luma::LumaSampler;
pub use resample::{Filter, Resampler};
pub use tensor::{Channels, TensorSpec};
pub use turn::Turn;

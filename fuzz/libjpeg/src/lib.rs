//! libjpeg (mozjpeg, which decodes as libjpeg-turbo does) as the crate `jpeg` is compared with it:
//! strict, so that every warning about a picture's data is an error. And pictures made with it.
//!
//! For tests and fuzzing only. This is the one place with `unsafe`.

mod compare;
mod decode;
mod errors;
mod made;
mod markers;
mod script;

pub use compare::{Comparison, compare};
pub use decode::{Decoded, Refusal, decode};
pub use made::Made;

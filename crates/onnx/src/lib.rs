//! ONNX Runtime behind safe, checked types: the only crate that names `ort`.
//!
//! A [`Runtime`] is the shared library, loaded once by the program. A [`Model`] is one session on
//! one [`Device`], owned by one worker thread; its graph's names, types and shapes are compared with
//! a [`Signature`] when it is loaded, so that a wrong file is refused before the first request. The file's
//! own claims are read before that ([`inspect()`]): one that names other files, or asks for more memory than
//! a model may have, never reaches ONNX Runtime.
//!
//! What it does not do: no picture, no meaning of an output, no download.

mod batch;
mod cards;
mod device;
mod engines;
mod error;
mod fault;
mod fields;
mod gpu;
mod graph;
mod input_sizes;
mod inspect;
mod log;
mod model;
mod open_batch;
mod openvino;
mod profile;
mod rewrite;
mod runtime;
mod signature;

pub use batch::{Batching, Tally};
pub use device::{Device, UnknownDevice};
pub use error::{ModelError, RuntimeError};
pub use fault::GpuFault;
pub use gpu::Card;
pub use graph::{Graph, Port};
pub use inspect::{InspectError, MOST_TENSOR_BYTES, inspect};
pub use model::{Model, Outputs};
pub use profile::{ProfileError, Providers, Ran};
pub use rewrite::prelu_as_max;
pub use runtime::{Runtime, preload};
pub use signature::{Dim, OutputSignature, Shape, Signature};

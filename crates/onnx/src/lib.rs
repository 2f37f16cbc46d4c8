//! ONNX Runtime behind safe, checked types: the only crate that names `ort`.
//!
//! A [`Runtime`] is the shared library, loaded once by the program. A [`Model`] is one model on one
//! [`Device`], owned by one worker thread. Loading it compares the graph's names, types and shapes
//! with a [`Signature`], so that a wrong file is refused before the first request. [`inspect()`]
//! reads the file before that: ONNX Runtime never gets a file that names other files, or asks for
//! more memory than a model may have.
//!
//! This crate knows no picture, no meaning of an output, and downloads nothing.

mod cards;
mod cpu;
mod declared_input;
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
mod run_group;
mod runtime;
mod session;
mod signature;

pub use cards::Card;
pub use device::{Device, UnknownDevice};
pub use error::{ModelError, RuntimeError, chain};
pub use fault::GpuFault;
pub use graph::{Graph, Port};
pub use inspect::{InspectError, Inspected, MOST_TENSOR_BYTES, inspect};
pub use model::{Model, Outputs};
pub use profile::{ProfileError, Providers, Ran};
pub use rewrite::prelu_as_max;
pub use run_group::{Grouping, Tally};
pub use runtime::{Runtime, preload};
pub use signature::{Dim, OutputSignature, Shape, Signature};

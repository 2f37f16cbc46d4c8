//! Model packs: their manifests, the hashes of their files, and their sources.
//!
//! A pack is a directory with a `pack.toml` ([`Manifest`]) and the ONNX files that it names.
//! [`Pack::open`] checks every file's hash. An [`Installer`] brings the packs of the [`catalog()`],
//! ONNX Runtime and the sample portrait into a [`Home`] directory, from the first source that
//! works. The hash decides whether a file is the right one.
//!
//! This crate runs no model. The pipeline checks a pack's golden vectors on the device that will
//! serve.

mod artifact;
mod bounds;
mod catalog;
mod check;
mod digest;
mod fetch;
mod file;
mod golden;
mod home;
mod install;
mod levels;
mod manifest;
pub mod nvidia;
mod pack;
mod receipt;
mod source;
mod text;

pub use anti_spoof::{Activation, Calibration, Crop, Fusion, Spec as ScorerSpec};

pub use artifact::{Artifact, Bulk, PlaceError};
pub use bounds::MOST_MODEL_BYTES;
pub use catalog::{Library, catalog, preferred, runtime_library, sample_portrait};
pub use check::is_plain;
pub use digest::Digest;
pub use fetch::FetchError;
pub use golden::{Golden, GoldenPicture};
pub use home::Home;
pub use install::{Attempt, Event, InstallError, Installer, Options};
pub use levels::{Levels, OperatingPoint, SecurityLevel};
pub use manifest::{Detector, Evaluation, Landmarker, Manifest, ManifestError, Model, Scorer};
pub use pack::{Pack, PackError};
pub use source::Source;
pub use text::inline_toml;

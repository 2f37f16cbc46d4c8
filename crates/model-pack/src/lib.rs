//! Model packs: what they say, whether their files are the right ones, and where to get them.
//!
//! A pack is a directory with a `pack.toml` ([`Manifest`]) and the ONNX files that it names. Opening
//! one ([`Pack::open`]) checks every file's hash. The packs that Livegate knows ([`catalog()`]), the
//! ONNX Runtime library and the sample portrait are brought into a [`Home`] directory by an
//! [`Installer`], from whichever source answers; the hash decides, not the source.
//!
//! What it does not do: it runs no model. Whether a pack's golden vectors hold is for the pipeline
//! to find out, on the device that will serve.

mod artifact;
mod bounds;
mod catalog;
mod check;
mod digest;
mod fetch;
mod golden;
mod home;
mod install;
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
pub use digest::Digest;
pub use fetch::FetchError;
pub use golden::{Golden, GoldenPicture};
pub use home::Home;
pub use install::{Attempt, Event, InstallError, Installer, Options};
pub use manifest::{
    Detector, Evaluation, Landmarker, Levels, Manifest, ManifestError, OperatingPoint, Scorer,
    SecurityLevel, is_plain,
};
pub use pack::{Pack, PackError};
pub use source::Source;
pub use text::inline_toml;

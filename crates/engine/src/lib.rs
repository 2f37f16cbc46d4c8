//! From an installed home and a configuration to pipelines: what `livegate serve`, the other
//! commands and the `laboratory` share.

pub mod auto;
pub mod config;
pub mod core_files;
pub mod device;
mod engine;
pub mod exit;
pub mod flags;
pub mod home;
pub mod install;
pub mod picture_file;
pub mod progress;
pub mod runtime;
pub mod signals;
pub mod terminal;
mod usage_error;

pub use self::engine::Engine;
pub use self::home::Place;
pub use self::usage_error::UsageError;

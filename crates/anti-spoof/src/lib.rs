//! Scores a face for presentation attacks: `&Frame` and [`Rect`] in, [`Assessment`] out.
//!
//! Each scorer of a pack is a [`Classifier`]: it cuts the region that its model was trained on,
//! fills a tensor and turns the model's output into a probability. [`Fusion`] makes one probability
//! of several. [`Calibration`] moves it so that 0.5 is the pack's measured operating point.
//!
//! This crate knows no face detector, no threshold and no verdict.
//!
//! [`Rect`]: frame::Rect

mod classifier;
mod crop;
mod error;
mod fusion;
mod score;
mod scorer;
mod spec;

pub use classifier::Classifier;
pub use crop::Crop;
pub use error::ScoreError;
pub use fusion::{Calibration, Fusion, MOST_LOG_ODDS};
pub use score::{ModelScore, Score, ScoreRangeError};
pub use scorer::{Assessment, Scorer};
pub use spec::{Activation, Spec};

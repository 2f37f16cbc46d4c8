//! How probably the face in a rectangle of a frame is a living one: `&Frame` and [`Rect`] in,
//! [`Assessment`] out.
//!
//! Each scorer of a pack is a [`Classifier`]: it cuts the region that its model was trained on, fills
//! a tensor and turns the model's output into a probability. [`Fusion`] makes one number of several,
//! [`Calibration`] places it so that 0.5 means the pack's measured operating point.
//!
//! What it does not do: it knows no face detector, no threshold and no verdict.
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
pub use score::{Score, ScoreRangeError};
pub use scorer::{Assessment, ModelScore, Scorer};
pub use spec::{Activation, Spec};

//! Errors of scorers.

use onnx::ModelError;

use crate::score::ScoreRangeError;

/// Why a scorer could not be loaded or gave no score.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScoreError {
    /// A model cannot be loaded, differs from its spec, or failed.
    #[error("the scorer `{scorer}` failed")]
    Model {
        /// Its id in the pack.
        scorer: std::sync::Arc<str>,
        /// The model's error.
        source: ModelError,
    },
    /// The bona fide class is not among the model's classes.
    #[error("the scorer `{scorer}` has {classes} classes; class {live_class} is not one of them")]
    LiveClass {
        /// Its id in the pack.
        scorer: std::sync::Arc<str>,
        /// Number of classes.
        classes: usize,
        /// The class that the spec names.
        live_class: usize,
    },
    /// A model's output is no probability, not a number for example.
    #[error("the scorer `{scorer}` gave no probability")]
    NoProbability {
        /// Its id in the pack.
        scorer: std::sync::Arc<str>,
        /// The output.
        source: ScoreRangeError,
    },
    /// Fusion or calibration of the probabilities gave no score.
    #[error("fusion and calibration gave no score")]
    NoScore(#[from] ScoreRangeError),
    /// The caller asked to stop.
    #[error("the scoring was stopped")]
    Stopped,
    /// The rectangle to score is not finite or has no area.
    #[error("the rectangle to score has no area")]
    NoArea,
}

//! Why there is no score.

use onnx::ModelError;

use crate::score::ScoreRangeError;

/// Why a scorer could not be loaded or gave no score.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScoreError {
    /// A model cannot be loaded, is another one, or failed.
    #[error("the scorer `{scorer}` failed")]
    Model {
        /// Its id in the pack.
        scorer: std::sync::Arc<str>,
        /// What went wrong.
        source: ModelError,
    },
    /// The bona fide class is not among the model's classes.
    #[error("the scorer `{scorer}` has {classes} classes; class {live_class} is not one of them")]
    LiveClass {
        /// Its id in the pack.
        scorer: std::sync::Arc<str>,
        /// How many there are.
        classes: usize,
        /// The one that was named.
        live_class: usize,
    },
    /// A model's output is no probability (not a number, say).
    #[error("the scorer `{scorer}` gave no probability")]
    NoProbability {
        /// Its id in the pack.
        scorer: std::sync::Arc<str>,
        /// What it gave.
        source: ScoreRangeError,
    },
    /// Fusion and calibration of good probabilities gave something else.
    #[error("fusion and calibration gave no score")]
    NoScore(#[from] ScoreRangeError),
    /// The rectangle to score is not finite or has no area.
    #[error("the rectangle to score has no area")]
    NoArea,
}

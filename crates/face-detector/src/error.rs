//! Why no faces could be looked for.

use onnx::ModelError;

/// Why a detector could not be loaded or did not answer. "No face" is an answer, not an error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetectError {
    /// The model cannot be loaded, is another one, or failed.
    #[error("the face detector failed")]
    Model(#[from] ModelError),
    /// The same of the landmarker.
    #[error("the landmarker failed")]
    Landmarker(#[source] ModelError),
    /// Its outputs do not go together.
    #[error("the face detector gave {found} values where its input calls for {expected}")]
    Grid {
        /// Values that the input's size calls for.
        expected: usize,
        /// Values that came.
        found: usize,
    },
    /// The landmarker's answer is not numbers.
    #[error("the landmarker gave something else than numbers")]
    NoNumber,
}

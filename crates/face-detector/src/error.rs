//! Errors of detectors and landmarkers.

use onnx::ModelError;

/// Why a detector or landmarker could not be loaded or failed. Finding no face is not an error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetectError {
    /// The detector's model cannot be loaded, differs from its spec, or failed.
    #[error("the face detector failed")]
    Model(#[from] ModelError),
    /// The landmarker's model cannot be loaded, differs from its spec, or failed.
    #[error("the landmarker failed")]
    Landmarker(#[source] ModelError),
    /// The detector's outputs contradict each other or the input's size.
    #[error("the face detector gave {found} values where its input calls for {expected}")]
    Grid {
        /// Values that the input's size calls for.
        expected: usize,
        /// Values in the output.
        found: usize,
    },
    /// The caller asked to stop.
    #[error("the search for faces was stopped")]
    Stopped,
    /// The landmarker's output is not finite.
    #[error("the landmarker gave something else than numbers")]
    NoNumber,
}

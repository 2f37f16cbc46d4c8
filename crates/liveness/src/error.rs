//! Errors of loading and of checks.

use anti_spoof::ScoreError;
use face_detector::DetectError;
use frame::DecodeError;
use model_pack::SecurityLevel;
use onnx::{Device, ProfileError};

use crate::golden_error::GoldenError;

/// A check failed. The first three are faults of the picture, the fourth of the terms, the last two
/// of the service.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The bytes are not a picture of a supported kind.
    #[error(transparent)]
    UnsupportedPicture(DecodeError),
    /// The picture is corrupt or truncated.
    #[error(transparent)]
    UnreadablePicture(DecodeError),
    /// The picture has more pixels, or takes more memory or time to decode, than the limit.
    #[error(transparent)]
    PictureTooLarge(DecodeError),
    /// The pack has no threshold for this level.
    #[error("the pack `{pack}` has no threshold for the security level `{level}`")]
    NoSuchLevel {
        /// The level.
        level: SecurityLevel,
        /// The pack's name.
        pack: String,
    },
    /// The caller asked to stop.
    #[error("the check was stopped")]
    Stopped,
    /// The detector failed.
    #[error(transparent)]
    Detect(DetectError),
    /// A scorer failed.
    #[error(transparent)]
    Score(ScoreError),
}

impl CheckError {
    /// True for a fault of the service, not of the picture or the terms.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Detect(_) | Self::Score(_))
    }
}

impl From<DecodeError> for CheckError {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Empty
            | DecodeError::UnknownFormat
            | DecodeError::UnsupportedKind { .. } => Self::UnsupportedPicture(error),
            DecodeError::TooLarge { .. }
            | DecodeError::TooMuchMemory { .. }
            | DecodeError::TooMuchWork { .. } => Self::PictureTooLarge(error),
            DecodeError::Stopped => Self::Stopped,
            // `DecodeError` may grow; every other kind is about data.
            _ => Self::UnreadablePicture(error),
        }
    }
}

impl From<DetectError> for CheckError {
    fn from(error: DetectError) -> Self {
        match error {
            DetectError::Stopped => Self::Stopped,
            error => Self::Detect(error),
        }
    }
}

impl From<ScoreError> for CheckError {
    fn from(error: ScoreError) -> Self {
        match error {
            ScoreError::Stopped => Self::Stopped,
            error => Self::Score(error),
        }
    }
}

/// A pipeline cannot serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The detector or the landmarker cannot be loaded.
    #[error("the model `{id}` of the pack cannot be used")]
    Detector {
        /// Its id in the pack.
        id: String,
        /// The cause.
        source: DetectError,
    },
    /// A scorer cannot be loaded.
    #[error("a scorer of the pack cannot be used")]
    Scorer(#[source] ScoreError),
    /// The pack does not reproduce its golden vectors here.
    #[error("the pack does not reproduce its golden vectors on this device")]
    Golden(#[from] GoldenError),
    /// A model ran on another device than the configured one.
    #[error(
        "the device {device} was asked for, and {nodes} nodes of the model `{id}` ran on {provider}, the first {first}; use --device cpu"
    )]
    RanElsewhere {
        /// Its id in the pack.
        id: String,
        /// The configured device.
        device: Device,
        /// The execution provider that ran nodes instead.
        provider: String,
        /// Number of nodes that it must not run.
        nodes: usize,
        /// Operator and name of the first of them.
        first: String,
    },
    /// ONNX Runtime gave no profile to check the device with.
    #[error("it cannot be shown that models run on the device {device}")]
    NotWatched {
        /// The configured device.
        device: Device,
        /// The cause.
        source: ProfileError,
    },
    /// The detector finds no face in the drawn face.
    #[error("the detector finds no face in the golden picture; is it fed as it should be?")]
    NoFace,
    /// The drawn face was not scored after loading.
    #[error("the warm-up failed")]
    WarmUp(#[source] ProofError),
}

/// A pipeline no longer gives the results that it gave when it was loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The drawn face could not be checked.
    #[error("the drawn face could not be checked")]
    Check(#[from] CheckError),
    /// The drawn face was checked, but not scored.
    #[error("the drawn face was not scored")]
    NoScore,
    /// A scorer gave other log-odds than at the start.
    #[error("the scorer `{scorer}` answers log-odds {found:.4}; at the start it was {expected:.4}")]
    LogOdds {
        /// Its id in the pack.
        scorer: String,
        /// At the start.
        expected: f64,
        /// Now.
        found: f64,
    },
}

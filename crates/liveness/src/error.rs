//! What can go wrong, at start-up and with a selfie.

use anti_spoof::ScoreError;
use face_detector::DetectError;
use frame::DecodeError;
use model_pack::SecurityLevel;
use onnx::{Device, GpuFault, ProfileError};

use crate::self_test::GoldenError;

/// Why a selfie got no report. The first three are about the picture, the fourth about the terms, the others about us.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// Not a picture, or of a kind that is not read.
    #[error(transparent)]
    UnsupportedPicture(DecodeError),
    /// Corrupt or cut short.
    #[error(transparent)]
    UnreadablePicture(DecodeError),
    /// More pixels than are taken.
    #[error(transparent)]
    PictureTooLarge(DecodeError),
    /// The pack has no threshold for this level.
    #[error("the pack `{pack}` has no threshold for the security level `{level}`")]
    NoSuchLevel {
        /// What was asked for.
        level: SecurityLevel,
        /// Of which pack.
        pack: String,
    },
    /// The detector failed.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// A scorer failed.
    #[error(transparent)]
    Score(#[from] ScoreError),
}

impl CheckError {
    /// Whether it is a fault of this side, and none of the picture's or the terms'.
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
            DecodeError::TooLarge { .. } => Self::PictureTooLarge(error),
            // Corrupt, cut short, and whatever the decoder may come to refuse.
            _ => Self::UnreadablePicture(error),
        }
    }
}

/// Why a pipeline does not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The detector or the landmarker cannot be loaded.
    #[error("the model `{id}` of the pack cannot be used")]
    Detector {
        /// Its id in the pack.
        id: String,
        /// Why not.
        source: DetectError,
    },
    /// A scorer cannot be loaded.
    #[error("a scorer of the pack cannot be used")]
    Scorer(#[source] ScoreError),
    /// The pack does not reproduce its golden vectors here.
    #[error("the pack does not reproduce its golden vectors on this device")]
    Golden(#[from] GoldenError),
    /// A model ran on something else than was asked for.
    #[error(
        "the device {device} was asked for, and {nodes} nodes of the model `{id}` ran on {provider}, the first {first}; use --device cpu"
    )]
    RanElsewhere {
        /// Its id in the pack.
        id: String,
        /// What was asked for.
        device: Device,
        /// The execution provider that ran nodes of it instead.
        provider: String,
        /// How many of those that had no business there.
        nodes: usize,
        /// What the first of them does, and its name.
        first: String,
    },
    /// It cannot be shown that models run on the device that was asked for.
    #[error("it cannot be shown that models run on the device {device}")]
    NotWatched {
        /// Which.
        device: Device,
        /// Why not.
        source: ProfileError,
    },
    /// The detector finds no face in the picture that golden vectors are recorded with.
    #[error("the detector finds no face in the golden picture; is it fed as it should be?")]
    NoFace,
    /// The warm-up picture could not be checked.
    #[error("the warm-up picture could not be checked")]
    WarmUp(#[source] CheckError),
    /// It could, and was not scored.
    #[error("the warm-up picture was not scored")]
    NoScore,
}

/// What ails the GPU that models were to run on, where `error` or one of its causes tells that.
#[must_use]
pub fn gpu_fault(error: &(dyn std::error::Error + 'static)) -> Option<GpuFault> {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.find_map(|cause| GpuFault::of(&cause.to_string()))
}

/// Why a pipeline that has served is not to be trusted any more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The drawn face could not be checked.
    #[error("the drawn face could not be checked")]
    Check(#[from] CheckError),
    /// It could, and was not scored.
    #[error("the drawn face was not scored")]
    NoScore,
    /// A scorer says something else than when the pipeline was loaded.
    #[error("the scorer `{scorer}` answers log-odds {found:.4}; at the start it was {expected:.4}")]
    LogOdds {
        /// Its id in the pack.
        scorer: String,
        /// What it said at the start.
        expected: f64,
        /// What it says now.
        found: f64,
    },
}

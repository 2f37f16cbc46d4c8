//! One selfie in, one report out. Start with [`Pipeline::check`], the whole walk.
//!
//! ```text
//! decode -> detect -> select -> gate -> score -> decide -> Report
//! ```
//!
//! Each step takes the result of the step before. A picture without a face, with several, or too
//! small is [`Verdict::NotAssessed`] with the [`Reason`]s, never a spoof. An error is never a
//! verdict.
//!
//! The crate knows no HTTP and no JSON, and starts no thread.

mod decide;
mod diagnose;
mod error;
mod gate;
mod golden_error;
mod models;
mod pipeline;
mod providers;
mod quality;
mod reason;
mod record;
mod report;
mod select;
mod self_test;
mod settings;
mod terms;

pub use anti_spoof::{Assessment, ModelScore, Score};
pub use face_detector::{DetectError, Face, Landmarks};
pub use frame::{COSTLY_BYTES, DecodeError, Demand, Format, Rect, Size, Turn};
pub use model_pack::{Digest, SecurityLevel};
pub use onnx::{Device, GpuFault, ProfileError, chain};

pub use decide::{Threshold, ThresholdError, Verdict};
pub use error::{CheckError, LoadError, ProofError};
pub use golden_error::{Diagnosis, GoldenError, Mismatch};
pub use pipeline::Pipeline;
pub use providers::{ModelProviders, NodeElsewhere, Watched};
pub use reason::{Reason, ReasonCode, Severity};
pub use record::record;
pub use report::{JudgedFace, Judgement, PackIdentity, Report, Timings};
pub use settings::{Consequence, InvalidSetting, Settings, Severities};
pub use terms::{Bar, Terms};

/// Checks selfies. [`Pipeline`] does; the tests of the service have checkers without models, which
/// are slow, fail or panic.
pub trait Check: Send {
    /// Checks one selfie. `stop` is asked again and again, between rows of pixels and between
    /// models; when it returns true, the check ends soon.
    ///
    /// # Errors
    /// When `selfie` is not a picture that can be judged, or a model fails; and
    /// [`CheckError::Stopped`].
    fn check(
        &mut self,
        selfie: &[u8],
        terms: &Terms,
        stop: &dyn Fn() -> bool,
    ) -> Result<Report, CheckError>;

    /// The most that a check of `selfie` takes, from the picture's header. No pixel is decoded, so
    /// this takes microseconds.
    ///
    /// # Errors
    /// When `selfie` is no picture, or one over the limits.
    fn demand(&self, selfie: &[u8]) -> Result<Demand, CheckError>;

    /// Checks a picture with a known result. An idle worker calls this, to find a broken pipeline
    /// before a request does.
    ///
    /// # Errors
    /// When there is no result, or another one than at the start.
    fn prove(&mut self) -> Result<(), ProofError>;
}

impl Check for Pipeline {
    fn check(
        &mut self,
        selfie: &[u8],
        terms: &Terms,
        stop: &dyn Fn() -> bool,
    ) -> Result<Report, CheckError> {
        self.check(selfie, terms, stop)
    }

    fn demand(&self, selfie: &[u8]) -> Result<Demand, CheckError> {
        self.demand(selfie)
    }

    fn prove(&mut self) -> Result<(), ProofError> {
        self.prove()
    }
}

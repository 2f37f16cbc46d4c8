//! One selfie in, one report out. **Start reading here**: [`Pipeline::check`] is the whole walk.
//!
//! ```text
//! decode -> detect -> select -> gate -> score -> decide -> Report
//! ```
//!
//! Each step takes the value of the one before. A picture that cannot be judged fairly (no face,
//! several, too small) is `NotAssessed` with the [`Reason`]s, never a spoof; an error never ends in a
//! verdict at all.
//!
//! What it does not do: no HTTP, no JSON, no thread.

mod decide;
mod diagnose;
mod error;
mod gate;
mod pipeline;
mod providers;
mod quality;
mod reason;
mod record;
mod report;
mod select;
mod self_test;
mod settings;

pub use anti_spoof::{ModelScore, Score};
pub use face_detector::{DetectError, Face, Landmarks};
pub use frame::{DecodeError, Format, Rect, Size, Turn};
pub use model_pack::{Digest, SecurityLevel};
pub use onnx::{Device, GpuFault, ProfileError};

pub use decide::{Threshold, ThresholdError, Verdict};
pub use diagnose::Diagnosis;
pub use error::{CheckError, LoadError, ProofError, gpu_fault};
pub use pipeline::Pipeline;
pub use providers::{ModelProviders, NodeElsewhere, Watched};
pub use reason::{Reason, ReasonCode, Severity};
pub use record::record;
pub use report::{Judgement, PackIdentity, Report, Timings};
pub use self_test::GoldenError;
pub use settings::{Bar, Consequence, InvalidSetting, Settings, Severities, Terms};

/// Whatever can check a selfie. The service is written against this, so that its own tests can be
/// slow, failing or panicking without a model.
pub trait Check: Send {
    /// One selfie in, one report out.
    ///
    /// # Errors
    /// When the bytes are no picture that can be judged, or a model fails.
    fn check(&mut self, selfie: &[u8], terms: &Terms) -> Result<Report, CheckError>;

    /// One inference through all of it, on a picture whose answer is known: for a worker that has had nothing
    /// to infer for a while, so that one that broke in silence is found before a caller does.
    ///
    /// # Errors
    /// When there is no answer, or another one than before.
    fn prove(&mut self) -> Result<(), ProofError>;
}

impl Check for Pipeline {
    fn check(&mut self, selfie: &[u8], terms: &Terms) -> Result<Report, CheckError> {
        self.check(selfie, terms)
    }

    fn prove(&mut self) -> Result<(), ProofError> {
        self.prove()
    }
}

//! The result of one check.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anti_spoof::{Assessment, ModelScore, Score};
use face_detector::Face;
use frame::{Format, Size, Turn};
use model_pack::{Digest, SecurityLevel};
use onnx::Device;
use schemars::JsonSchema;
use serde::Serialize;

use crate::decide::{Threshold, Verdict};
use crate::reason::{Reason, ReasonCode};

/// The result of one check. It holds no pixels. Places are in pixels of the picture as it was sent,
/// after its EXIF orientation.
#[derive(Debug, Clone)]
pub struct Report {
    /// The judgement of the picture, and of the face chosen in it.
    pub judgement: Arc<Judgement>,
    /// The threshold that `judgement` was made with.
    pub threshold: Threshold,
    /// The security level that chose the threshold, if one did.
    pub level: Option<SecurityLevel>,
    /// The picture's file format.
    pub format: Format,
    /// Length of the file, bytes.
    pub bytes: usize,
    /// The picture's size after its EXIF orientation.
    pub picture: Size,
    /// EXIF orientation of the file, 1 to 8; 1 is upright.
    pub exif_orientation: u8,
    /// The decoder reduced the picture this many times, in both directions: 1, 2, 4 or 8.
    pub reduction: usize,
    /// The turn that made the face upright for the models.
    pub turn: Turn,
    /// Every face found, largest first.
    pub faces: Vec<JudgedFace>,
    /// The pack in use.
    pub pack: Arc<PackIdentity>,
    /// The device that ran the scorers.
    pub device: Device,
    /// Duration of each step.
    pub timings: Timings,
}

/// A face of the picture.
#[derive(Debug, Clone)]
pub struct JudgedFace {
    /// Its box and landmarks.
    pub face: Face,
    /// The judgement of this face alone. None unless
    /// [`Terms::every_face`](crate::Terms::every_face) was set, and for all faces but the 16
    /// largest.
    pub judgement: Option<Arc<Judgement>>,
}

/// The judgement of one face, or of a picture without one.
#[derive(Debug)]
pub struct Judgement {
    /// The decision.
    pub verdict: Verdict,
    /// The scorers' result; none if the face was not assessed.
    pub assessment: Option<Assessment>,
    /// Limits that the picture or the face misses.
    pub reasons: Vec<Reason>,
    /// Limits that this pack has no means to check.
    pub unchecked: Vec<ReasonCode>,
}

impl Judgement {
    /// Fused and calibrated score; none if the face was not assessed.
    #[must_use]
    pub fn score(&self) -> Option<Score> {
        self.assessment.as_ref().map(|assessment| assessment.score)
    }

    /// Each model's own result; empty if the face was not assessed.
    #[must_use]
    pub fn models(&self) -> &[ModelScore] {
        self.assessment.as_ref().map_or(&[], |assessment| &assessment.models)
    }
}

/// The pack in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PackIdentity {
    /// Its name.
    pub name: String,
    /// The digest of its manifest, which holds the digests of its files.
    pub digest: Digest,
}

/// Duration of each step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timings {
    /// Bytes to pixels.
    pub decode: Duration,
    /// Pixels to faces.
    pub detect: Duration,
    /// Select, gate, score and decide.
    pub score: Duration,
    /// The whole check.
    pub total: Duration,
}

/// A stopwatch for consecutive steps.
pub(crate) struct Clock {
    start: Instant,
    last: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let now = Instant::now();
        Self { start: now, last: now }
    }

    /// Time since the last lap.
    pub(crate) fn lap(&mut self) -> Duration {
        let now = Instant::now();
        now - std::mem::replace(&mut self.last, now)
    }

    /// Time from the start to the last lap.
    pub(crate) fn total(&self) -> Duration {
        self.last - self.start
    }
}

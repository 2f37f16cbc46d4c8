//! All that is known about one selfie in the end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anti_spoof::{ModelScore, Score};
use face_detector::Face;
use frame::{Format, Size, Turn};
use model_pack::{Digest, SecurityLevel};
use onnx::Device;
use schemars::JsonSchema;
use serde::Serialize;

use crate::decide::{Threshold, Verdict};
use crate::reason::{Reason, ReasonCode};

/// All that is known about one selfie in the end. Holds no pixels.
#[derive(Debug, Clone)]
pub struct Report {
    /// What is said of it.
    pub verdict: Verdict,
    /// How living it looks; none if it was not assessed.
    pub score: Option<Score>,
    /// The models' answers fused, before calibration; none if it was not assessed.
    pub fused: Option<Score>,
    /// What the score was held against.
    pub threshold: Threshold,
    /// The security level that this threshold comes from, if one was chosen.
    pub level: Option<SecurityLevel>,
    /// What stood in the way, or nearly.
    pub reasons: Vec<Reason>,
    /// What was not looked at, because the pack has no means to.
    pub unchecked: Vec<ReasonCode>,
    /// What the picture came as.
    pub format: Format,
    /// How large it came, bytes.
    pub bytes: usize,
    /// The picture's size as a person sees it.
    pub picture: Size,
    /// How it was stored, as EXIF numbers it (1 to 8; 1 is upright); undone before anything else.
    pub exif_orientation: u8,
    /// Pixels of the picture, across and down, for one that was looked at: 1 if it was decoded in full.
    pub reduction: usize,
    /// By how much the picture was turned so that its face is upright; models see it so.
    pub turn: Turn,
    /// Every face found, largest first, in the picture as it was sent; the score is that of the first.
    pub faces: Vec<Face>,
    /// What is said of the first of `faces`, in their order, each by itself; empty unless asked for.
    pub judgements: Vec<Judgement>,
    /// What each model said, before fusion and calibration, and what it saw of the picture as it was sent; empty if it
    /// was not assessed.
    pub models: Vec<ModelScore>,
    /// Which pack answered.
    pub pack: Arc<PackIdentity>,
    /// What it ran on.
    pub device: Device,
    /// How long each step took.
    pub timings: Timings,
}

/// What is said of one face.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// What comes of the score.
    pub verdict: Verdict,
    /// How living it looks; none if it was not assessed.
    pub score: Option<Score>,
    /// The models' answers fused, before calibration; none if it was not assessed.
    pub fused: Option<Score>,
    /// What stood in the way, or nearly.
    pub reasons: Vec<Reason>,
    /// What was not looked at, because the pack has no means to.
    pub unchecked: Vec<ReasonCode>,
    /// What each model said; empty if it was not assessed.
    pub models: Vec<ModelScore>,
}

/// Which pack answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PackIdentity {
    /// Its name.
    pub name: String,
    /// The digest of its manifest, and so of everything in it.
    pub digest: Digest,
}

/// How long each step took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timings {
    /// Bytes to pixels.
    pub decode: Duration,
    /// Pixels to faces.
    pub detect: Duration,
    /// Select, gate and score.
    pub score: Duration,
    /// All of it.
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

    /// Time up to the last lap.
    pub(crate) fn total(&self) -> Duration {
        self.last - self.start
    }
}

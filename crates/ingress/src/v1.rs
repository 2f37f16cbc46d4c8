//! Our own, richer answer: everything that the report has.

use std::collections::BTreeMap;

use liveness::{Face, Reason, ReasonCode, Report, Score, SecurityLevel, Timings, Verdict};
use schemars::JsonSchema;
use serde::Serialize;

use crate::envelope::{Arrival, Stamp};

/// What `POST /v1/liveness` answers.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "V1Answer")]
pub(crate) struct V1Answer<'a> {
    #[serde(flatten)]
    stamp: Stamp,
    #[serde(flatten)]
    report: ReportFields<'a>,
}

impl<'a> V1Answer<'a> {
    pub(crate) fn new(arrival: Arrival, report: &'a Report) -> Self {
        Self { stamp: Stamp::now(arrival), report: ReportFields::of(report) }
    }
}

/// A report as `POST /v1/liveness` and `livegate verify --json` write it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ReportFields<'a> {
    /// What is said of the selfie.
    verdict: Verdict,
    /// How living it looks, from 0 to 1; null if it was not assessed.
    #[schemars(range(min = 0.0, max = 1.0))]
    score: Option<f64>,
    /// What the score was held against.
    #[schemars(range(min = 0.0, max = 1.0))]
    threshold: f64,
    /// The level that the threshold comes from; null if none was chosen.
    security_level: Option<SecurityLevel>,
    /// What stood in the way of a verdict, or nearly.
    reasons: &'a [Reason],
    /// What was not looked at, because this pack has no means to.
    unchecked: &'a [ReasonCode],
    /// What was sent.
    picture: Picture,
    /// Every face found, the largest first. The score is that of the first.
    faces: &'a [Face],
    /// Each net's own probability of a living face, by its id, before fusion and calibration; empty if it was not assessed.
    models: BTreeMap<&'a str, f64>,
    /// How many times the face box each net saw; the picture's edges may leave less than it asks for.
    crop_scales: BTreeMap<&'a str, f32>,
    /// Which model pack answered.
    pack: Pack<'a>,
    /// What models ran on.
    device: String,
    /// How long each step took, milliseconds.
    timings_ms: TimingsMs,
}

/// What was sent, as a person sees it.
#[derive(Debug, Serialize, JsonSchema)]
struct Picture {
    /// Pixels from left to right, as a person sees it.
    width: usize,
    /// Pixels from top to bottom.
    height: usize,
    /// By how many degrees clockwise it had to be turned so that its face is upright: 0, 90, 180 or 270.
    turned_degrees: u16,
    /// How many of its pixels, across and down, became one: 1, 2, 4 or 8. Large JPEGs are decoded smaller.
    reduction: usize,
}

/// A model pack.
#[derive(Debug, Serialize, JsonSchema)]
struct Pack<'a> {
    /// Its name.
    name: &'a str,
    /// The digest of its manifest, and so of everything in it.
    #[schemars(with = "liveness::Digest")]
    digest: String,
}

/// How long each step took, milliseconds.
#[derive(Debug, Serialize, JsonSchema)]
struct TimingsMs {
    /// Bytes to pixels.
    decode: f64,
    /// Pixels to faces.
    detect: f64,
    /// Everything from choosing the face to its score.
    score: f64,
    /// All of it.
    total: f64,
}

impl<'a> ReportFields<'a> {
    /// The fields of `report`.
    #[must_use]
    pub fn of(report: &'a Report) -> Self {
        let Timings { decode, detect, score, total } = report.timings;
        let [decode, detect, score, total] =
            [decode, detect, score, total].map(|t| (t.as_secs_f64() * 1e6).round() / 1e3);
        Self {
            verdict: report.verdict,
            score: report.score.map(Score::get),
            threshold: report.threshold.get(),
            security_level: report.level,
            reasons: &report.reasons,
            unchecked: &report.unchecked,
            picture: Picture {
                width: report.picture.width,
                height: report.picture.height,
                turned_degrees: report.turn.degrees(),
                reduction: report.reduction,
            },
            faces: &report.faces,
            models: report.models.iter().map(|model| (&*model.id, model.live.get())).collect(),
            crop_scales: report.models.iter().map(|model| (&*model.id, model.crop_scale)).collect(),
            pack: Pack { name: &report.pack.name, digest: report.pack.digest.to_string() },
            device: report.device.to_string(),
            timings_ms: TimingsMs { decode, detect, score, total },
        }
    }
}

//! Our own, richer answer: everything that the report has.

use std::collections::BTreeMap;

use liveness::{
    Face, Format, Judgement, ModelScore, Reason, ReasonCode, Rect, Report, Score, SecurityLevel,
    Timings, Verdict,
};
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
#[schemars(rename = "Report")]
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
    faces: Vec<FaceFields<'a>>,
    #[serde(flatten)]
    models: ModelFields<'a>,
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
    /// What its bytes are.
    format: Format,
    /// How many there are.
    bytes: usize,
    /// Pixels from left to right, as a person sees it.
    width: usize,
    /// Pixels from top to bottom.
    height: usize,
    /// The EXIF orientation that it came with; 1 where it has none.
    #[schemars(range(min = 1, max = 8))]
    exif_orientation: u8,
    /// By how many degrees clockwise it had to be turned beyond that, so that its face is upright: 0, 90, 180 or 270.
    turned_degrees: u16,
    /// How many of its pixels, across and down, became one: 1, 2, 4 or 8. Large JPEGs are decoded smaller.
    reduction: usize,
}

/// A face, in pixels of the picture as a person sees it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Face")]
struct FaceFields<'a> {
    #[serde(flatten)]
    face: &'a Face,
    /// What is said of this face by itself; only with `?faces=all`, and of the first 16.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "JudgementFields<'_>")]
    assessment: Option<JudgementFields<'a>>,
}

/// What is said of one face by itself.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Assessment")]
struct JudgementFields<'a> {
    /// What is said of this face.
    verdict: Verdict,
    /// How living it looks, from 0 to 1; null if it was not assessed.
    #[schemars(range(min = 0.0, max = 1.0))]
    score: Option<f64>,
    /// What stood in the way of a verdict, or nearly.
    reasons: &'a [Reason],
    /// What was not looked at, because this pack has no means to.
    unchecked: &'a [ReasonCode],
    #[serde(flatten)]
    models: ModelFields<'a>,
}

/// What each scorer said and saw, by its id.
#[derive(Debug, Serialize, JsonSchema)]
struct ModelFields<'a> {
    /// Each net's own probability of a living face, by its id, before fusion and calibration; empty if it was not assessed.
    models: BTreeMap<&'a str, f64>,
    /// How many times the face box each net saw; the picture's edges may leave less than it asks for.
    crop_scales: BTreeMap<&'a str, f32>,
    /// Where in the picture each net looked, pixels; what lies outside, it saw as a reflection.
    crops: BTreeMap<&'a str, Rect>,
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
        let judgements = report.judgements.iter().map(|it| Some(JudgementFields::of(it)));
        let judgements = judgements.chain(std::iter::repeat_with(|| None));
        let faces = report.faces.iter().zip(judgements);
        Self {
            verdict: report.verdict,
            score: report.score.map(Score::get),
            threshold: report.threshold.get(),
            security_level: report.level,
            reasons: &report.reasons,
            unchecked: &report.unchecked,
            picture: Picture {
                format: report.format,
                bytes: report.bytes,
                width: report.picture.width,
                height: report.picture.height,
                exif_orientation: report.exif_orientation,
                turned_degrees: report.turn.degrees(),
                reduction: report.reduction,
            },
            faces: faces.map(|(face, assessment)| FaceFields { face, assessment }).collect(),
            models: ModelFields::of(&report.models),
            pack: Pack { name: &report.pack.name, digest: report.pack.digest.to_string() },
            device: report.device.to_string(),
            timings_ms: TimingsMs { decode, detect, score, total },
        }
    }
}

impl<'a> JudgementFields<'a> {
    fn of(judgement: &'a Judgement) -> Self {
        Self {
            verdict: judgement.verdict,
            score: judgement.score.map(Score::get),
            reasons: &judgement.reasons,
            unchecked: &judgement.unchecked,
            models: ModelFields::of(&judgement.models),
        }
    }
}

impl<'a> ModelFields<'a> {
    fn of(models: &'a [ModelScore]) -> Self {
        Self {
            models: models.iter().map(|model| (&*model.id, model.live.get())).collect(),
            crop_scales: models.iter().map(|model| (&*model.id, model.crop_scale)).collect(),
            crops: models.iter().map(|model| (&*model.id, model.crop)).collect(),
        }
    }
}

//! Our own, richer answer: everything that the report has.

use std::collections::BTreeMap;

use liveness::{
    Face, Format, Judgement, ModelScore, Reason, ReasonCode, Rect, Report, Score, SecurityLevel,
    Timings, Verdict,
};
use serde::Serialize;

use crate::envelope::{Arrival, Stamp};

/// What `POST /v1/liveness` answers.
#[derive(Serialize)]
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
#[derive(Debug, Serialize)]
pub struct ReportFields<'a> {
    verdict: Verdict,
    score: Option<f64>,
    threshold: f64,
    security_level: Option<SecurityLevel>,
    reasons: &'a [Reason],
    unchecked: &'a [ReasonCode],
    picture: Picture,
    faces: Vec<FaceFields<'a>>,
    #[serde(flatten)]
    models: ModelFields<'a>,
    pack: Pack<'a>,
    device: String,
    timings_ms: TimingsMs,
}

#[derive(Debug, Serialize)]
struct Picture {
    format: Format,
    bytes: usize,
    width: usize,
    height: usize,
    exif_orientation: u8,
    turned_degrees: u16,
    reduction: usize,
}

#[derive(Debug, Serialize)]
struct FaceFields<'a> {
    #[serde(flatten)]
    face: &'a Face,
    #[serde(skip_serializing_if = "Option::is_none")]
    assessment: Option<JudgementFields<'a>>,
}

/// What is said of one face by itself.
#[derive(Debug, Serialize)]
struct JudgementFields<'a> {
    verdict: Verdict,
    score: Option<f64>,
    reasons: &'a [Reason],
    unchecked: &'a [ReasonCode],
    #[serde(flatten)]
    models: ModelFields<'a>,
}

/// What each scorer said and saw, by its id.
#[derive(Debug, Serialize)]
struct ModelFields<'a> {
    models: BTreeMap<&'a str, f64>,
    crop_scales: BTreeMap<&'a str, f32>,
    crops: BTreeMap<&'a str, Rect>,
}

#[derive(Debug, Serialize)]
struct Pack<'a> {
    name: &'a str,
    digest: String,
}

#[derive(Debug, Serialize)]
struct TimingsMs {
    decode: f64,
    detect: f64,
    score: f64,
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

//! The response of `/v1`: everything that the report has.

use std::collections::BTreeMap;

use liveness::{
    Face, Format, JudgedFace, Judgement, ModelScore, Reason, ReasonCode, Rect, Report, Score,
    SecurityLevel, Timings, Verdict,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::arrival::{Arrival, Stamp};
use crate::respond::milliseconds;

/// The response of `POST /v1/liveness`.
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
    /// The verdict on the selfie.
    verdict: Verdict,
    /// From 0 (an attack) to 1 (a living person); null if the selfie was not assessed.
    #[schemars(range(min = 0.0, max = 1.0))]
    score: Option<f64>,
    /// A score from this on is live.
    #[schemars(range(min = 0.0, max = 1.0))]
    threshold: f64,
    /// The level that the threshold comes from; null if no level was chosen.
    security_level: Option<SecurityLevel>,
    /// Why the selfie was not assessed, and warnings.
    reasons: &'a [Reason],
    /// The reasons that this pack cannot check.
    unchecked: &'a [ReasonCode],
    /// The picture that was sent.
    picture: Picture,
    /// All faces, the largest first. The score is the first face's.
    faces: Vec<FaceFields<'a>>,
    #[serde(flatten)]
    models: ModelFields<'a>,
    /// The model pack that judged the selfie.
    pack: Pack<'a>,
    /// The device that the models ran on.
    device: String,
    /// The time of each step, milliseconds.
    timings_ms: TimingsMs,
}

/// The picture that was sent. Its size is the one after its EXIF orientation.
#[derive(Debug, Serialize, JsonSchema)]
struct Picture {
    /// The format of its bytes.
    format: Format,
    /// The number of bytes.
    bytes: usize,
    /// Pixels from left to right.
    width: usize,
    /// Pixels from top to bottom.
    height: usize,
    /// The EXIF orientation that it came with; 1 if it has none.
    #[schemars(range(min = 1, max = 8))]
    exif_orientation: u8,
    /// The further turn that makes the face upright, degrees clockwise: 0, 90, 180 or 270.
    turned_degrees: u16,
    /// Pixels of the picture, across and down, for each decoded pixel: 1, 2, 4 or 8. Large JPEGs
    /// are decoded smaller.
    reduction: usize,
}

/// A face, in pixels of the picture after its EXIF orientation.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Face")]
struct FaceFields<'a> {
    #[serde(flatten)]
    face: &'a Face,
    /// The verdict on this face by itself; only with `?faces=all`, for the first 16 faces.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "JudgementFields<'_>")]
    assessment: Option<JudgementFields<'a>>,
}

/// The verdict on one face by itself.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Assessment")]
struct JudgementFields<'a> {
    /// The verdict on this face.
    verdict: Verdict,
    /// From 0 (an attack) to 1 (a living person); null if the face was not assessed.
    #[schemars(range(min = 0.0, max = 1.0))]
    score: Option<f64>,
    /// Why the face was not assessed, and warnings.
    reasons: &'a [Reason],
    /// The reasons that this pack cannot check.
    unchecked: &'a [ReasonCode],
    #[serde(flatten)]
    models: ModelFields<'a>,
}

/// The result and the crop of each scorer, by its id.
#[derive(Debug, Serialize, JsonSchema)]
struct ModelFields<'a> {
    /// Each model's probability of a living face, by the model's id, before fusion and calibration;
    /// empty if the face was not assessed.
    models: BTreeMap<&'a str, f64>,
    /// The side of each model's crop over the face box's. The picture's edges may make it smaller.
    crop_scales: BTreeMap<&'a str, f32>,
    /// Each model's crop, in pixels of the picture. Parts outside the picture are filled by
    /// reflection.
    crops: BTreeMap<&'a str, Rect>,
}

/// A model pack.
#[derive(Debug, Serialize, JsonSchema)]
struct Pack<'a> {
    /// The pack's name.
    name: &'a str,
    /// The digest of the pack's manifest, and so of everything in the pack.
    #[schemars(with = "liveness::Digest")]
    digest: String,
}

/// The time of each step, milliseconds.
#[derive(Debug, Serialize, JsonSchema)]
struct TimingsMs {
    /// Bytes to pixels.
    decode: f64,
    /// Pixels to faces.
    detect: f64,
    /// From selecting the face to its score.
    score: f64,
    /// All steps.
    total: f64,
}

impl<'a> ReportFields<'a> {
    /// The fields of `report`.
    #[must_use]
    pub fn of(report: &'a Report) -> Self {
        let Timings { decode, detect, score, total } = report.timings;
        let [decode, detect, score, total] = [decode, detect, score, total].map(milliseconds);
        let judgement = &report.judgement;
        let face = |JudgedFace { face, judgement }: &'a JudgedFace| FaceFields {
            face,
            assessment: judgement.as_deref().map(JudgementFields::of),
        };
        Self {
            verdict: judgement.verdict,
            score: judgement.score().map(Score::get),
            threshold: report.threshold.get(),
            security_level: report.level,
            reasons: &judgement.reasons,
            unchecked: &judgement.unchecked,
            picture: Picture {
                format: report.format,
                bytes: report.bytes,
                width: report.picture.width,
                height: report.picture.height,
                exif_orientation: report.exif_orientation,
                turned_degrees: report.turn.degrees(),
                reduction: report.reduction,
            },
            faces: report.faces.iter().map(face).collect(),
            models: ModelFields::of(judgement.models()),
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
            score: judgement.score().map(Score::get),
            reasons: &judgement.reasons,
            unchecked: &judgement.unchecked,
            models: ModelFields::of(judgement.models()),
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

//! Our own, richer answer: everything that the report has.

use std::collections::BTreeMap;

use liveness::{Face, Reason, ReasonCode, Report, Score, SecurityLevel, Timings, Verdict};
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
    faces: &'a [Face],
    models: BTreeMap<&'a str, f64>,
    crop_scales: BTreeMap<&'a str, f32>,
    pack: Pack<'a>,
    device: String,
    timings_ms: TimingsMs,
}

#[derive(Debug, Serialize)]
struct Picture {
    width: usize,
    height: usize,
    turned_degrees: u16,
    reduction: usize,
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

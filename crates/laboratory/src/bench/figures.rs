//! The figures of a run, as the JSON has them.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::latency::Latency;
use super::load::Measured;
use super::stages::STAGES;
use crate::rounding::rounded;

/// The measurement: the host, the pictures that were sent, and the points of the sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Figures {
    pub setup: Setup,
    pub pictures: Vec<Picture>,
    pub points: Vec<Point>,
}

impl Figures {
    /// The number of requests that failed.
    pub(super) fn errors(&self) -> usize {
        self.points.iter().map(|point| point.errors).sum()
    }
}

/// The program, the host and the settings of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Setup {
    pub livegate: String,
    /// `release` or `debug`.
    pub build: String,
    pub platform: String,
    pub cpu_model: String,
    /// Cores that the program may use.
    pub cores_usable: usize,
    pub pack: String,
    pub pack_digest: String,
    /// The device of the models, as reports name it.
    pub device: String,
    /// ONNX Runtime's name of its execution provider.
    pub provider: String,
    /// ONNX Runtime's own description of its build.
    pub onnxruntime: String,
    pub workers: usize,
    /// The settings that scores depend on ([`crate::settings::scoring_settings`]).
    pub settings: BTreeMap<String, String>,
    pub seconds_per_point: f64,
}

/// A picture that was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Picture {
    pub name: String,
    pub width_px: usize,
    pub height_px: usize,
    pub bytes: usize,
    /// Picture pixels per decoded pixel, across and down.
    pub reduction: usize,
    /// The source of the picture.
    pub made_of: String,
    /// `live`, `spoof` or `not_assessed`; the latter has no score.
    pub verdict: String,
    /// The codes of the reasons in the report.
    pub reasons: Vec<String>,
}

/// The modes, as figures name them.
pub(super) const IN_PROCESS: &str = "in-process";
pub(super) const HTTP: &str = "http";

/// The place of a point in its sweep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// `in-process` or `http`.
    pub mode: String,
    pub picture: String,
    /// Requests under way at once.
    pub concurrency: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mode, picture, concurrency } = self;
        write!(f, "{mode}, {picture}, {concurrency} at once")
    }
}

/// One point of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Point {
    #[serde(flatten)]
    pub position: Position,
    /// Duration of the measurement.
    pub seconds: f64,
    /// Requests answered with 200 in that time.
    pub requests: usize,
    /// Requests that failed, those of the warm-up included.
    pub errors: usize,
    pub errors_by_kind: BTreeMap<String, usize>,
    pub requests_per_s: f64,
    /// Per core that the program may use.
    pub requests_per_s_per_core: f64,
    /// From the request to the end of its response; none without a response.
    pub latency: Option<Latency>,
    /// The stages of the latency; empty where the service does not send them.
    pub stages: BTreeMap<String, Latency>,
    /// CPU time of the serving process; none where the system does not tell.
    pub cpu_s_per_request: Option<f64>,
    /// CPU time of the callers' process, where that is another.
    pub client_cpu_s_per_request: Option<f64>,
    /// Number of the machine's cores that worked for other processes.
    pub cores_busy_elsewhere: Option<f64>,
    /// Peak resident memory of the serving process.
    pub peak_memory_bytes: Option<u64>,
}

impl Point {
    pub(super) fn of(position: Position, measured: Measured, cores_usable: usize) -> Self {
        let Measured { served, errors, elapsed, peak_memory_bytes, cpu, client_cpu, machine_cpu } =
            measured;
        let (requests, seconds) = (served.len(), elapsed.as_secs_f64());
        let requests_per_s = requests as f64 / seconds;
        let stage = |(stage, name): (usize, &&str)| {
            let known = served.iter().filter_map(|request| request.stages.get(stage));
            Some(((*name).to_owned(), Latency::of(known)?))
        };
        let per_request =
            |cpu: Duration| (requests > 0).then(|| rounded(cpu.as_secs_f64() / requests as f64));
        let ours = cpu.map(|cpu| cpu + client_cpu.unwrap_or_default());
        let elsewhere = machine_cpu.zip(ours).map(|(all, ours)| all.saturating_sub(ours));
        Self {
            position,
            seconds: rounded(seconds),
            requests,
            errors: errors.values().sum(),
            errors_by_kind: errors,
            requests_per_s: rounded(requests_per_s),
            requests_per_s_per_core: rounded(requests_per_s / cores_usable as f64),
            latency: Latency::of(served.iter().map(|request| request.latency)),
            stages: STAGES.iter().enumerate().filter_map(stage).collect(),
            cpu_s_per_request: cpu.and_then(per_request),
            client_cpu_s_per_request: client_cpu.and_then(per_request),
            cores_busy_elsewhere: elsewhere.map(|cpu| rounded(cpu.as_secs_f64() / seconds)),
            peak_memory_bytes,
        }
    }
}

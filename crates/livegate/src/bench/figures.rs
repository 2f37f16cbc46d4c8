//! A run in figures, as the JSON has them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use super::bound::Bound;
use super::compare::Comparison;
use super::load::Measured;
use super::nets::Nets;
use super::stages::STAGES;
use crate::keys::Unusable;

/// What the files call themselves.
const SCHEMA: &str = "livegate-bench";
/// Goes up with every change that readers of older files could not take.
const SCHEMA_VERSION: u64 = 1;

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Run {
    pub schema: String,
    pub schema_version: u64,
    #[serde(with = "time::serde::rfc3339")]
    pub measured_at: OffsetDateTime,
    pub setup: Setup,
    pub pictures: Vec<Picture>,
    pub points: Vec<Point>,
    /// The nets alone; empty where that was not asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nets: Vec<Nets>,
    /// What the host would need more of to do more, as far as that can be told from these figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Bound>,
    /// With another run; of points that both have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
}

/// What was measured, and on what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Setup {
    pub livegate: String,
    /// `release` or `debug`.
    pub build: String,
    /// Whether it decodes JPEG with the machine's vector instructions.
    pub jpeg_simd: bool,
    pub platform: String,
    pub cpu_model: String,
    /// Cores that the program may use.
    pub cores_usable: usize,
    pub pack: String,
    pub pack_digest: String,
    /// What the models ran on, as the reports have it.
    pub device: String,
    /// ONNX Runtime's name of that.
    pub provider: String,
    /// ONNX Runtime's own description of its build.
    pub onnxruntime: String,
    pub workers: usize,
    /// Limits on pictures and bodies, and what is not the default in `liveness`.
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
    /// Its pixels, across and down, for one that was looked at.
    pub reduction: usize,
    /// What it was made of.
    pub made_of: String,
    /// `live`, `spoof` or `not_assessed`: then models were not asked for a score.
    pub verdict: String,
    /// What stood in the way, or nearly.
    pub reasons: Vec<String>,
}

/// Where in a sweep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// `in-process` or `http`.
    pub mode: String,
    pub picture: String,
    /// Requests under way at once.
    pub concurrency: usize,
}

/// One point of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Point {
    #[serde(flatten)]
    pub position: Position,
    /// How long it was measured.
    pub seconds: f64,
    /// Answered in that time.
    pub requests: usize,
    /// Not answered, or not with 200; those of the warm-up too.
    pub errors: usize,
    pub errors_by_kind: BTreeMap<String, usize>,
    pub requests_per_s: f64,
    /// Of the cores that the program may use.
    pub requests_per_s_per_core: f64,
    /// From asking to the end of the answer; none where nothing was answered.
    pub latency: Option<Latency>,
    /// What it went into; empty where that is not told.
    pub stages: BTreeMap<String, Latency>,
    /// Of the process that serves; none where the system does not tell.
    pub cpu_s_per_request: Option<f64>,
    /// Of the process that asks, where that is another.
    pub client_cpu_s_per_request: Option<f64>,
    /// How many cores of the machine worked for others than the two processes.
    pub cores_busy_elsewhere: Option<f64>,
    /// Of the process that serves.
    pub peak_memory_bytes: Option<u64>,
}

/// Percentiles by nearest rank: of all samples, this share took so long or less.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "units belong in the names that the JSON has")]
pub(super) struct Latency {
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
}

impl Latency {
    /// Of at least one sample.
    pub(super) fn of(mut samples_ms: Vec<f64>) -> Option<Self> {
        samples_ms.sort_by(f64::total_cmp);
        let percentile = |percent: usize| {
            let rank = (samples_ms.len() * percent).div_ceil(100);
            samples_ms.get(rank.checked_sub(1)?).copied()
        };
        Some(Self { p50_ms: percentile(50)?, p95_ms: percentile(95)?, p99_ms: percentile(99)? })
    }
}

impl Point {
    pub(super) fn of(
        position: Position,
        measured: &Measured,
        cores_usable: usize,
        is_apart: bool,
    ) -> Self {
        let Measured { answers, errors, elapsed, peak_memory_bytes, .. } = measured;
        let Measured { cpu, own_cpu, machine_cpu, .. } = *measured;
        let client_cpu = own_cpu.filter(|_| is_apart);
        let (requests, seconds) = (answers.len(), elapsed.as_secs_f64());
        let requests_per_s = requests as f64 / seconds;
        let milliseconds = |time: Duration| rounded(time.as_secs_f64() * 1e3);
        let stage = |(stage, name): (usize, &&str)| {
            let told = answers.iter().filter_map(|answer| answer.stages.get(stage));
            Some(((*name).to_owned(), Latency::of(told.map(milliseconds).collect())?))
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
            errors_by_kind: errors.clone(),
            requests_per_s: rounded(requests_per_s),
            requests_per_s_per_core: rounded(requests_per_s / cores_usable as f64),
            latency: Latency::of(answers.iter().map(|each| milliseconds(each.latency)).collect()),
            stages: STAGES.iter().enumerate().filter_map(stage).collect(),
            cpu_s_per_request: cpu.and_then(per_request),
            client_cpu_s_per_request: client_cpu.and_then(per_request),
            cores_busy_elsewhere: elsewhere.map(|cpu| rounded(cpu.as_secs_f64() / seconds)),
            peak_memory_bytes: *peak_memory_bytes,
        }
    }
}

/// To six decimals: what is beyond is the clock's noise.
pub(super) fn rounded(figure: f64) -> f64 {
    (figure * 1e6).round() / 1e6
}

impl Run {
    pub(super) fn new(setup: Setup, pictures: Vec<Picture>, mut points: Vec<Point>) -> Self {
        points.sort_by_key(|point| {
            let Position { mode, picture, concurrency } = &point.position;
            let picture = pictures.iter().position(|other| other.name == *picture);
            // The pipeline first, then what HTTP adds.
            (std::cmp::Reverse(mode.clone()), picture, *concurrency)
        });
        let now = OffsetDateTime::now_utc();
        Self {
            schema: SCHEMA.to_owned(),
            schema_version: SCHEMA_VERSION,
            measured_at: now.replace_nanosecond(0).unwrap_or(now),
            setup,
            pictures,
            points,
            nets: Vec::new(),
            bound: None,
            comparison: None,
        }
    }

    /// What an earlier run wrote.
    ///
    /// # Errors
    /// When the file cannot be read, or is not of this schema.
    pub(super) fn read(file: &Path) -> anyhow::Result<Self> {
        let name = file.display();
        let text = std::fs::read(file).with_context(|| format!("{name} cannot be read"))?;
        let refuse = |why: String| Unusable(format!("{name} {why}"));
        let not_ours = || refuse("is not what `livegate bench --json` writes".to_owned());
        let value: Value = serde_json::from_slice(&text).map_err(|_| not_ours())?;
        if value.get("schema").and_then(Value::as_str) != Some(SCHEMA) {
            return Err(not_ours().into());
        }
        let version = value.get("schema_version").unwrap_or(&Value::Null);
        if version.as_u64() != Some(SCHEMA_VERSION) {
            let why =
                format!("is of schema version {version}; this program reads {SCHEMA_VERSION}");
            return Err(refuse(why).into());
        }
        serde_json::from_value(value).map_err(|error| refuse(format!("is damaged: {error}")).into())
    }

    /// Requests that failed.
    pub(super) fn errors(&self) -> usize {
        self.points.iter().map(|point| point.errors).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples_that_were_there() {
        let of = |samples: &[f64]| {
            let Latency { p50_ms, p95_ms, p99_ms } = Latency::of(samples.to_vec())?;
            Some([p50_ms, p95_ms, p99_ms])
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[7.0]), Some([7.0; 3]));
        assert_eq!(of(&[4.0, 1.0, 3.0, 2.0]), Some([2.0, 4.0, 4.0]));
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(of(&hundred), Some([50.0, 95.0, 99.0]));
        let thousand: Vec<f64> = (1..=1000).map(f64::from).collect();
        assert_eq!(of(&thousand), Some([500.0, 950.0, 990.0]));
    }
}

//! The comparison of two runs.

use serde::{Deserialize, Serialize};

use super::figures::{Figures, Picture, Position, Setup};
use super::latency::Latency;

/// A run against an older one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Comparison {
    /// The older run's file.
    pub with: String,
    /// Facts that differ, so that the ratios depend on them too.
    pub differences: Vec<String>,
    pub ratios: Vec<Ratios>,
    /// The number of points that only one of the runs has.
    pub points_in_one_only: usize,
}

/// New figures divided by old ones: above 1 is more requests, and slower responses. None where one
/// is missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Ratios {
    #[serde(flatten)]
    pub position: Position,
    pub requests_per_s: Option<f64>,
    pub p50: Option<f64>,
    pub p99: Option<f64>,
    pub cpu_s_per_request: Option<f64>,
}

/// Compares `new` with `old`, which is in the file `with`.
pub(super) fn compare(new: &Figures, old: &Figures, with: String) -> Comparison {
    let mut ratios = Vec::new();
    for point in &new.points {
        let Some(former) = old.points.iter().find(|old| old.position == point.position) else {
            continue;
        };
        let latency = |of: fn(Latency) -> f64| ratio(point.latency.map(of), former.latency.map(of));
        ratios.push(Ratios {
            position: point.position.clone(),
            requests_per_s: ratio(Some(point.requests_per_s), Some(former.requests_per_s)),
            p50: latency(|latency| latency.p50_ms),
            p99: latency(|latency| latency.p99_ms),
            cpu_s_per_request: ratio(point.cpu_s_per_request, former.cpu_s_per_request),
        });
    }
    let mut differences = Vec::new();
    for ((name, new), (_, old)) in facts(&new.setup).into_iter().zip(facts(&old.setup)) {
        differences.extend(difference(name, &new, &old));
    }
    let (new_errors, old_errors) = (new.errors().to_string(), old.errors().to_string());
    differences.extend(difference("failed requests", &new_errors, &old_errors));
    for picture in &new.pictures {
        if let Some(former) = old.pictures.iter().find(|old| old.name == picture.name) {
            let name = format!("picture {}", picture.name);
            differences.extend(difference(&name, &described(picture), &described(former)));
        }
    }
    let points_in_one_only = new.points.len() + old.points.len() - 2 * ratios.len();
    Comparison { with, differences, ratios, points_in_one_only }
}

fn ratio(new: Option<f64>, old: Option<f64>) -> Option<f64> {
    Some(new? / old?).filter(|ratio| ratio.is_finite())
}

fn difference(name: &str, new: &str, old: &str) -> Option<String> {
    (new != old).then(|| format!("{name}: {old} then, {new} now"))
}

fn facts(setup: &Setup) -> [(&'static str, String); 13] {
    let settings = setup.settings.iter().map(|(key, value)| format!("{key} = {value}"));
    [
        ("CPU", setup.cpu_model.clone()),
        ("cores", setup.cores_usable.to_string()),
        ("platform", setup.platform.clone()),
        ("livegate", setup.livegate.clone()),
        ("build", setup.build.clone()),
        ("pack", setup.pack.clone()),
        ("pack digest", setup.pack_digest.clone()),
        ("device", setup.device.clone()),
        ("provider", setup.provider.clone()),
        ("ONNX Runtime", setup.onnxruntime.clone()),
        ("workers", setup.workers.to_string()),
        ("seconds a point", setup.seconds_per_point.to_string()),
        ("settings", settings.collect::<Vec<_>>().join(", ")),
    ]
}

fn described(picture: &Picture) -> String {
    let Picture { width_px, height_px, bytes, verdict, .. } = picture;
    format!("{width_px}x{height_px} px in {bytes} bytes, {verdict}")
}

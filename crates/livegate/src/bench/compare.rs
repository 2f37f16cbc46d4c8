//! One run against another.

use serde::{Deserialize, Serialize};

use super::figures::{Latency, Picture, Position, Run, Setup};

/// A run against an older one: ratios are new to old.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Comparison {
    /// The older one's file.
    pub with: String,
    /// What was not the same, so that ratios tell of it too.
    pub differences: Vec<String>,
    pub ratios: Vec<Ratios>,
    /// Points that only one of them has.
    pub points_in_one_only: usize,
}

/// New to old: above 1 is more requests, and slower answers. None where there is nothing to compare.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Ratios {
    #[serde(flatten)]
    pub position: Position,
    pub requests_per_s: Option<f64>,
    pub p50: Option<f64>,
    pub p99: Option<f64>,
    pub cpu_s_per_request: Option<f64>,
}

/// `new` against `old`, which is in the file `with`.
pub(super) fn compare(new: &Run, old: &Run, with: String) -> Comparison {
    let mut ratios = Vec::new();
    for point in &new.points {
        let Some(before) = old.points.iter().find(|old| old.position == point.position) else {
            continue;
        };
        let latency = |of: fn(&Latency) -> f64| {
            ratio(point.latency.as_ref().map(of), before.latency.as_ref().map(of))
        };
        ratios.push(Ratios {
            position: point.position.clone(),
            requests_per_s: ratio(Some(point.requests_per_s), Some(before.requests_per_s)),
            p50: latency(|latency| latency.p50_ms),
            p99: latency(|latency| latency.p99_ms),
            cpu_s_per_request: ratio(point.cpu_s_per_request, before.cpu_s_per_request),
        });
    }
    let mut differences = of_setups(&new.setup, &old.setup);
    let errors = (new.errors(), old.errors());
    if errors.0 != errors.1 {
        differences.push(format!("failed requests: {} then, {} now", errors.1, errors.0));
    }
    differences.extend(of_pictures(&new.pictures, &old.pictures));
    let points_in_one_only = new.points.len() + old.points.len() - 2 * ratios.len();
    Comparison { with, differences, ratios, points_in_one_only }
}

fn ratio(new: Option<f64>, old: Option<f64>) -> Option<f64> {
    Some(new? / old?).filter(|ratio| ratio.is_finite())
}

fn of_setups(new: &Setup, old: &Setup) -> Vec<String> {
    let facts = |setup: &Setup| {
        let Setup { livegate, build, platform, cpu_model, cores_usable, .. } = setup.clone();
        let Setup { pack, pack_digest, device, provider, onnxruntime, workers, .. } = setup.clone();
        let Setup { jpeg_simd, settings, seconds_per_point, .. } = setup.clone();
        let settings = settings.iter().map(|(key, value)| format!("{key} = {value}"));
        [
            ("CPU", cpu_model),
            ("cores", cores_usable.to_string()),
            ("platform", platform),
            ("livegate", livegate),
            ("build", build),
            ("jpeg-simd", jpeg_simd.to_string()),
            ("pack", pack),
            ("pack digest", pack_digest),
            ("device", device),
            ("provider", provider),
            ("ONNX Runtime", onnxruntime),
            ("workers", workers.to_string()),
            ("seconds a point", seconds_per_point.to_string()),
            ("settings", settings.collect::<Vec<_>>().join(", ")),
        ]
    };
    let pairs = facts(new).into_iter().zip(facts(old));
    pairs
        .filter(|((_, new), (_, old))| new != old)
        .map(|((name, new), (_, old))| format!("{name}: {old} then, {new} now"))
        .collect()
}

fn of_pictures(new: &[Picture], old: &[Picture]) -> Vec<String> {
    let described = |picture: &Picture| {
        let Picture { width_px, height_px, bytes, verdict, .. } = picture;
        format!("{width_px}x{height_px} px in {bytes} bytes, {verdict}")
    };
    let mut differences = Vec::new();
    for picture in new {
        let before = old.iter().find(|before| before.name == picture.name).map(described);
        let now = described(picture);
        if let Some(before) = before.filter(|before| *before != now) {
            differences.push(format!("picture {}: {before} then, {now} now", picture.name));
        }
    }
    differences
}

//! The text of a run: sentences and tables.

use engine::terminal::{align_right, table};

use super::bound::Bound;
use super::compare::{Comparison, Ratios};
use super::figures::{Figures, Picture, Point, Position, Setup};
use super::latency::Latency;
use super::nets::Nets;
use super::run::Run;
use super::stages::STAGES;

const UNKNOWN: &str = "-";
/// Share of the usable cores that may be busy with other processes without a note.
const DISTURBING_SHARE: f64 = 0.1;

pub(super) fn text(run: &Run) -> String {
    let figures = &run.figures;
    let pictures: Vec<_> = figures.pictures.iter().map(picture).collect();
    let mut parts = vec![setup(&figures.setup), pictures.join("\n"), points(&figures.points)];
    if figures.points.iter().any(|point| !point.stages.is_empty()) {
        parts.push(stages(&figures.points));
    }
    if !run.nets.is_empty() {
        parts.push(nets_alone(&run.nets));
    }
    parts.extend(run.bound.as_ref().map(Bound::sentence));
    parts.extend(errors(&figures.points));
    parts.extend(disturbance(figures));
    parts.extend(run.comparison.as_ref().map(comparison));
    parts.join("\n\n")
}

/// A point in one line.
pub(super) fn point(point: &Point) -> String {
    let latency = point.latency.as_ref();
    let p50 = latency.map_or(UNKNOWN.to_owned(), |latency| format!("{:.1} ms", latency.p50_ms));
    let rate = format!("{:.1} requests/s, p50 {p50}", point.requests_per_s);
    let errors =
        if point.errors > 0 { format!(", {} failed", point.errors) } else { String::new() };
    format!("{}: {rate}{errors}", point.position)
}

fn setup(setup: &Setup) -> String {
    let Setup { livegate, build, platform, cpu_model, cores_usable, pack, .. } = setup;
    let Setup { pack_digest, device, provider, workers, seconds_per_point, .. } = setup;
    let digest = pack_digest.get(..12).unwrap_or(pack_digest);
    format!(
        "livegate {livegate} ({build} build), pack {pack} ({digest}), {device} ({provider}), workers: {workers}\n\
         {cpu_model}, cores: {cores_usable}, {platform}; {seconds_per_point} s a point"
    )
}

fn picture(picture: &Picture) -> String {
    let Picture { name, width_px, height_px, bytes, made_of, .. } = picture;
    let Picture { reduction, verdict, reasons, .. } = picture;
    let reasons =
        if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
    let unscored = if verdict == "not_assessed" { "; NOTE: no score is made of it" } else { "" };
    let of = if name == made_of { String::new() } else { format!(", made of {made_of}") };
    let reduced = if *reduction > 1 {
        format!(", decoded to 1/{reduction} of its width")
    } else {
        String::new()
    };
    let kib = *bytes as f64 / 1024.0;
    format!(
        "{name}: {width_px}x{height_px} px, {kib:.0} KiB{of}{reduced}; {verdict}{reasons}{unscored}"
    )
}

fn points(points: &[Point]) -> String {
    let mut rows = table(
        "mode  picture  at once  requests  errors  requests/s  per core  p50 ms  p95 ms  p99 ms  \
         CPU ms/request  peak MiB",
    );
    for point in points {
        let mut row = cells(&point.position);
        row.extend([point.requests, point.errors].map(|count| count.to_string()));
        row.extend(
            [point.requests_per_s, point.requests_per_s_per_core].map(|rate| format!("{rate:.2}")),
        );
        let latency = |of: fn(&Latency) -> f64| number(point.latency.as_ref().map(of));
        row.extend([latency(|l| l.p50_ms), latency(|l| l.p95_ms), latency(|l| l.p99_ms)]);
        row.push(number(point.cpu_s_per_request.map(|seconds| seconds * 1e3)));
        let mib = point
            .peak_memory_bytes
            .map(|bytes| format!("{:.0}", bytes as f64 / f64::from(1 << 20)));
        row.push(mib.unwrap_or(UNKNOWN.to_owned()));
        rows.add_row(row);
    }
    align_right(&mut rows, 2);
    rows.trim_fmt()
}

fn stages(points: &[Point]) -> String {
    let stages = STAGES.map(|stage| format!("{stage} ms"));
    let mut rows = table(&format!("mode  picture  at once  {}", stages.join("  ")));
    for point in points.iter().filter(|point| !point.stages.is_empty()) {
        let stage = |stage: &&str| {
            let latency = point.stages.get(*stage);
            let known =
                latency.map(|l| format!("{:.1} / {:.1} / {:.1}", l.p50_ms, l.p95_ms, l.p99_ms));
            known.unwrap_or(UNKNOWN.to_owned())
        };
        let mut row = cells(&point.position);
        row.extend(STAGES.iter().map(stage));
        rows.add_row(row);
    }
    align_right(&mut rows, 2);
    format!("What the time went into, p50 / p95 / p99:\n{}", rows.trim_fmt())
}

/// A point of the nets alone in one line.
pub(super) fn nets(nets: &Nets) -> String {
    let Nets { pictures_in_a_run, selfies_per_s, .. } = nets;
    format!("nets alone, {pictures_in_a_run} in a run: {selfies_per_s:.1} selfies/s")
}

fn nets_alone(points: &[Nets]) -> String {
    let mut rows = table(
        "in a run  mean  at once  selfies/s  p50 ms  p99 ms  lane ms/selfie  copying  transfer  \
         kernels",
    );
    for point in points {
        let percent = |share: f64| format!("{:.0}%", share * 100.0);
        let latency = |of: fn(&Latency) -> f64| number(point.latency.as_ref().map(of));
        rows.add_row([
            point.pictures_in_a_run.to_string(),
            format!("{:.1}", point.mean_pictures_in_a_run),
            point.callers.to_string(),
            format!("{:.1}", point.selfies_per_s),
            latency(|l| l.p50_ms),
            latency(|l| l.p99_ms),
            format!("{:.3}", point.lane_ms_per_selfie),
            percent(point.copying_share),
            percent(point.transfer_share),
            percent(point.kernels_share),
        ]);
    }
    align_right(&mut rows, 0);
    format!("The nets alone, with tensors that are ready:\n{}", rows.trim_fmt())
}

fn errors(points: &[Point]) -> Option<String> {
    let of_point = |point: &Point| {
        let kinds = point.errors_by_kind.iter().map(|(kind, count)| format!("{count} x {kind}"));
        let kinds = kinds.collect::<Vec<_>>().join(", ");
        (point.errors > 0).then(|| format!("ERRORS, {}: {kinds}", point.position))
    };
    let lines: Vec<_> = points.iter().filter_map(of_point).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// The note that the machine was busy with other processes.
fn disturbance(run: &Figures) -> Option<String> {
    let busy = run.points.iter().filter_map(|point| point.cores_busy_elsewhere).fold(0.0, f64::max);
    let is_much = busy > DISTURBING_SHARE * run.setup.cores_usable as f64;
    is_much.then(|| {
        format!("NOTE: up to {busy:.1} cores of this machine were busy with something else: measure when it is quiet")
    })
}

fn comparison(comparison: &Comparison) -> String {
    let Comparison { with, differences, ratios, points_in_one_only } = comparison;
    let mut lines =
        vec![format!("New to old ({with}); above 1 is more requests/s, and slower answers:")];
    let mut rows = table("mode  picture  at once  requests/s  p50  p99  CPU/request");
    for ratio in ratios {
        let Ratios { position, requests_per_s, p50, p99, cpu_s_per_request } = ratio;
        let mut row = cells(position);
        row.extend([requests_per_s, p50, p99, cpu_s_per_request].map(|ratio| number(*ratio)));
        rows.add_row(row);
    }
    align_right(&mut rows, 2);
    lines.push(if ratios.is_empty() { "no point is in both".to_owned() } else { rows.trim_fmt() });
    if *points_in_one_only > 0 {
        lines.push(format!("points that only one of them has: {points_in_one_only}"));
    }
    lines
        .extend(differences.iter().map(|difference| format!("WARNING: not the same {difference}")));
    lines.join("\n")
}

fn cells(position: &Position) -> Vec<String> {
    vec![position.mode.clone(), position.picture.clone(), position.concurrency.to_string()]
}

fn number(number: Option<f64>) -> String {
    number.map_or(UNKNOWN.to_owned(), |number| format!("{number:.2}"))
}

//! The plot of latency against throughput.

use evaluation::{Axis, Line, LinePlot, Point};

use super::figures::{self, Figures, Setup};
use super::latency::Latency;

/// The plot as an SVG file: one colour for each mode and picture, with p50 and p99.
pub(super) fn svg(run: &Figures) -> String {
    let Setup { pack, device, cpu_model, cores_usable, workers, livegate, .. } = &run.setup;
    let points: Vec<_> = run.points.iter().filter(|point| point.latency.is_some()).collect();
    // The points of a mode and a picture come together.
    let groups = points.chunk_by(|one, next| {
        let (one, next) = (&one.position, &next.position);
        (&one.mode, &one.picture) == (&next.mode, &next.picture)
    });
    let mut lines = Vec::new();
    for (colour, group) in groups.enumerate() {
        let position = &group[0].position;
        for (name, is_dashed, of) in PERCENTILES {
            let at = |point: &&figures::Point| {
                let latency = point.latency.as_ref()?;
                let mark =
                    if is_dashed { String::new() } else { point.position.concurrency.to_string() };
                Some(Point { x: point.requests_per_s, y: of(latency).log10(), mark })
            };
            let name = format!("{}, {}: {name}", position.mode, position.picture);
            let points = group.iter().filter_map(at).collect();
            lines.push(Line { name, colour, is_dashed, points });
        }
    }
    let all = || lines.iter().flat_map(|line| &line.points);
    let most = all().map(|point| point.x).fold(0.0, f64::max);
    let (least_ms, most_ms) = all()
        .map(|point| 10_f64.powf(point.y))
        .fold((f64::INFINITY, 0.0), |(least, most): (f64, f64), ms| (least.min(ms), most.max(ms)));
    LinePlot {
        title: format!("Latency against throughput: {pack} on {device}"),
        subtitle: format!(
            "{cpu_model}, cores: {cores_usable}, workers: {workers}, livegate {livegate}; numbers: requests at once"
        ),
        x: rates(most),
        y: latencies(least_ms, most_ms),
        lines,
    }
    .svg()
}

/// Name, whether its line is dashed, and its value.
type Percentile = (&'static str, bool, fn(&Latency) -> f64);

const PERCENTILES: [Percentile; 2] =
    [("p50", false, |latency| latency.p50_ms), ("p99", true, |latency| latency.p99_ms)];

/// From zero to a round number above `most`.
fn rates(most: f64) -> Axis {
    let step = round_step(most / 5.0);
    let steps = ((most / step).ceil() as usize).clamp(1, 10);
    let tick = |i: usize| (i as f64 * step, short(i as f64 * step));
    Axis {
        title: "requests/s".to_owned(),
        from: 0.0,
        to: steps as f64 * step,
        ticks: (0..=steps).map(tick).collect(),
    }
}

/// The next of 1, 2, 5, 10, 20 and so on.
fn round_step(least: f64) -> f64 {
    if !(least.is_finite() && least > 0.0) {
        return 1.0;
    }
    let power = 10_f64.powf(least.log10().floor());
    let step = [1.0, 2.0, 5.0].into_iter().find(|step| step * power >= least);
    step.unwrap_or(10.0) * power
}

/// A logarithmic axis between round numbers that enclose all values.
fn latencies(least_ms: f64, most_ms: f64) -> Axis {
    let least_ms = least_ms.clamp(1e-3, 1e6);
    let most_ms = most_ms.clamp(least_ms, 1e7);
    let round = |power: i32| [1.0, 2.0, 5.0].map(|step| step * 10_f64.powi(power));
    let rounds: Vec<f64> = (-4..=8).flat_map(round).collect();
    let from = rounds.iter().rposition(|ms| *ms < least_ms).unwrap_or(0);
    let to = rounds.iter().position(|ms| *ms > most_ms).unwrap_or(rounds.len() - 1);
    let tick = |ms: &f64| (ms.log10(), short(*ms));
    Axis {
        title: "latency, ms (logarithmic)".to_owned(),
        from: rounds[from].log10(),
        to: rounds[to].log10(),
        ticks: rounds[from..=to].iter().map(tick).collect(),
    }
}

/// `number` with up to four decimals, without trailing zeros.
fn short(number: f64) -> String {
    let text = format!("{number:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| &**label).collect()
    }

    #[test]
    fn axes_enclose_all_values_between_round_numbers() {
        assert_eq!(labels(&rates(34.0)), ["0", "10", "20", "30", "40"]);
        assert_eq!(labels(&rates(0.31)), ["0", "0.1", "0.2", "0.3", "0.4"]);
        assert_eq!(labels(&rates(0.0)), ["0", "1"]);
        assert_eq!(labels(&latencies(13.0, 170.0)), ["10", "20", "50", "100", "200"]);
        assert_eq!(labels(&latencies(0.3, 0.3)), ["0.2", "0.5"]);
        for axis in
            [rates(1e9), rates(f64::NAN), latencies(f64::INFINITY, 0.0), latencies(0.0, 1e300)]
        {
            assert!(axis.to > axis.from && axis.ticks.len() < 50, "{axis:?}");
        }
    }
}

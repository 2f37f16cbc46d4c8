//! The points of the plots. Their number is bounded.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};

use crate::presentation::{Label, Presentation};
use crate::sweep::Sweep;

/// Maximum number of points of a curve.
pub const MOST_POINTS: usize = 201;

/// Number of bins of the histogram.
const BINS: usize = 40;

/// One point of the detection error trade-off.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DetPoint {
    /// The greatest share of accepted attacks of a type.
    pub apcer: f64,
    /// The share of accepted attacks of all types together.
    pub apcer_of_all: f64,
    /// The share of refused bona fide presentations.
    pub bpcer: f64,
}

/// Both errors at one threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ThresholdPoint {
    /// From 0 to 1.
    pub threshold: f64,
    /// The greatest share of accepted attacks of a type.
    pub apcer: f64,
    /// The share of refused bona fide presentations.
    pub bpcer: f64,
}

/// Numbers of scores from `from` to `to`. Only the last bin includes `to`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bin {
    /// The lower end, 0 to 1.
    pub from: f64,
    /// The upper end, 0 to 1.
    pub to: f64,
    /// Bona fide presentations.
    pub live: u64,
    /// Attacks.
    pub attacks: u64,
}

/// The points of the plots. The curves are empty unless there are presentations of both classes.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Curves {
    /// From everything accepted to everything refused, at most [`MOST_POINTS`].
    pub det: Vec<DetPoint>,
    /// At even thresholds from 0 to 1, [`MOST_POINTS`] of them.
    pub over_threshold: Vec<ThresholdPoint>,
    /// Scores outside of 0 to 1 count in the outermost bins.
    pub histogram: Vec<Bin>,
}

impl Curves {
    pub(crate) fn of(presentations: &[Presentation], sweep: &Sweep) -> Self {
        let histogram = histogram(presentations);
        if !sweep.has_both() {
            return Self { histogram, ..Self::default() };
        }
        Self { det: det(sweep), over_threshold: over_threshold(sweep), histogram }
    }
}

/// Keeps a point if an error has moved visibly since the last kept point, on the plot's scale.
fn det(sweep: &Sweep) -> Vec<DetPoint> {
    let normal = Normal::standard();
    let fewest = sweep.live.min(sweep.attacks) as f64;
    let edge = (0.25 / fewest).min(0.25);
    let deviate = |share: f64| normal.inverse_cdf(share.clamp(edge, 1.0 - edge));
    let place = |DetPoint { apcer, apcer_of_all, bpcer }| [apcer, apcer_of_all, bpcer].map(deviate);
    // Each of the three shares moves from one edge to the other at most.
    let visible = 3.0 * 2.0 * deviate(1.0) / (MOST_POINTS - 2) as f64;
    let all_kept = sweep.steps.len() <= MOST_POINTS;
    let mut kept: Vec<DetPoint> = Vec::new();
    for (at, step) in sweep.steps.iter().enumerate() {
        let (apcer, apcer_of_all) = (step.worst_apcer, sweep.apcer_of_all(step));
        let point = DetPoint { apcer, apcer_of_all, bpcer: sweep.bpcer(step) };
        let moved = |last: &DetPoint| {
            place(point).iter().zip(place(*last)).map(|(a, b)| (a - b).abs()).sum::<f64>()
        };
        let is_end = at + 1 == sweep.steps.len();
        if all_kept || is_end || kept.last().is_none_or(|last| moved(last) >= visible) {
            kept.push(point);
        }
    }
    kept
}

fn over_threshold(sweep: &Sweep) -> Vec<ThresholdPoint> {
    let last = (MOST_POINTS - 1) as f64;
    let at = |point: usize| {
        let threshold = point as f64 / last;
        // The first step with this threshold.
        let step = sweep.steps.partition_point(|step| step.up_to.is_some_and(|to| to < threshold));
        let step = &sweep.steps[step.min(sweep.steps.len() - 1)];
        ThresholdPoint { threshold, apcer: step.worst_apcer, bpcer: sweep.bpcer(step) }
    };
    (0..MOST_POINTS).map(at).collect()
}

fn histogram(presentations: &[Presentation]) -> Vec<Bin> {
    let edge = |bin: usize| bin as f64 / BINS as f64;
    let mut bins: Vec<Bin> = (0..BINS)
        .map(|bin| Bin { from: edge(bin), to: edge(bin + 1), live: 0, attacks: 0 })
        .collect();
    for presentation in presentations {
        let Some(score) = presentation.score() else { continue };
        let bin = &mut bins[((score.clamp(0.0, 1.0) * BINS as f64) as usize).min(BINS - 1)];
        match presentation.label {
            Label::Live => bin.live += 1,
            Label::Spoof => bin.attacks += 1,
        }
    }
    bins
}

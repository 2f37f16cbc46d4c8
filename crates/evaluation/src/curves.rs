//! What the plots are drawn from, bounded however many pictures there are.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};

use crate::presentation::{Label, Presentation};
use crate::sweep::{Step, Sweep};

/// How many points a curve has at most.
pub const MOST_POINTS: usize = 201;

/// Bins of the histogram.
const BINS: usize = 40;

/// One point of the detection error trade-off.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DetPoint {
    /// The greatest share of attacks of one type accepted.
    pub apcer: f64,
    /// The share of all attacks accepted, whatever their type.
    pub apcer_of_all: f64,
    /// The share of bona fide presentations refused.
    pub bpcer: f64,
}

/// Both errors at one threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ThresholdPoint {
    /// From 0 to 1.
    pub threshold: f64,
    /// The greatest share of attacks of one type accepted.
    pub apcer: f64,
    /// The share of bona fide presentations refused.
    pub bpcer: f64,
}

/// How many scores lie from `from` to `to`, the latter belonging to the next bin but for the last.
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

/// What the plots are drawn from. The curves are empty unless both classes are there.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Curves {
    /// From everything accepted to everything refused, at most [`MOST_POINTS`].
    pub det: Vec<DetPoint>,
    /// At even thresholds from 0 to 1, [`MOST_POINTS`] of them.
    pub over_threshold: Vec<ThresholdPoint>,
    /// Where the scores are; scores outside of 0 to 1 count in the outermost bins.
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

/// Keeps a point where one of the errors has moved visibly since the last one kept, on the plot's own scale.
fn det(sweep: &Sweep) -> Vec<DetPoint> {
    let normal = Normal::standard();
    let fewest = sweep.live.min(sweep.attacks) as f64;
    let edge = (0.25 / fewest).min(0.25);
    let deviate = |share: f64| normal.inverse_cdf(share.clamp(edge, 1.0 - edge));
    let place =
        |step: &Step| [step.worst_apcer, sweep.apcer_of_all(step), sweep.bpcer(step)].map(deviate);
    // Each of three shares moves at most from one edge to the other.
    let visible = 3.0 * 2.0 * deviate(1.0) / (MOST_POINTS - 2) as f64;
    let all_kept = sweep.steps.len() <= MOST_POINTS;
    let mut kept: Vec<DetPoint> = Vec::new();
    let mut last: Option<[f64; 3]> = None;
    for (at, step) in sweep.steps.iter().enumerate() {
        let here = place(step);
        let moved = |last: [f64; 3]| here.iter().zip(last).map(|(a, b)| (a - b).abs()).sum::<f64>();
        let is_end = at + 1 == sweep.steps.len();
        if all_kept || is_end || last.is_none_or(|last| moved(last) >= visible) {
            last = Some(here);
            kept.push(DetPoint {
                apcer: step.worst_apcer,
                apcer_of_all: sweep.apcer_of_all(step),
                bpcer: sweep.bpcer(step),
            });
        }
    }
    kept
}

fn over_threshold(sweep: &Sweep) -> Vec<ThresholdPoint> {
    let last = (MOST_POINTS - 1) as f64;
    let at = |point: usize| {
        let threshold = point as f64 / last;
        // The first decision whose thresholds reach this far.
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

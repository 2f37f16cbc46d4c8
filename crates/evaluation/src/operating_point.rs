//! BPCER where APCER is held at a level.

use serde::Serialize;

use crate::share::Share;
use crate::sweep::Sweep;

/// The points of the standard: what the name's number is one part of.
const POINTS: [(&str, f64); 3] = [("BPCER10", 0.10), ("BPCER20", 0.05), ("BPCER100", 0.01)];

/// How many bona fide presentations are refused where no type of attack is accepted more often than it may.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OperatingPoint {
    /// `BPCER10`, `BPCER20` or `BPCER100`.
    pub name: &'static str,
    /// The greatest APCER allowed, of every type of attack: 0.1, 0.05 or 0.01.
    pub apcer_at_most: f64,
    /// The greatest APCER of a type measured at the threshold, 0 to 1.
    pub apcer: f64,
    /// The bona fide presentations refused there, of those scored. It is the least that keeps the APCER.
    pub bpcer: Share,
    /// The threshold, midway between the neighbouring scores; `None` if it would have to be above 1.
    pub threshold: Option<f64>,
}

impl OperatingPoint {
    /// All three; none unless both classes are there.
    pub(crate) fn all(sweep: &Sweep) -> Vec<Self> {
        let points = POINTS.iter().filter(|_| sweep.has_both());
        let at = |&(name, apcer_at_most): &(&'static str, f64)| {
            let step = sweep.steps.iter().find(|step| step.worst_apcer <= apcer_at_most)?;
            Some(Self {
                name,
                apcer_at_most,
                apcer: step.worst_apcer,
                bpcer: Share::of(step.live_refused, sweep.live),
                threshold: step.score_threshold(),
            })
        };
        points.filter_map(at).collect()
    }
}

//! BPCER at the thresholds that hold APCER at a limit.

use serde::Serialize;

use crate::share::Share;
use crate::sweep::Sweep;

/// The points of the standard. N of `BPCERN` stands for an APCER of 1 / N.
const POINTS: [(&str, f64); 3] = [("BPCER10", 0.10), ("BPCER20", 0.05), ("BPCER100", 0.01)];

/// The least BPCER at which the APCER of every type of attack keeps to a limit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OperatingPoint {
    /// `BPCER10`, `BPCER20` or `BPCER100`.
    pub name: &'static str,
    /// The limit of the APCER: 0.1, 0.05 or 0.01.
    pub apcer_at_most: f64,
    /// The greatest APCER of a type at the threshold, 0 to 1.
    pub apcer: f64,
    /// Refused bona fide presentations, of those scored.
    pub bpcer: Share,
    /// The threshold, midway between the neighbouring scores; `None` if even 1 is too low.
    pub threshold: Option<f64>,
}

impl OperatingPoint {
    /// All three points; empty unless there are presentations of both classes.
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

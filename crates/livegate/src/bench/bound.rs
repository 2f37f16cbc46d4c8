//! What the host would need more of to do more.

use serde::{Deserialize, Serialize};

use super::IN_PROCESS;
use super::figures::{Point, rounded};
use super::nets::Nets;

/// From this share on something is full: schedulers and callers that meet by chance leave the rest.
const FULL: f64 = 0.85;

/// What holds the pipeline up, and by what figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Bound {
    pub by: By,
    /// Of the pipeline in the process, at its best.
    pub requests_per_s: f64,
    /// How much of the usable cores it took for that.
    pub cores_share: f64,
    /// And how much of what the nets do alone.
    pub nets_share: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum By {
    /// Decoding, resizing and, on the CPU, the nets.
    Cores,
    /// Bringing tensors to the device and answers back.
    Transfer,
    /// The nets on the device.
    Kernels,
    /// None of them is full: pipelines wait for each other's runs.
    Waiting,
}

impl Bound {
    /// Of a run that has both: nothing else tells.
    pub(super) fn of(points: &[Point], nets: &[Nets], cores_usable: usize) -> Option<Self> {
        let in_process = points.iter().filter(|point| point.position.mode == IN_PROCESS);
        let best = in_process.max_by(|a, b| a.requests_per_s.total_cmp(&b.requests_per_s))?;
        let alone = nets.iter().max_by(|a, b| a.selfies_per_s.total_cmp(&b.selfies_per_s))?;
        let cores_share = best.cpu_s_per_request? * best.requests_per_s / cores_usable as f64;
        let nets_share = best.requests_per_s / alone.selfies_per_s;
        let by = if cores_share >= FULL {
            By::Cores
        } else if nets_share < FULL {
            By::Waiting
        } else if alone.transfer_share + alone.copying_share > alone.kernels_share {
            By::Transfer
        } else {
            By::Kernels
        };
        Some(Self {
            by,
            requests_per_s: best.requests_per_s,
            cores_share: rounded(cores_share),
            nets_share: rounded(nets_share),
        })
    }

    /// In words, with what to do.
    pub(super) fn says(&self) -> String {
        let Self { by, requests_per_s, cores_share, nets_share } = self;
        let by = match by {
            By::Cores => {
                "the cores, which decode and resize (and run the nets where the device is the CPU): more cores"
            }
            By::Transfer => {
                "the way to the device and back: fewer pixels for the detector, or a faster bus"
            }
            By::Kernels => "the nets on the device: more cards, or faster ones",
            By::Waiting => {
                "none of them: more workers, or more lanes (batching.lanes), may fill them"
            }
        };
        format!(
            "BOUND at {requests_per_s:.0} requests/s in the process ({:.0}% of the cores, {:.0}% of what the nets do alone): {by}",
            cores_share * 100.0,
            nets_share * 100.0
        )
    }
}

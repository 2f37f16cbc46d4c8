//! The resource that limits the pipeline on this host.

use serde::{Deserialize, Serialize};

use super::figures::{IN_PROCESS, Point};
use super::nets::Nets;
use crate::rounding::rounded;

/// From this share on, a resource counts as full. Schedulers and callers that meet by chance leave
/// the rest.
const FULL: f64 = 0.85;

/// The limiting resource, and the figures that show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Bound {
    pub by: By,
    /// The best rate of the pipeline in the process.
    pub requests_per_s: f64,
    /// The share of the usable cores that it took.
    pub cores_share: f64,
    /// The share of the nets' own best rate.
    pub nets_share: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum By {
    /// Decoding, resizing and, on the CPU, the nets.
    Cores,
    /// Tensors on their way to the device and back.
    Transfer,
    /// The nets on the device.
    Kernels,
    /// No resource is full: pipelines wait for each other's run groups.
    Waiting,
}

impl Bound {
    /// The bound of a run; none without points in the process, their CPU time and the nets alone.
    pub(super) fn of(points: &[Point], nets: &[Nets], cores_usable: usize) -> Option<Self> {
        let in_process = points.iter().filter(|point| point.position.mode == IN_PROCESS);
        let fastest = in_process.max_by(|a, b| a.requests_per_s.total_cmp(&b.requests_per_s))?;
        let alone = nets.iter().max_by(|a, b| a.selfies_per_s.total_cmp(&b.selfies_per_s))?;
        let cores_share = fastest.cpu_s_per_request? * fastest.requests_per_s / cores_usable as f64;
        let nets_share = fastest.requests_per_s / alone.selfies_per_s;
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
            requests_per_s: fastest.requests_per_s,
            cores_share: rounded(cores_share),
            nets_share: rounded(nets_share),
        })
    }

    /// A sentence with the remedy.
    pub(super) fn sentence(&self) -> String {
        let Self { by, requests_per_s, cores_share, nets_share } = self;
        let remedy = match by {
            By::Cores => {
                "the cores, which decode and resize (and run the nets where the device is the \
                 CPU): more cores"
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
            "BOUND at {requests_per_s:.0} requests/s in the process ({:.0}% of the cores, {:.0}% of \
             what the nets do alone): {remedy}",
            cores_share * 100.0,
            nets_share * 100.0
        )
    }
}

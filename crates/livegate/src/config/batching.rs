//! How pictures are put together for devices that make more of many at once.

use std::num::NonZeroUsize;
use std::time::Duration;

use liveness::{Device, InvalidSetting};
use onnx::Runtime;
use serde::{Deserialize, Serialize};

/// How pictures are put together for devices that make more of many at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Batching {
    /// Where it is done. On the CPU it gains nothing: that is for tests.
    pub devices: Vec<Device>,
    /// Most pictures in one run of a model.
    pub max_pictures: NonZeroUsize,
    /// How long a run of several waits for more, microseconds. One alone never waits.
    pub wait_us: u64,
    /// Sessions of each model on each card: while one runs, the next takes what arrives.
    pub lanes: NonZeroUsize,
    /// Worker threads for each core, where there is no number of them: most of them wait for the device.
    pub workers_per_core: NonZeroUsize,
}

/// `starter`'s detector takes 236 MB for so many in each lane; more would rather be a slip of the pen.
const MOST_PICTURES: usize = 256;
/// More is not a moment any more.
const MOST_WAIT_US: u64 = 50_000;
const MOST_LANES: usize = 8;
const MOST_WORKERS_PER_CORE: usize = 32;

impl Default for Batching {
    fn default() -> Self {
        let number = |number| NonZeroUsize::new(number).unwrap_or(NonZeroUsize::MIN);
        Self {
            devices: vec![Device::Cuda, Device::TensorRt],
            max_pictures: number(32),
            wait_us: 200,
            lanes: number(2),
            workers_per_core: number(4),
        }
    }
}

impl Batching {
    pub(super) fn validate(&self) -> Result<(), InvalidSetting> {
        InvalidSetting::unless(
            !self.devices.contains(&Device::OpenVino),
            "batching.devices",
            "of cuda, tensorrt and cpu: openvino runs one picture at a time",
        )?;
        let at_most = |number: NonZeroUsize, most| number.get() <= most;
        let is_within = at_most(self.max_pictures, MOST_PICTURES);
        InvalidSetting::unless(is_within, "batching.max_pictures", "from 1 to 256")?;
        InvalidSetting::unless(
            self.wait_us <= MOST_WAIT_US,
            "batching.wait_us",
            "from 0 to 50000",
        )?;
        let is_within = at_most(self.lanes, MOST_LANES);
        InvalidSetting::unless(is_within, "batching.lanes", "from 1 to 8")?;
        let is_within = at_most(self.workers_per_core, MOST_WORKERS_PER_CORE);
        InvalidSetting::unless(is_within, "batching.workers_per_core", "from 1 to 32")
    }

    /// Whether pictures are put together on `device`.
    pub(crate) fn is_on(&self, device: Device) -> bool {
        self.devices.contains(&device)
    }

    /// `runtime` with runs of up to `pictures`, whatever is configured of these.
    pub(crate) fn with_runs_of(&self, runtime: &Runtime, pictures: NonZeroUsize) -> Runtime {
        runtime.batching(onnx::Batching {
            most: pictures,
            wait: Duration::from_micros(self.wait_us),
            lanes: self.lanes,
        })
    }

    /// `runtime` as models on `device` are to be loaded with.
    pub(crate) fn applied(&self, runtime: &Runtime, device: Device) -> Runtime {
        if !self.is_on(device) {
            return runtime.clone();
        }
        self.with_runs_of(runtime, self.max_pictures)
    }

    /// How many worker threads there are on `device` for each core, unasked.
    pub(crate) fn workers_per_core(&self, device: Device) -> usize {
        if self.is_on(device) { self.workers_per_core.get() } else { 1 }
    }
}

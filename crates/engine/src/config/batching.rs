//! Pictures of several requests in one run of a model, on devices that gain by it.

use std::num::NonZeroUsize;
use std::time::Duration;

use liveness::{Device, InvalidSetting};
use onnx::Runtime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

/// Pictures of several requests in one run of a model, on devices that gain by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct Batching {
    /// Devices on which pictures that arrive at about the same time share a run. `openvino` cannot
    /// do it. `cpu` gains nothing by it.
    ///
    /// `cpu` is for tests.
    #[schemars(with = "Vec<String>", extend("items" = {"enum": ["cuda", "tensorrt", "cpu"]}))]
    #[default(vec![Device::Cuda, Device::TensorRt])]
    pub devices: Vec<Device>,
    /// Maximum number of pictures in one run of a model. A GPU with too little memory gets fewer.
    ///
    /// `starter`'s detector takes 236 MB for 256 pictures in each lane.
    #[schemars(range(max = 256))]
    #[default(count(32))]
    pub max_pictures: NonZeroUsize,
    /// How long a run of several pictures waits for more, in microseconds. A single picture never
    /// waits.
    #[schemars(range(max = 50_000))]
    #[default = 200]
    pub wait_us: u64,
    /// Sessions of each model on each GPU. While one runs, the next takes the pictures that arrive.
    #[schemars(range(max = 8))]
    #[default(count(2))]
    pub lanes: NonZeroUsize,
    /// Worker threads per core on these devices, if `workers` is not set. Most of them wait for the
    /// GPU.
    #[schemars(range(max = 32))]
    #[default(count(4))]
    pub workers_per_core: NonZeroUsize,
}

fn count(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).unwrap_or(NonZeroUsize::MIN)
}

impl Batching {
    pub(super) fn validate(&self) -> Result<(), InvalidSetting> {
        InvalidSetting::unless(
            !self.devices.contains(&Device::OpenVino),
            "batching.devices",
            "of cuda, tensorrt and cpu: openvino runs one picture at a time",
        )
    }

    /// Whether pictures share runs on `device`.
    #[must_use]
    pub fn is_on(&self, device: Device) -> bool {
        self.devices.contains(&device)
    }

    /// `runtime` with runs of up to `pictures`, in place of `max_pictures`.
    #[must_use]
    pub fn with_runs_of(&self, runtime: &Runtime, pictures: NonZeroUsize) -> Runtime {
        runtime.grouping(onnx::Grouping {
            max_pictures: pictures,
            wait: Duration::from_micros(self.wait_us),
            lanes: self.lanes,
        })
    }

    /// `runtime` as models on `device` are loaded with it.
    #[must_use]
    pub fn applied(&self, runtime: &Runtime, device: Device) -> Runtime {
        if !self.is_on(device) {
            return runtime.clone();
        }
        self.with_runs_of(runtime, self.max_pictures)
    }

    /// Worker threads for each core on `device`, if their number is not configured.
    #[must_use]
    pub fn workers_per_core(&self, device: Device) -> usize {
        if self.is_on(device) { self.workers_per_core.get() } else { 1 }
    }
}

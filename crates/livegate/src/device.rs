//! What models are to run on.

use liveness::{Device, LoadError, Pipeline, Watched};
use model_pack::{Library, Pack};
use onnx::Runtime;
use serde::{Deserialize, Serialize};

use crate::chain;
use crate::config::Config;

/// What models are to run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DeviceChoice {
    /// This, or nothing.
    #[default]
    Cpu,
    /// This, or nothing.
    OpenVino,
    /// This, or nothing.
    Cuda,
    /// This, or nothing.
    TensorRt,
    /// CUDA where it is installed and runs the pack, else OpenVINO, else the CPU. Nothing is brought for it.
    Auto,
}

impl std::fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cpu => Device::Cpu.fmt(f),
            Self::OpenVino => Device::OpenVino.fmt(f),
            Self::Cuda => Device::Cuda.fmt(f),
            Self::TensorRt => Device::TensorRt.fmt(f),
            Self::Auto => f.write_str("auto"),
        }
    }
}

impl std::str::FromStr for DeviceChoice {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if name == "auto" {
            return Ok(Self::Auto);
        }
        let device = name.parse::<Device>().map_err(|error| format!("{error}; or auto"))?;
        Ok(match device {
            Device::Cpu => Self::Cpu,
            Device::OpenVino => Self::OpenVino,
            Device::Cuda => Self::Cuda,
            Device::TensorRt => Self::TensorRt,
        })
    }
}

impl DeviceChoice {
    /// The device that is asked for; none where it is to be found out.
    pub(crate) fn named(self) -> Option<Device> {
        match self {
            Self::Cpu => Some(Device::Cpu),
            Self::OpenVino => Some(Device::OpenVino),
            Self::Cuda => Some(Device::Cuda),
            Self::TensorRt => Some(Device::TensorRt),
            Self::Auto => None,
        }
    }

    /// A pipeline on the device that is asked for, or on the one found out.
    pub(crate) fn pipeline(
        self,
        runtime: &Runtime,
        pack: &Pack,
        config: &Config,
    ) -> Result<Loaded, LoadError> {
        let on = |device| {
            let runtime = config.batching.applied(runtime, device);
            let loaded = Pipeline::load_watched(&runtime, pack, device, config.liveness);
            let (pipeline, watched) = loaded?;
            Ok(Loaded { pipeline, watched, runtime, device, fallback: None })
        };
        if let Some(device) = self.named() {
            return on(device);
        }
        let mut failed = Vec::new();
        for device in [Device::Cuda, Device::OpenVino] {
            if !runtime.has(device) {
                continue;
            }
            match on(device) {
                Ok(loaded) => {
                    tracing::info!(
                        "device auto is {device}, which is installed and answers as recorded"
                    );
                    return Ok(loaded);
                }
                Err(error) => failed.push(format!("{device} cannot be used: {}", chain(&error))),
            }
        }
        let fallback = (!failed.is_empty()).then(|| failed.join("; "));
        if let Some(why) = &fallback {
            tracing::warn!("device auto is cpu, as {why}");
        }
        Ok(Loaded { fallback, ..on(Device::Cpu)? })
    }
}

/// A pipeline, and what is known of where it runs.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub pipeline: Pipeline,
    pub watched: Watched,
    /// What it was loaded with.
    pub runtime: Runtime,
    pub device: Device,
    /// Why `auto` took the CPU although the library has something better.
    pub fallback: Option<String>,
}

/// The build of ONNX Runtime that has `device`.
pub(crate) fn library(device: Device) -> Library {
    match device {
        Device::Cpu => Library::Cpu,
        Device::OpenVino => Library::OpenVino,
        Device::Cuda | Device::TensorRt => Library::Gpu,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_called_the_same_on_the_command_line_and_in_a_file() {
        for name in Device::NAMES.into_iter().chain(["auto"]) {
            let choice: DeviceChoice = name.parse().unwrap();
            assert_eq!(choice.to_string(), name);
            assert_eq!(serde_json::to_value(choice).unwrap(), name);
        }
        let refused = "gpu".parse::<DeviceChoice>().unwrap_err();
        assert_eq!(refused, "this build runs models on: cpu, openvino, cuda, tensorrt; or auto");
    }
}

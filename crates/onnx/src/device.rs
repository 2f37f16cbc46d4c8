//! What a model runs on.

use serde::{Deserialize, Serialize};

/// What a model runs on: an ONNX Runtime execution provider.
///
/// Asking for anything else, or for a provider that the loaded library does not have, is refused by name,
/// never answered by falling back in silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// `CPUExecutionProvider`, one thread a session.
    #[default]
    Cpu,
    /// `OpenVINOExecutionProvider` on the CPU, one thread a session, in 32-bit floats. Needs an ONNX Runtime
    /// built with it, and the libraries of OpenVINO beside that.
    OpenVino,
    /// `CUDAExecutionProvider`: an NVIDIA GPU, in 32-bit floats. Needs an ONNX Runtime built with it, the libraries of
    /// CUDA 13 and cuDNN 9, and the driver.
    Cuda,
    /// `TensorrtExecutionProvider`: the same, with each model compiled for the very GPU. Needs TensorRT 10 beside that.
    TensorRt,
}

impl Device {
    /// Every device of this build, as configuration spells it.
    pub const NAMES: [&str; 4] = ["cpu", "openvino", "cuda", "tensorrt"];

    /// What ONNX Runtime calls the execution provider.
    #[must_use]
    pub fn provider(self) -> &'static str {
        match self {
            Self::Cpu => "CPUExecutionProvider",
            Self::OpenVino => "OpenVINOExecutionProvider",
            Self::Cuda => "CUDAExecutionProvider",
            Self::TensorRt => "TensorrtExecutionProvider",
        }
    }

    /// Whether it is a card of its own, with its own memory, that many pictures at once make the most of.
    #[must_use]
    pub fn is_gpu(self) -> bool {
        matches!(self, Self::Cuda | Self::TensorRt)
    }
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            Self::OpenVino => "openvino",
            Self::Cuda => "cuda",
            Self::TensorRt => "tensorrt",
        })
    }
}

impl std::str::FromStr for Device {
    type Err = UnknownDevice;

    fn from_str(name: &str) -> Result<Self, UnknownDevice> {
        match name {
            "cpu" => Ok(Self::Cpu),
            "openvino" => Ok(Self::OpenVino),
            "cuda" => Ok(Self::Cuda),
            "tensorrt" => Ok(Self::TensorRt),
            _ => Err(UnknownDevice),
        }
    }
}

/// A device that this build does not have was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this build runs models on: {}", Device::NAMES.join(", "))]
pub struct UnknownDevice;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_called_the_same_everywhere() {
        for name in Device::NAMES {
            let device: Device = name.parse().unwrap();
            assert_eq!(device.to_string(), name);
        }
        assert_eq!("gpu".parse::<Device>(), Err(UnknownDevice));
    }
}

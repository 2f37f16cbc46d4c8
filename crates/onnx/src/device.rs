//! The devices that models run on.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString};

/// The device that a model runs on, which is an execution provider of ONNX Runtime.
///
/// A device that the loaded library lacks is refused by name. No model falls back in silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Display, EnumString)]
#[strum(serialize_all = "lowercase")]
#[strum(parse_err_ty = UnknownDevice, parse_err_fn = UnknownDevice::of)]
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// `CPUExecutionProvider`, one thread per session.
    #[default]
    Cpu,
    /// `OpenVINOExecutionProvider` on the CPU, one thread per session, in 32-bit floats. Needs an
    /// ONNX Runtime built with it, and OpenVINO's libraries.
    OpenVino,
    /// `CUDAExecutionProvider`: an NVIDIA GPU, in 32-bit floats. Needs an ONNX Runtime built with
    /// it, the libraries of CUDA 13 and cuDNN 9, and the driver.
    Cuda,
    /// `TensorrtExecutionProvider`: like `Cuda`, with each model compiled for the GPU. Needs
    /// TensorRT 10 as well.
    TensorRt,
}

impl Device {
    /// Every device of this build.
    pub const ALL: [Self; 4] = [Self::Cpu, Self::OpenVino, Self::Cuda, Self::TensorRt];
    /// Their names in the configuration, in the same order.
    pub const NAMES: [&str; 4] = ["cpu", "openvino", "cuda", "tensorrt"];

    /// ONNX Runtime's name of the execution provider.
    #[must_use]
    pub fn provider(self) -> &'static str {
        match self {
            Self::Cpu => "CPUExecutionProvider",
            Self::OpenVino => "OpenVINOExecutionProvider",
            Self::Cuda => "CUDAExecutionProvider",
            Self::TensorRt => "TensorrtExecutionProvider",
        }
    }

    /// Whether the device is a card with its own memory, which is fastest on many pictures at once.
    #[must_use]
    pub fn is_gpu(self) -> bool {
        matches!(self, Self::Cuda | Self::TensorRt)
    }
}

/// The name is no device of this build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this build runs models on: {}", Device::NAMES.join(", "))]
pub struct UnknownDevice;

impl UnknownDevice {
    fn of(_: &str) -> Self {
        Self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_one_name_in_texts_and_in_serde() {
        for (device, name) in Device::ALL.into_iter().zip(Device::NAMES) {
            assert_eq!(name.parse(), Ok(device));
            assert_eq!(device.to_string(), name);
            assert_eq!(serde_json::to_value(device).unwrap(), name);
        }
        assert_eq!("gpu".parse::<Device>(), Err(UnknownDevice));
    }
}

//! The device that models are to run on, and the files that it needs.

use std::fmt;
use std::str::FromStr;

use liveness::Device;
use model_pack::Library;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The configured device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// OpenVINO where it is installed and runs the pack, else the CPU ([`crate::auto`]). Never a
    /// GPU.
    #[default]
    AutoCpu,
    /// CUDA where it is installed and runs the pack, else as [`Self::AutoCpu`].
    Auto,
    /// This device, or an error.
    Named(Device),
}

const AUTO_CPU: &str = "auto-cpu";
const AUTO: &str = "auto";

impl DeviceChoice {
    /// Every choice, as configuration spells it.
    pub const NAMES: [&str; 6] = {
        let [cpu, openvino, cuda, tensorrt] = Device::NAMES;
        [AUTO_CPU, cpu, openvino, cuda, tensorrt, AUTO]
    };

    /// The device, unless it is to be found out.
    #[must_use]
    pub fn named(self) -> Option<Device> {
        match self {
            Self::AutoCpu | Self::Auto => None,
            Self::Named(device) => Some(device),
        }
    }

    /// The devices to try before the CPU, the best first.
    pub(crate) fn better_than_cpu(self) -> &'static [Device] {
        match self {
            Self::AutoCpu => &[Device::OpenVino],
            Self::Auto => &[Device::Cuda, Device::OpenVino],
            Self::Named(_) => &[],
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AutoCpu => f.write_str(AUTO_CPU),
            Self::Auto => f.write_str(AUTO),
            Self::Named(device) => device.fmt(f),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            AUTO_CPU => Ok(Self::AutoCpu),
            AUTO => Ok(Self::Auto),
            name => name.parse().map(Self::Named).map_err(|error| {
                format!("{error}; {AUTO_CPU} takes the best without a GPU, {AUTO} the best of all")
            }),
        }
    }
}

impl Serialize for DeviceChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DeviceChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(|_| de::Error::unknown_variant(&name, &Self::NAMES))
    }
}

/// The build of ONNX Runtime that has `device`.
#[must_use]
pub fn library(device: Device) -> Library {
    match device {
        Device::Cpu => Library::Cpu,
        Device::OpenVino => Library::OpenVino,
        Device::Cuda | Device::TensorRt => Library::Gpu,
    }
}

/// The command that installs `library`, without the program's name.
#[must_use]
pub fn setup_command(library: Library) -> &'static str {
    match library {
        Library::Cpu => "setup",
        Library::OpenVino => "setup --device openvino",
        Library::Gpu | Library::Nvidia => "setup --device cuda",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_called_the_same_on_the_command_line_and_in_a_file() {
        for name in DeviceChoice::NAMES {
            let choice: DeviceChoice = name.parse().unwrap();
            assert_eq!(choice.to_string(), name);
            let json = serde_json::to_value(choice).unwrap();
            assert_eq!(json, name);
            assert_eq!(serde_json::from_value::<DeviceChoice>(json).unwrap(), choice);
        }
        let refused = "gpu".parse::<DeviceChoice>().unwrap_err();
        assert_eq!(
            refused,
            "this build runs models on: cpu, openvino, cuda, tensorrt; auto-cpu takes the best \
             without a GPU, auto the best of all"
        );
    }

    #[test]
    fn a_gpu_is_tried_only_where_the_choice_names_it_or_is_auto() {
        let default = DeviceChoice::default();
        assert_eq!((default.to_string().as_str(), default.named()), ("auto-cpu", None));
        for name in DeviceChoice::NAMES {
            let choice: DeviceChoice = name.parse().unwrap();
            let tried = choice.better_than_cpu().iter().copied().chain(choice.named());
            let is_gpu_tried = tried.into_iter().any(Device::is_gpu);
            assert_eq!(is_gpu_tried, ["cuda", "tensorrt", "auto"].contains(&name), "{name}");
        }
    }
}

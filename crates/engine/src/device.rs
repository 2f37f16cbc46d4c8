//! The device that models are to run on, and the files that it needs.

use std::fmt;
use std::str::FromStr;

use liveness::Device;
use model_pack::Library;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The configured device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChoice {
    /// CUDA where it is installed and runs the pack, else OpenVINO, else the CPU
    /// ([`crate::auto`]). Nothing is downloaded for it.
    Auto,
    /// This device, or an error.
    Named(Device),
}

impl DeviceChoice {
    /// Every choice, as configuration spells it.
    pub const NAMES: [&str; 5] = {
        let [cpu, openvino, cuda, tensorrt] = Device::NAMES;
        [cpu, openvino, cuda, tensorrt, "auto"]
    };

    /// The device, unless it is to be found out.
    #[must_use]
    pub fn named(self) -> Option<Device> {
        match self {
            Self::Auto => None,
            Self::Named(device) => Some(device),
        }
    }
}

impl Default for DeviceChoice {
    fn default() -> Self {
        Self::Named(Device::default())
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Named(device) => device.fmt(f),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if name == "auto" {
            return Ok(Self::Auto);
        }
        name.parse().map(Self::Named).map_err(|error| format!("{error}; or auto"))
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
        assert_eq!(refused, "this build runs models on: cpu, openvino, cuda, tensorrt; or auto");
    }
}

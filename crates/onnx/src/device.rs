//! What a model runs on.

use serde::{Deserialize, Serialize};

/// What a model runs on: an ONNX Runtime execution provider.
///
/// This build has the CPU only. Asking for anything else is refused by name, never answered by
/// falling back in silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// `CPUExecutionProvider`, one thread a session.
    #[default]
    Cpu,
}

impl Device {
    /// Every device of this build, as configuration spells it.
    pub const NAMES: [&str; 1] = ["cpu"];
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
        })
    }
}

impl std::str::FromStr for Device {
    type Err = UnknownDevice;

    fn from_str(name: &str) -> Result<Self, UnknownDevice> {
        match name {
            "cpu" => Ok(Self::Cpu),
            _ => Err(UnknownDevice),
        }
    }
}

/// A device that this build does not have was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this build runs models on: {}", Device::NAMES.join(", "))]
pub struct UnknownDevice;

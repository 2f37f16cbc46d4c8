//! Flags that several commands take: device, pack, sources, threshold.

#![expect(missing_debug_implementations, reason = "`--set` may hold a secret in the wrong place")]

use clap::Args;
use liveness::{Bar, SecurityLevel, Threshold};

use crate::config::{Config, ConfigError, Flag, Layers, Settings, help};
use crate::device::DeviceChoice;
use crate::install::Sources;

/// The device of the models, and the configuration that may name it.
#[derive(Args)]
pub struct On {
    /// The configuration.
    #[command(flatten)]
    pub settings: Settings,
    /// The key `device`.
    #[arg(long, value_name = "DEVICE", help = help("device"))]
    pub device: Option<DeviceChoice>,
}

impl On {
    /// The configuration: files, variables and these flags.
    ///
    /// # Errors
    /// When it is not sound.
    pub fn config(&self) -> Result<Config, ConfigError> {
        self.layers(Vec::new())?.config()
    }

    fn layers(&self, mut flags: Vec<Flag>) -> Result<Layers, ConfigError> {
        flags.push(Flag::new("device", self.device.as_ref()));
        Layers::load(&self.settings, &flags)
    }
}

/// The pack and the device.
#[derive(Args)]
pub struct Model {
    /// The key `pack`.
    #[arg(long, value_name = "NAME", help = help("pack"))]
    pub pack: Option<String>,
    /// The device, and the configuration.
    #[command(flatten)]
    pub on: On,
}

impl Model {
    /// The layers of the configuration, with these flags and `more` on top.
    ///
    /// # Errors
    /// When a file, a variable or a flag is wrong.
    pub fn layers(&self, more: impl IntoIterator<Item = Flag>) -> Result<Layers, ConfigError> {
        let mut flags = vec![Flag::new("pack", self.pack.as_ref())];
        flags.extend(more);
        self.on.layers(flags)
    }
}

/// The pack, the device, and the sources of missing files.
#[derive(Args)]
pub struct EngineFlags {
    /// The pack and the device.
    #[command(flatten)]
    pub model: Model,
    /// The sources of missing files.
    #[command(flatten)]
    pub sources: Sources,
}

/// The threshold of scores.
#[derive(Debug, Args)]
pub struct ScoreBar {
    /// Scores from here on are live, 0 to 1 [default: the configured one, or 0.5].
    #[arg(long, value_name = "NUMBER")]
    threshold: Option<Threshold>,
    /// Take the threshold that the pack has for this level: convenience, standard or hardened.
    #[arg(long, value_name = "LEVEL", conflicts_with = "threshold")]
    security_level: Option<SecurityLevel>,
}

impl ScoreBar {
    /// The threshold or the level of the flags, if any.
    pub fn bar(&self) -> Option<Bar> {
        self.threshold.map(Bar::Threshold).or(self.security_level.map(Bar::Level))
    }
}

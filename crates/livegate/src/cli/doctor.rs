//! The flags of `livegate doctor` and `livegate health`.

use clap::Args;

use super::Settings;
use crate::config::Flag;
use crate::device::DeviceChoice;

#[derive(Args)]
pub(crate) struct Doctor {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Model pack [default: the best one installed] [env: `LIVEGATE_PACK`].
    #[arg(long, value_name = "NAME")]
    pub pack: Option<String>,
    /// What models run on: cpu, openvino or auto [default: cpu] [env: `LIVEGATE_DEVICE`].
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<DeviceChoice>,
    #[command(flatten)]
    pub settings: Settings,
}

impl Doctor {
    /// Those of its flags that stand for keys of the configuration.
    pub(crate) fn flags(&self) -> Vec<Flag> {
        vec![
            Flag::new("pack", "--pack", self.pack.as_ref()),
            Flag::new("device", "--device", self.device.as_ref()),
        ]
    }
}

#[derive(Args)]
pub(crate) struct Health {
    /// Ask here [default: `/readyz` of the admin listener that is configured, or else of the main one, on this
    /// machine].
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    #[command(flatten)]
    pub settings: Settings,
}

//! `livegate setup`.

use clap::Args;
use engine::exit;
use engine::install::{Sources, setup};
use engine::terminal::tell;
use engine::{Place, runtime};
use liveness::Device;
use model_pack::nvidia::{self, HostLibraries};

/// The flags of `livegate setup`.
#[derive(Debug, Args)]
pub(crate) struct Setup {
    /// Install this pack and no other; may be repeated [default: silent-face and starter, if they
    /// can be had].
    #[arg(long = "pack", value_name = "NAME")]
    packs: Vec<String>,
    /// Install the libraries of this device and no other; may be repeated [default: openvino, if it
    /// can be had, and cpu].
    #[arg(long = "device", value_name = "DEVICE")]
    devices: Vec<Device>,
    /// Bring NVIDIA's libraries also where this host has CUDA 13 and cuDNN 9 of its own: for a home
    /// that is carried elsewhere.
    #[arg(long)]
    bring_cuda: bool,
    #[command(flatten)]
    sources: Sources,
}

pub(crate) fn run(command: &Setup, place: &Place) -> anyhow::Result<u8> {
    let Setup { packs, devices, bring_cuda, sources } = command;
    let home = place.home()?;
    setup(place, &home, devices, packs, *bring_cuda, sources)?;
    if devices.contains(&Device::TensorRt)
        && let Err(missing) = HostLibraries::look().all(&nvidia::TENSORRT)
    {
        let missing = runtime::file_names(&missing);
        tell(&format!(
            "NOT INSTALLED: TensorRT 10, which Livegate cannot bring and this host does not have: \
             {missing} missing"
        ));
    }
    if let Some(name) = home.default_pack() {
        tell(&format!("Ready. Without --pack, `{name}` serves."));
    }
    Ok(exit::SUCCESS)
}

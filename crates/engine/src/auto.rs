//! The devices `auto-cpu` and `auto`: the ONNX Runtime and the device that they stand for on this
//! host.
//!
//! A process can load one ONNX Runtime only. So they are decided twice: first by the best library
//! that is installed and loads, then by the best device of that library that runs the pack.

use std::path::{Path, PathBuf};

use anyhow::bail;
use liveness::{LoadError, Pipeline, Watched, chain};
use model_pack::{Home, Library, Pack, runtime_library};
use onnx::{Device, Runtime};

use crate::config::Config;
use crate::device::{DeviceChoice, library, setup_command};
use crate::home::Place;
use crate::runtime::{is_begun, load_installed, preload_dependencies};

/// ONNX Runtime looks for this file beside itself to run models on a GPU.
const CUDA_PROVIDER: &str = "libonnxruntime_providers_cuda.so";

/// The ONNX Runtime library, loaded.
#[derive(Debug)]
pub struct LoadedRuntime {
    /// The library.
    pub runtime: Runtime,
    /// Its file.
    pub path: PathBuf,
    /// The reason why a better one was not taken, where the device is to be found out.
    pub fallback: Option<String>,
}

/// Loads the library that the flags name, or else the one that is installed for the device.
///
/// # Errors
/// When it, or a library that it needs, is missing or cannot be loaded.
pub fn load_runtime(
    place: &Place,
    home: &Home,
    choice: DeviceChoice,
) -> anyhow::Result<LoadedRuntime> {
    let (path, runtime) = match (choice.named(), &place.onnxruntime) {
        (None, None) => return best_installed(choice, home),
        (None, Some(file)) => return best_of(choice, file, home),
        (Some(device), None) => load_installed(device, home)?,
        (Some(device), Some(file)) => {
            preload_dependencies(device, home)?;
            (file.clone(), Runtime::load(file)?)
        }
    };
    Ok(LoadedRuntime { runtime, path, fallback: None })
}

/// The libraries to install for a device that is to be found out: none where one is there; the
/// CPU's alone where a part of that alone is there, as `setup --device cpu` leaves it; else all
/// that `setup` brings.
pub(crate) fn libraries_to_install(choice: DeviceChoice, home: &Home) -> Vec<Library> {
    let is_there = |device: &Device| home.runtime_library(library(*device)).is_some();
    if is_there(&Device::Cpu) || choice.better_than_cpu().iter().any(is_there) {
        return Vec::new();
    }
    let all = libraries_without_gpu();
    let begun = all.iter().copied().filter(|library| is_begun(home, *library));
    if begun.eq([Library::Cpu]) { vec![Library::Cpu] } else { all }
}

/// The libraries that `setup` brings if no device is named: OpenVINO's where this platform has it,
/// and the CPU's, so that `--device cpu` and a fallback need no network.
pub(crate) fn libraries_without_gpu() -> Vec<Library> {
    let better = DeviceChoice::AutoCpu.better_than_cpu().iter().map(|device| library(*device));
    let exists = |library: &Library| runtime_library(*library).is_some();
    better.filter(exists).chain([Library::Cpu]).collect()
}

/// The best library that is installed and can be loaded. The libraries that a better one needs are
/// loaded before it, so that a failure leaves the process free for another.
fn best_installed(choice: DeviceChoice, home: &Home) -> anyhow::Result<LoadedRuntime> {
    let mut failed = Vec::new();
    let better = choice.better_than_cpu().iter().copied();
    let better = better.filter(|it| home.runtime_directory(library(*it)).is_dir());
    for device in better.chain([Device::Cpu]) {
        match load_installed(device, home) {
            Ok((path, runtime)) => {
                let is_cpu = device == Device::Cpu;
                let fallback = if failed.is_empty() {
                    is_cpu.then(|| nothing_better(choice)).flatten()
                } else {
                    let at_best = if is_cpu { "" } else { "at best " };
                    let reason = failed.join("; ");
                    tracing::warn!("device {choice} is {at_best}{device}, as {reason}");
                    Some(reason)
                };
                return Ok(LoadedRuntime { runtime, path, fallback });
            }
            Err(error) if failed.is_empty() && device == Device::Cpu => return Err(error),
            Err(error) => failed.push(cannot_be_used(device, &error)),
        }
    }
    let reason = failed.join("; ");
    // The build with CUDA runs models on the CPU as well, without NVIDIA's libraries.
    if choice == DeviceChoice::Auto
        && let Some(path) = home.runtime_library(Library::Gpu)
        && let Ok(runtime) = Runtime::load(&path)
    {
        tracing::warn!("device {choice} is cpu, on {}, as {reason}", Library::Gpu);
        return Ok(LoadedRuntime { runtime: runtime.on_cpu_only(), path, fallback: Some(reason) });
    }
    bail!(reason)
}

/// The library in `file`, with CUDA where `choice` allows it, the library has it and the host has
/// the rest.
fn best_of(choice: DeviceChoice, file: &Path, home: &Home) -> anyhow::Result<LoadedRuntime> {
    let is_wanted = choice.better_than_cpu().contains(&Device::Cuda);
    let has_cuda = is_wanted && file.with_file_name(CUDA_PROVIDER).is_file();
    let cuda = if has_cuda { preload_dependencies(Device::Cuda, home) } else { Ok(()) };
    let path = file.to_owned();
    let runtime = Runtime::load(file)?;
    if let Err(error) = cuda {
        let reason = cannot_be_used(Device::Cuda, &error);
        tracing::warn!("device {choice} is cpu, as {reason}");
        return Ok(LoadedRuntime { runtime: runtime.on_cpu_only(), path, fallback: Some(reason) });
    }
    let has_better = choice.better_than_cpu().iter().any(|device| runtime.has(*device));
    let fallback = if has_better { None } else { nothing_better(choice) };
    Ok(LoadedRuntime { runtime, path, fallback })
}

/// The reason why `choice` is the CPU where nothing has failed. None where this platform has no
/// better device.
fn nothing_better(choice: DeviceChoice) -> Option<String> {
    let better = choice.better_than_cpu().iter().map(|device| (device, library(*device)));
    let (devices, commands): (Vec<_>, Vec<_>) = better
        .filter(|(_, library)| runtime_library(*library).is_some())
        .map(|(device, library)| {
            (device.to_string(), format!("`livegate {}`", setup_command(library)))
        })
        .unzip();
    if devices.is_empty() {
        tracing::info!("device {choice} is cpu, as this platform has no other");
        return None;
    }
    let reason = format!(
        "the loaded ONNX Runtime has no {} ({} brings one that has)",
        devices.join(" and no "),
        commands.join(" or ")
    );
    tracing::info!("device {choice} is cpu, as {reason}");
    Some(reason)
}

fn cannot_be_used(device: Device, error: &anyhow::Error) -> String {
    format!("{device} cannot be used: {error:#}")
}

/// A pipeline, and what is known of where it runs.
#[derive(Debug)]
pub struct Loaded {
    /// The pipeline, which has reproduced the pack's golden vectors.
    pub pipeline: Pipeline,
    /// The execution providers that ran its models.
    pub watched: Watched,
    /// The library as the pipeline was loaded with it.
    pub runtime: Runtime,
    /// The device that runs its models.
    pub device: Device,
    /// The reason why the CPU was taken although the library has something better.
    pub fallback: Option<String>,
}

/// Loads a pipeline on the named device, or on the best one that runs the pack.
///
/// # Errors
/// When the pack does not answer as recorded.
pub fn load_pipeline(
    choice: DeviceChoice,
    runtime: &Runtime,
    pack: &Pack,
    config: &Config,
) -> Result<Loaded, LoadError> {
    let on = |device| {
        let runtime = config.batching.applied(runtime, device);
        let (pipeline, watched) = Pipeline::load_watched(&runtime, pack, device, config.liveness)?;
        Ok(Loaded { pipeline, watched, runtime, device, fallback: None })
    };
    if let DeviceChoice::Named(device) = choice {
        return on(device);
    }
    let mut failed = Vec::new();
    let better = choice.better_than_cpu().iter().copied();
    for device in better.filter(|device| runtime.has(*device)) {
        match on(device) {
            Ok(loaded) => {
                tracing::info!(
                    "device {choice} is {device}, which is installed and answers as recorded"
                );
                return Ok(loaded);
            }
            Err(error) => failed.push(format!("{device} cannot be used: {}", chain(&error))),
        }
    }
    let fallback = (!failed.is_empty()).then(|| failed.join("; "));
    if let Some(reason) = &fallback {
        tracing::warn!("device {choice} is cpu, as {reason}");
    }
    Ok(Loaded { fallback, ..on(Device::Cpu)? })
}

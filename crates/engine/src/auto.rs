//! The device `auto`: the ONNX Runtime and the device that it stands for on this host.
//!
//! A process can load one ONNX Runtime only. So `auto` is decided twice: first by the best library
//! that is installed and loads, then by the best device of that library that runs the pack.

use std::path::{Path, PathBuf};

use anyhow::bail;
use liveness::{LoadError, Pipeline, Watched, chain};
use model_pack::{Home, Library, Pack};
use onnx::{Device, Runtime};

use crate::config::Config;
use crate::device::{DeviceChoice, library};
use crate::home::Place;
use crate::runtime::{load_installed, preload_dependencies};

/// The devices that are better than the CPU, the best first.
const BETTER: [Device; 2] = [Device::Cuda, Device::OpenVino];

/// ONNX Runtime looks for this file beside itself to run models on a GPU.
const CUDA_PROVIDER: &str = "libonnxruntime_providers_cuda.so";

/// The ONNX Runtime library, loaded.
#[derive(Debug)]
pub struct LoadedRuntime {
    /// The library.
    pub runtime: Runtime,
    /// Its file.
    pub path: PathBuf,
    /// The reason why `auto` did not take a better one.
    pub fallback: Option<String>,
}

/// Loads the library that the flags name, or else the one that is installed for the device.
///
/// # Errors
/// When it, or a library that it needs, is missing or cannot be loaded.
pub fn load_runtime(
    place: &Place,
    home: &Home,
    device: DeviceChoice,
) -> anyhow::Result<LoadedRuntime> {
    let (path, runtime) = match (device, &place.onnxruntime) {
        (DeviceChoice::Auto, None) => return best_installed(home),
        (DeviceChoice::Auto, Some(file)) => return best_of(file, home),
        (DeviceChoice::Named(device), None) => load_installed(device, home)?,
        (DeviceChoice::Named(device), Some(file)) => {
            preload_dependencies(device, home)?;
            (file.clone(), Runtime::load(file)?)
        }
    };
    Ok(LoadedRuntime { runtime, path, fallback: None })
}

/// The library to install for `auto`: none where any is there.
pub(crate) fn library_to_install(home: &Home) -> Option<Library> {
    let is_missing = |device: &Device| home.runtime_library(library(*device)).is_none();
    [Device::Cpu].iter().chain(&BETTER).all(is_missing).then_some(Library::Cpu)
}

/// The best library that is installed and can be loaded. The libraries that a better one needs are
/// loaded before it, so that a failure leaves the process free for another.
fn best_installed(home: &Home) -> anyhow::Result<LoadedRuntime> {
    let mut failed = Vec::new();
    let better = BETTER.into_iter().filter(|it| home.runtime_directory(library(*it)).is_dir());
    for device in better.chain([Device::Cpu]) {
        match load_installed(device, home) {
            Ok((path, runtime)) => {
                let is_cpu = device == Device::Cpu;
                let fallback = if failed.is_empty() {
                    is_cpu.then(nothing_better)
                } else {
                    let at_best = if is_cpu { "" } else { "at best " };
                    let reason = failed.join("; ");
                    tracing::warn!("device auto is {at_best}{device}, as {reason}");
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
    if let Some(path) = home.runtime_library(Library::Gpu)
        && let Ok(runtime) = Runtime::load(&path)
    {
        tracing::warn!("device auto is cpu, on {}, as {reason}", Library::Gpu);
        return Ok(LoadedRuntime { runtime: runtime.on_cpu_only(), path, fallback: Some(reason) });
    }
    bail!(reason)
}

/// The library in `file`, with CUDA where it has that and the host has the rest.
fn best_of(file: &Path, home: &Home) -> anyhow::Result<LoadedRuntime> {
    let has_cuda = file.with_file_name(CUDA_PROVIDER).is_file();
    let cuda = if has_cuda { preload_dependencies(Device::Cuda, home) } else { Ok(()) };
    let path = file.to_owned();
    let runtime = Runtime::load(file)?;
    if let Err(error) = cuda {
        let reason = cannot_be_used(Device::Cuda, &error);
        tracing::warn!("device auto is cpu, as {reason}");
        return Ok(LoadedRuntime { runtime: runtime.on_cpu_only(), path, fallback: Some(reason) });
    }
    let has_better = BETTER.iter().any(|device| runtime.has(*device));
    let fallback = (!has_better).then(nothing_better);
    Ok(LoadedRuntime { runtime, path, fallback })
}

/// The reason why `auto` is the CPU where nothing has failed.
fn nothing_better() -> String {
    let reason = "the loaded ONNX Runtime has neither cuda nor openvino (`livegate setup --device \
                  cuda` or `livegate setup --device openvino` brings one)";
    tracing::info!("device auto is cpu, as {reason}");
    reason.to_owned()
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
    /// The reason why `auto` took the CPU although the library has something better.
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
    for device in BETTER.into_iter().filter(|device| runtime.has(*device)) {
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
    if let Some(reason) = &fallback {
        tracing::warn!("device auto is cpu, as {reason}");
    }
    Ok(Loaded { fallback, ..on(Device::Cpu)? })
}

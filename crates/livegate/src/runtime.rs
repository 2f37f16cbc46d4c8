//! Which ONNX Runtime is loaded, and what has to be loaded before it.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use model_pack::nvidia::{self, HostLibraries, Needed};
use model_pack::{Home, Library, runtime_library};
use onnx::{Device, Runtime, preload};

use crate::chain;
use crate::cli::Place;
use crate::device::{DeviceChoice, library};
use crate::setup;

/// The ONNX Runtime library, loaded.
#[derive(Debug)]
pub(crate) struct LoadedRuntime {
    pub runtime: Runtime,
    /// The file.
    pub path: PathBuf,
    /// Why it is not a better one although `auto` would have that.
    pub fallback: Option<String>,
}

/// The library that the flags name, or the one installed for `device`, loaded. `auto` takes the best that is whole and
/// can be loaded.
pub(crate) fn load(
    place: &Place,
    home: &Home,
    device: DeviceChoice,
) -> anyhow::Result<LoadedRuntime> {
    let Some(file) = &place.onnxruntime else {
        return match device.named() {
            Some(device) => {
                let (path, runtime) = load_for(device, home)?;
                Ok(LoadedRuntime { runtime, path, fallback: None })
            }
            None => best(home),
        };
    };
    let mut fallback = None;
    match device.named() {
        Some(device) => before(device, home)?,
        None if file.with_file_name(CUDA_PROVIDER).is_file() => {
            fallback =
                before(Device::Cuda, home).err().map(|error| cannot_be_used(Device::Cuda, &error));
        }
        None => {}
    }
    let mut runtime = Runtime::load(file)?;
    if let Some(why) = &fallback {
        tracing::warn!("device auto is cpu, as {why}");
        runtime = runtime.on_cpu_only();
    } else if device == DeviceChoice::Auto
        && ![Device::Cuda, Device::OpenVino].iter().any(|device| runtime.has(*device))
    {
        fallback = Some(with_nothing_better());
    }
    Ok(LoadedRuntime { runtime, path: file.clone(), fallback })
}

/// What ONNX Runtime looks for beside itself to run models on a GPU.
const CUDA_PROVIDER: &str = "libonnxruntime_providers_cuda.so";

/// The best library that is there and can be loaded. A process can load one only; so all that a better one needs is
/// tried before it.
fn best(home: &Home) -> anyhow::Result<LoadedRuntime> {
    let mut failed = Vec::new();
    for device in [Device::Cuda, Device::OpenVino, Device::Cpu] {
        let is_begun = home.runtime_directory(library(device)).is_dir();
        if !is_begun && device != Device::Cpu {
            continue;
        }
        match load_for(device, home) {
            Ok((path, runtime)) => {
                let mut fallback = (!failed.is_empty()).then(|| failed.join("; "));
                if let Some(why) = &fallback {
                    let at_best = if device == Device::Cpu { "" } else { "at best " };
                    tracing::warn!("device auto is {at_best}{device}, as {why}");
                } else if device == Device::Cpu {
                    fallback = Some(with_nothing_better());
                }
                return Ok(LoadedRuntime { runtime, path, fallback });
            }
            // There was nothing better.
            Err(error) if failed.is_empty() && device == Device::Cpu => return Err(error),
            Err(error) => failed.push(cannot_be_used(device, &error)),
        }
    }
    // That with CUDA runs models on the CPU as well, without anything of NVIDIA's.
    if let Some(path) = home.runtime_library(Library::Gpu)
        && let Ok(runtime) = Runtime::load(&path)
    {
        let why = failed.join("; ");
        tracing::warn!("device auto is cpu, on {}, as {why}", Library::Gpu);
        return Ok(LoadedRuntime { runtime: runtime.on_cpu_only(), path, fallback: Some(why) });
    }
    bail!("{}", failed.join("; "))
}

/// Why `auto` is the CPU where nothing has failed.
fn with_nothing_better() -> String {
    let why = "the loaded ONNX Runtime has neither cuda nor openvino (`livegate setup --device cuda` or \
         `livegate setup --device openvino` brings one)";
    tracing::info!("device auto is cpu, as {why}");
    why.to_owned()
}

/// As an operator reads it.
fn cannot_be_used(device: Device, error: &anyhow::Error) -> String {
    format!("{device} cannot be used: {error:#}")
}

/// The installed library for `device` and its path.
fn load_for(device: Device, home: &Home) -> anyhow::Result<(PathBuf, Runtime)> {
    let library = library(device);
    let path = home.runtime_library(library).with_context(|| not_installed(home, library))?;
    before(device, home)?;
    match Runtime::load(&path) {
        Ok(runtime) => Ok((path, runtime)),
        Err(error) => bail!("{}; {}", chain(&error), again(library)),
    }
}

/// Loads what has to be there before the library for `device` is.
fn before(device: Device, home: &Home) -> anyhow::Result<()> {
    if !device.is_gpu() {
        return Ok(());
    }
    driver()?;
    let libraries = nvidia::cuda_and_cudnn(home).map_err(|missing| {
        if home.runtime_directory(Library::Nvidia).is_dir() {
            return anyhow::anyhow!(not_installed(home, Library::Nvidia));
        }
        let missing: Vec<_> = missing.iter().map(|it| it.file).collect();
        let (missing, how) = (missing.join(", "), setup::how(Library::Nvidia));
        anyhow::anyhow!(
            "CUDA 13 and cuDNN 9 are neither installed nor this host's own: {missing} not found; run `livegate {how}`"
        )
    })?;
    for file in libraries {
        preload(&file).with_context(|| again(Library::Nvidia))?;
    }
    if device == Device::TensorRt {
        let host = HostLibraries::look();
        for Needed { file, part_of } in nvidia::TENSORRT {
            let path = host.find(file).unwrap_or_else(|| Path::new(file).to_owned());
            preload(&path).with_context(|| {
                format!(
                    "{file} of {part_of} cannot be used, and Livegate cannot bring it: install {part_of} for CUDA 13 on \
                     this host, name its directory with LD_LIBRARY_PATH, or use --device cuda"
                )
            })?;
        }
    }
    Ok(())
}

/// Loads the driver of NVIDIA's GPUs, which no setup can bring.
pub(crate) fn driver() -> anyhow::Result<()> {
    let Needed { file, part_of } = nvidia::DRIVER;
    preload(Path::new(file)).map_err(|error| {
        anyhow::anyhow!(
            "{}; it is part of {part_of}: install that on the host, and hand a container the GPU (docker run --gpus all, or \
             resources of nvidia.com/gpu in Kubernetes); --device cpu runs without",
            chain(&error)
        )
    })
}

/// What to do about a library that is there and cannot be loaded.
fn again(library: Library) -> String {
    format!(
        "`livegate {}` checks every file of {library} and brings what is missing",
        setup::how(library)
    )
}

/// What to do about a library that is not there whole, and which files are not.
fn not_installed(home: &Home, library: Library) -> String {
    let how = setup::how(library);
    let missing = home.missing_files(library).unwrap_or_default();
    let directory = home.runtime_directory(library);
    let files = runtime_library(library).unwrap_or_default();
    if missing.is_empty() || !files.iter().any(|file| directory.join(&file.file).exists()) {
        return format!("{library} is not installed; run `livegate {how}`");
    }
    format!(
        "{library} is not whole: {} missing or changed; run `livegate {how}`",
        missing.join(", ")
    )
}

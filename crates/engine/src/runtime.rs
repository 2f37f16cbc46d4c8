//! The ONNX Runtime library for a device, and the libraries that have to be loaded before it.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use liveness::chain;
use model_pack::nvidia::{self, HostLibraries, Needed};
use model_pack::{Home, Library, runtime_library};
use onnx::{Device, Runtime, preload};

use crate::device::{library, setup_command};

/// The installed library for `device` and its path.
///
/// # Errors
/// When the library, or one that it needs, is missing or cannot be loaded.
pub fn load_installed(device: Device, home: &Home) -> anyhow::Result<(PathBuf, Runtime)> {
    let library = library(device);
    let path = home.runtime_library(library).with_context(|| not_installed(home, library))?;
    preload_dependencies(device, home)?;
    match Runtime::load(&path) {
        Ok(runtime) => Ok((path, runtime)),
        Err(error) => bail!("{}; {}", chain(&error), repair_hint(library)),
    }
}

/// Loads the libraries that the ONNX Runtime for `device` needs, in the order of need: the system's
/// loader then looks for none of them.
///
/// # Errors
/// When one is missing or cannot be loaded.
pub fn preload_dependencies(device: Device, home: &Home) -> anyhow::Result<()> {
    if !device.is_gpu() {
        return Ok(());
    }
    preload_driver()?;
    let libraries = nvidia::cuda_and_cudnn(home).map_err(|missing| {
        if home.runtime_directory(Library::Nvidia).is_dir() {
            return anyhow!(not_installed(home, Library::Nvidia));
        }
        anyhow!(
            "CUDA 13 and cuDNN 9 are neither installed nor this host's own: {} not found; run \
             `livegate {}`",
            file_names(&missing),
            setup_command(Library::Nvidia)
        )
    })?;
    for file in libraries {
        preload(&file).with_context(|| repair_hint(Library::Nvidia))?;
    }
    if device == Device::TensorRt {
        let host = HostLibraries::look();
        for Needed { file, part_of } in nvidia::TENSORRT {
            let path = host.find(file).unwrap_or_else(|| Path::new(file).to_owned());
            preload(&path).with_context(|| {
                format!(
                    "{file} of {part_of} cannot be used, and Livegate cannot bring it: install \
                     {part_of} for CUDA 13 on this host, name its directory with \
                     LD_LIBRARY_PATH, or use --device cuda"
                )
            })?;
        }
    }
    Ok(())
}

/// Loads the driver of NVIDIA's GPUs, which no setup can install.
///
/// # Errors
/// When this host, or this container, has none.
pub fn preload_driver() -> anyhow::Result<()> {
    let Needed { file, part_of } = nvidia::DRIVER;
    preload(Path::new(file)).map_err(|error| {
        anyhow!(
            "{}; it is part of {part_of}: install that on the host, and hand a container the GPU \
             (docker run --gpus all, or resources of nvidia.com/gpu in Kubernetes); --device cpu \
             runs without",
            chain(&error)
        )
    })
}

/// The files of `libraries`, for a message.
#[must_use]
pub fn file_names(libraries: &[Needed]) -> String {
    libraries.iter().map(|library| library.file).collect::<Vec<_>>().join(", ")
}

/// The repair of a library that is there and cannot be loaded.
fn repair_hint(library: Library) -> String {
    let setup = setup_command(library);
    format!("`livegate {setup}` checks every file of {library} and brings what is missing")
}

/// The missing files of a library, and the command that installs it.
fn not_installed(home: &Home, library: Library) -> String {
    let setup = setup_command(library);
    let missing = home.missing_files(library).unwrap_or_default();
    if missing.is_empty() || !is_begun(home, library) {
        return format!("{library} is not installed; run `livegate {setup}`");
    }
    let missing = missing.join(", ");
    format!("{library} is not whole: {missing} missing or changed; run `livegate {setup}`")
}

/// Whether any file of `library` is installed.
#[must_use]
pub fn is_begun(home: &Home, library: Library) -> bool {
    let directory = home.runtime_directory(library);
    runtime_library(library)
        .is_some_and(|files| files.iter().any(|it| directory.join(&it.file).exists()))
}

//! Errors of the runtime and of models.

use std::path::PathBuf;
use std::sync::Arc;

use crate::device::Device;
use crate::fault::GpuFault;
use crate::inspect::InspectError;
use crate::profile::ProfileError;
use crate::signature::Shape;

/// Why the ONNX Runtime library could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// The file is missing, no library for this machine, or older than this build needs.
    #[error("ONNX Runtime at {} cannot be loaded: {loader_message}", path.display())]
    Library {
        /// The path of the library.
        path: PathBuf,
        /// The message of the system's loader, which names a missing library.
        loader_message: String,
    },
    /// A library that ONNX Runtime needs is missing, or cannot be loaded.
    #[error("{} cannot be loaded: {loader_message}", library.display())]
    Preload {
        /// The library's path or name.
        library: PathBuf,
        /// The message of the system's loader.
        loader_message: String,
    },
    /// The library was loaded and did not start.
    #[error("ONNX Runtime does not start")]
    Start(#[source] ort::Error),
}

/// Why a model could not be loaded or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// `inspect` refuses the file.
    #[error("the model file is refused")]
    Refused(#[from] InspectError),
    /// ONNX Runtime cannot build a session from the file.
    #[error("the model cannot be loaded")]
    Load(#[source] ort::Error),
    /// The loaded library cannot use this device.
    #[error(
        "the loaded ONNX Runtime cannot use the device {device}: {}",
        repair_hint(*device, library.as_deref())
    )]
    Device {
        /// The device that was asked for.
        device: Device,
        /// The library that could not be loaded, and why. `None` if ONNX Runtime was built without
        /// the device.
        library: Option<String>,
        /// ONNX Runtime's error.
        source: ort::Error,
    },
    /// The device cannot run all of the model. No part is left to another device.
    #[error("the model cannot be run whole on the device {device}; use --device cpu for it")]
    NotWhole {
        /// The device that was asked for.
        device: Device,
        /// ONNX Runtime's error.
        source: ort::Error,
    },
    /// The model has not exactly one input.
    #[error("the model takes {found} inputs; one is expected")]
    InputCount {
        /// Number of inputs of the graph.
        found: usize,
    },
    /// The model lacks an output.
    #[error("the model has no output {wanted}; it has: {found:?}")]
    OutputMissing {
        /// Name or position.
        wanted: String,
        /// Names of the graph's outputs.
        found: Vec<String>,
    },
    /// An input or output differs from the signature.
    #[error("{name:?} of the model is {found}; expected is float32 {expected}")]
    Signature {
        /// Name in the graph.
        name: String,
        /// The signature's shape.
        expected: Shape,
        /// The graph's type and shape.
        found: String,
    },
    /// The profile of the runs before the first request cannot be read.
    #[error("it cannot be shown what ran the model")]
    Profile(#[source] ProfileError),
    /// The system starts no thread for the model.
    #[error("a thread for the model could not be started")]
    Thread(#[source] std::io::Error),
    /// A tensor for a shared model has another length than its shape, or holds several pictures.
    #[error("a tensor of {found} numbers is not one picture of the shape {shape:?}")]
    TensorLength {
        /// The shape that the caller gave.
        shape: [usize; 4],
        /// Numbers in the tensor.
        found: usize,
    },
    /// An output does not have one part for each picture of a run group.
    #[error("an output has shape {found:?}, for {size} pictures")]
    NotPerPicture {
        /// Number of pictures in the run, padding included.
        size: usize,
        /// The output's shape.
        found: Vec<usize>,
    },
    /// The threads that run the model have ended.
    #[error("the threads that run the model have ended")]
    NoLane,
    /// A run of a shared model failed. Every caller that waited gets the same error.
    #[error(transparent)]
    Shared(Arc<ModelError>),
    /// The GPU cannot be used, or cannot take the model.
    #[error("the model cannot be loaded on the device {device}: {fault}")]
    Gpu {
        /// The device that was asked for.
        device: Device,
        /// The fault of the GPU.
        fault: GpuFault,
        /// ONNX Runtime's error.
        source: ort::Error,
    },
    /// The run failed.
    #[error(
        "the model cannot be run{}",
        GpuFault::of(.0).map_or_else(String::new, |fault| format!(": {fault}"))
    )]
    Run(#[source] ort::Error),
    /// An output has another shape than the signature.
    #[error("an output of the model has shape {found:?}; expected is {expected}")]
    OutputShape {
        /// The signature's shape.
        expected: Shape,
        /// The output's shape.
        found: Vec<usize>,
    },
}

/// An error and its causes in one line, for the log.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Why ONNX Runtime cannot use `device`, and what the operator can do.
fn repair_hint(device: Device, library: Option<&str>) -> String {
    let setup = format!("`livegate setup --device {device}`");
    match library {
        None => format!("it was built without it ({setup} brings one that was built with it)"),
        Some(library) if library.contains("libnvinfer") || library.contains("libnvonnxparser") => {
            format!(
                "{library} (TensorRT 10 is not brought by `livegate setup`: it must be installed \
                 on the host, and its directory be in LD_LIBRARY_PATH or known to ldconfig)"
            )
        }
        Some(library) => {
            format!("{library} ({setup} checks every library of it, and brings what is missing)")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_for_tensorrt_differs_from_that_for_libraries_of_livegate_setup() {
        let missing = |name| {
            format!(
                "Failed to load library /l/libonnxruntime_providers_tensorrt.so with error: {name}: cannot open"
            )
        };
        let hint = repair_hint(Device::TensorRt, Some(&missing("libnvinfer.so.10")));
        assert!(hint.contains("libnvinfer.so.10") && hint.contains("on the host"), "{hint}");
        let hint = repair_hint(Device::TensorRt, Some(&missing("libcublas.so.13")));
        assert!(
            hint.contains("libcublas.so.13") && hint.contains("brings what is missing"),
            "{hint}"
        );
        assert!(repair_hint(Device::Cuda, None).contains("built without it"));
    }
}

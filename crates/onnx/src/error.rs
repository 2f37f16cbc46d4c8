//! Why there is no runtime, no model or no output.

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
    /// Not there, not a library for this machine, or older than this build needs.
    #[error("ONNX Runtime at {} cannot be loaded: {why}", path.display())]
    Library {
        /// Where it was looked for.
        path: PathBuf,
        /// What the system's loader says: it names a library that is missing.
        why: String,
    },
    /// A library that it needs is not there, or cannot be loaded.
    #[error("{} cannot be loaded: {why}", library.display())]
    Preload {
        /// Its path, or the name that the system's loader was asked for.
        library: PathBuf,
        /// What that says.
        why: String,
    },
    /// The library was loaded and did not start.
    #[error("ONNX Runtime does not start")]
    Start(#[source] ort::Error),
}

/// Why a model could not be loaded or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The file is not handed to the runtime.
    #[error("the model file is refused")]
    Refused(#[from] InspectError),
    /// The bytes are no model that this runtime can build a session from.
    #[error("the model cannot be loaded")]
    Load(#[source] ort::Error),
    /// The loaded library cannot run anything on this device.
    #[error(
        "the loaded ONNX Runtime cannot use the device {device}: {}",
        unusable(*device, library.as_deref())
    )]
    Device {
        /// Which.
        device: Device,
        /// Which library it could not load for it and why, where it was built for the device.
        library: Option<String>,
        /// What the runtime says.
        source: ort::Error,
    },
    /// The device cannot run the model, or not all of it; nothing is left to another device.
    #[error("the model cannot be run whole on the device {device}; use --device cpu for it")]
    NotWhole {
        /// Which.
        device: Device,
        /// What the runtime says.
        source: ort::Error,
    },
    /// The model takes another number of inputs.
    #[error("the model takes {found} inputs; one is expected")]
    InputCount {
        /// Inputs of the graph.
        found: usize,
    },
    /// The model lacks an output.
    #[error("the model has no output {wanted}; it has: {found:?}")]
    OutputMissing {
        /// Name or position.
        wanted: String,
        /// Outputs of the graph.
        found: Vec<String>,
    },
    /// An input or output is not what is expected.
    #[error("{name:?} of the model is {found}; expected is float32 {expected}")]
    Signature {
        /// Name in the graph.
        name: String,
        /// What is expected.
        expected: Shape,
        /// What the graph says.
        found: String,
    },
    /// What ran it in the runs before the first request is not known.
    #[error("it cannot be shown what ran the model")]
    Profile(#[source] ProfileError),
    /// The system gives no thread for it.
    #[error("a thread for the model could not be started")]
    Thread(#[source] std::io::Error),
    /// A tensor to be run with others is of another length than its shape, or holds several pictures.
    #[error("a tensor of {found} numbers is not one picture of the shape {shape:?}")]
    TensorLength {
        /// What it was said to be.
        shape: [usize; 4],
        /// Numbers in it.
        found: usize,
    },
    /// An output does not have one part for each picture of a run.
    #[error("an output has shape {found:?}, for {size} pictures")]
    NotBatched {
        /// How many there were.
        size: usize,
        /// What came.
        found: Vec<usize>,
    },
    /// The threads that run the model have ended.
    #[error("the threads that run the model have ended")]
    NoLane,
    /// A run failed that others may have been waiting for, too.
    #[error(transparent)]
    Shared(Arc<ModelError>),
    /// A GPU cannot be used, or the model cannot be put there.
    #[error("the model cannot be loaded on the device {device}: {fault}")]
    Gpu {
        /// Which.
        device: Device,
        /// What ails it.
        fault: GpuFault,
        /// What the runtime says.
        source: ort::Error,
    },
    /// The run failed.
    #[error("the model cannot be run{}", ailing(.0))]
    Run(#[source] ort::Error),
    /// An output has a shape that the graph did not announce.
    #[error("an output of the model has shape {found:?}; expected is {expected}")]
    OutputShape {
        /// What was announced.
        expected: Shape,
        /// What came.
        found: Vec<usize>,
    },
}

impl ModelError {
    /// What ails the GPU, where it is that.
    #[must_use]
    pub fn gpu_fault(&self) -> Option<GpuFault> {
        match self {
            Self::Gpu { fault, .. } => Some(*fault),
            Self::Run(source) => GpuFault::of(&source.to_string()),
            Self::Shared(error) => error.gpu_fault(),
            _ => None,
        }
    }
}

/// An error and its causes in one line, for the log.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// What ails the GPU, where the failure of a run tells it.
fn ailing(source: &ort::Error) -> String {
    GpuFault::of(&source.to_string()).map_or_else(String::new, |fault| format!(": {fault}"))
}

/// Why a device cannot be used, and what to do.
fn unusable(device: Device, library: Option<&str>) -> String {
    match library {
        None => format!(
            "it was built without it (`livegate setup --device {device}` brings one that was built with it)"
        ),
        Some(library) if library.contains("libnvinfer") || library.contains("libnvonnxparser") => {
            format!(
                "{library} (TensorRT 10 is not brought by `livegate setup`: it must be installed on the host, and its \
                 directory be in LD_LIBRARY_PATH or known to ldconfig)"
            )
        }
        Some(library) => format!(
            "{library} (`livegate setup --device {device}` checks every library of it, and brings what is missing)"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_setup_does_not_bring_is_told_from_those_that_it_does() {
        let missing = |name| {
            format!(
                "Failed to load library /l/libonnxruntime_providers_tensorrt.so with error: {name}: cannot open"
            )
        };
        let said = unusable(Device::TensorRt, Some(&missing("libnvinfer.so.10")));
        assert!(said.contains("libnvinfer.so.10") && said.contains("on the host"), "{said}");
        let said = unusable(Device::TensorRt, Some(&missing("libcublas.so.13")));
        assert!(
            said.contains("libcublas.so.13") && said.contains("brings what is missing"),
            "{said}"
        );
        assert!(unusable(Device::Cuda, None).contains("built without it"));
    }
}

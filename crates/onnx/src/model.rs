//! One session of one model.

use std::sync::Arc;

use ndarray::ArrayViewD;
use ort::session::builder::SessionBuilder;
use ort::session::{RunOptions, Session, SessionOutputs};
use ort::value::{Outlet, TensorElementType, TensorRef, ValueType};

use crate::device::Device;
use crate::error::ModelError;
use crate::gpu;
use crate::inspect::inspect;
use crate::openvino;
use crate::profile::{self, ProfileError, Profiles, Providers};
use crate::runtime::Runtime;
use crate::signature::{Shape, Signature};

/// One session of one model, checked against its [`Signature`]. Owned by one thread: running it
/// takes `&mut self`, as ONNX Runtime's own interface does.
pub struct Model {
    session: Session,
    outputs: Vec<Expected>,
    giving_back: RunOptions,
    /// While this session is being profiled: where to.
    profiles: Option<Arc<Profiles>>,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("outputs", &self.outputs).finish_non_exhaustive()
    }
}

/// An output that is read: where it is among the graph's, and its shape.
#[derive(Debug)]
struct Expected {
    index: usize,
    shape: Shape,
}

impl Model {
    /// Builds a session for the ONNX file in `bytes` on `device`: one thread, no spinning (a spinning thread
    /// burns seven times the CPU of the request it waits for).
    ///
    /// # Errors
    /// When the bytes are no ONNX model, or one that is refused ([`inspect()`]), or its graph is not what
    /// `signature` says; when the library has no such device, or the device cannot run all of the model.
    pub fn load(
        runtime: &Runtime,
        bytes: &[u8],
        device: Device,
        signature: &Signature,
    ) -> Result<Self, ModelError> {
        let session = match device {
            Device::Cpu => build(runtime, bytes)?,
            Device::OpenVino => openvino::build(runtime, bytes, &signature.input)?,
            Device::Cuda | Device::TensorRt => gpu::build(runtime, bytes, device)?,
        };
        let [input] = session.inputs() else {
            return Err(ModelError::InputCount { found: session.inputs().len() });
        };
        check(input, &Shape(signature.input.to_vec()))?;
        let outputs = signature
            .outputs
            .iter()
            .enumerate()
            .map(|(position, wanted)| {
                let found = session.outputs();
                let index = match wanted.name {
                    Some(name) => found.iter().position(|outlet| outlet.name() == name),
                    None => (position < found.len()).then_some(position),
                };
                let index = index.ok_or_else(|| ModelError::OutputMissing {
                    wanted: wanted.name.map_or_else(|| format!("{position}"), str::to_owned),
                    found: found.iter().map(|outlet| outlet.name().to_owned()).collect(),
                })?;
                let shape = Shape(wanted.shape.clone());
                check(&found[index], &shape)?;
                Ok(Expected { index, shape })
            })
            .collect::<Result<_, ModelError>>()?;
        let giving_back = giving_back().map_err(ModelError::Load)?;
        Ok(Self { session, outputs, giving_back, profiles: runtime.profiles.clone() })
    }

    /// Which execution providers ran how many nodes since the model was loaded. From now on it is not profiled
    /// any more, which it must have been ([`Runtime::watched`]).
    ///
    /// # Errors
    /// When there is no profile, or none that can be read.
    pub fn end_profile(&mut self) -> Result<Providers, ProfileError> {
        let profiles = self.profiles.take().ok_or(ProfileError::NotWatched)?;
        let providers = profile::end(&mut self.session);
        drop(profiles);
        providers
    }

    /// [`Model::run`] for a tensor that is larger than usual: the memory that was needed for it is given back
    /// to the system, which takes about a millisecond.
    ///
    /// # Errors
    /// When the runtime refuses the tensor or fails.
    pub fn run_and_give_back(
        &mut self,
        shape: [usize; 4],
        tensor: &[f32],
    ) -> Result<Outputs<'_>, ModelError> {
        let input = TensorRef::from_array_view((shape, tensor)).map_err(ModelError::Run)?;
        let run = self.session.run_with_options(ort::inputs![input], &self.giving_back);
        Ok(Outputs { values: run.map_err(ModelError::Run)?, expected: &self.outputs })
    }

    /// Runs the model on one float32 tensor of `shape`. The memory that it needs is kept for the next run.
    ///
    /// # Errors
    /// When the runtime refuses the tensor or fails.
    pub fn run(&mut self, shape: [usize; 4], tensor: &[f32]) -> Result<Outputs<'_>, ModelError> {
        let input = TensorRef::from_array_view((shape, tensor)).map_err(ModelError::Run)?;
        let values = self.session.run(ort::inputs![input]).map_err(ModelError::Run)?;
        Ok(Outputs { values, expected: &self.outputs })
    }
}

/// A session on the CPU for the file in `bytes`, which is read through before.
pub(crate) fn build(runtime: &Runtime, bytes: &[u8]) -> Result<Session, ModelError> {
    inspect(bytes)?;
    let build = || one_thread(runtime)?.commit_from_memory(bytes);
    build().map_err(ModelError::Load)
}

/// Has ONNX Runtime's arena of CPU memory shrink at the end of a run to what is in use.
fn giving_back() -> ort::Result<RunOptions> {
    let mut options = RunOptions::new()?;
    options.set("memory.enable_memory_arena_shrinkage", "cpu:0")?;
    Ok(options)
}

/// What every session has in common. One that is watched is profiled from now on.
pub(crate) fn one_thread(runtime: &Runtime) -> Result<SessionBuilder, ort::Error> {
    let builder = Session::builder(&runtime.environment)?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?;
    let builder = builder.with_inter_op_spinning(false)?;
    Ok(match &runtime.profiles {
        Some(profiles) => builder.with_profiling(profiles.next())?,
        None => builder,
    })
}

fn check(outlet: &Outlet, expected: &Shape) -> Result<(), ModelError> {
    if let ValueType::Tensor { ty: TensorElementType::Float32, shape, .. } = outlet.dtype()
        && expected.admits_declared(shape)
    {
        return Ok(());
    }
    Err(ModelError::Signature {
        name: outlet.name().to_owned(),
        expected: expected.clone(),
        found: outlet.dtype().to_string().escape_debug().to_string(),
    })
}

/// What one run gave. Lives until the model runs again.
#[derive(Debug)]
pub struct Outputs<'a> {
    values: SessionOutputs<'a>,
    expected: &'a [Expected],
}

impl Outputs<'_> {
    /// Output `position` of the signature.
    ///
    /// # Errors
    /// When its shape is not the one that the signature asks for.
    ///
    /// # Panics
    /// When the signature has no such output.
    pub fn get(&self, position: usize) -> Result<ArrayViewD<'_, f32>, ModelError> {
        let expected = &self.expected[position];
        let array =
            self.values[expected.index].try_extract_array::<f32>().map_err(ModelError::Run)?;
        if expected.shape.admits(array.shape()) {
            Ok(array)
        } else {
            Err(ModelError::OutputShape {
                expected: expected.shape.clone(),
                found: array.shape().to_vec(),
            })
        }
    }
}

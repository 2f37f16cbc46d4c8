//! One session of one model.

use std::sync::Arc;

use ndarray::{ArrayD, ArrayViewD};
use ort::session::builder::SessionBuilder;
use ort::session::{RunOptions, Session, SessionOutputs};
use ort::value::{TensorElementType, TensorRef, ValueType};

use crate::batch::{Port, Shared, ports};
use crate::device::Device;
use crate::error::ModelError;
use crate::gpu;
use crate::inspect::inspect;
use crate::openvino;
use crate::profile::{self, ProfileError, Profiles, Providers};
use crate::runtime::Runtime;
use crate::signature::{Dim, OutputSignature, Shape, Signature};

/// One model, checked against its [`Signature`]. Owned by one thread: running it takes `&mut self`, as ONNX Runtime's own
/// interface does.
pub struct Model {
    sessions: Sessions,
    outputs: Vec<Expected>,
    /// Where those are among the graph's.
    wanted: Arc<[usize]>,
}

/// What runs a model.
enum Sessions {
    /// One that nobody else has.
    Own {
        session: Session,
        giving_back: RunOptions,
        /// While this session is being profiled: where to.
        profiles: Option<Arc<Profiles>>,
    },
    /// Those that run what several ask for together.
    Shared(Arc<Shared>),
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
    /// burns seven times the CPU of the request it waits for). With a runtime that
    /// [batches](Runtime::batching), models of the same bytes share sessions.
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
        let sessions = match &runtime.batches {
            Some(batches) => {
                Sessions::Shared(batches.join(runtime, bytes, device, &signature.input)?)
            }
            None => Sessions::Own {
                session: session(runtime, bytes, device, &signature.input)?,
                giving_back: giving_back().map_err(ModelError::Load)?,
                profiles: runtime.profiles.clone(),
            },
        };
        let [inputs, found] = match &sessions {
            Sessions::Own { session, .. } => ports(session),
            Sessions::Shared(shared) => shared.ports.clone(),
        };
        let [input] = &inputs[..] else {
            return Err(ModelError::InputCount { found: inputs.len() });
        };
        check(input, &Shape(signature.input.to_vec()))?;
        let expect = |(position, wanted): (usize, &OutputSignature)| {
            let index = match wanted.name {
                Some(name) => found.iter().position(|port| port.name == name),
                None => (position < found.len()).then_some(position),
            };
            let index = index.ok_or_else(|| ModelError::OutputMissing {
                wanted: wanted.name.map_or_else(|| format!("{position}"), str::to_owned),
                found: found.iter().map(|port| port.name.clone()).collect(),
            })?;
            let shape = Shape(wanted.shape.clone());
            check(&found[index], &shape)?;
            Ok(Expected { index, shape })
        };
        let outputs = signature.outputs.iter().enumerate().map(expect);
        let outputs = outputs.collect::<Result<Vec<_>, ModelError>>()?;
        let wanted = outputs.iter().map(|output| output.index).collect();
        Ok(Self { sessions, outputs, wanted })
    }

    /// Which execution providers ran how many nodes since the model was loaded. From now on it is not profiled
    /// any more. Of shared sessions: what ran before they served.
    ///
    /// # Errors
    /// When there is no profile, or none that can be read.
    pub fn end_profile(&mut self) -> Result<Providers, ProfileError> {
        match &mut self.sessions {
            Sessions::Own { session, profiles, .. } => {
                let profiles = profiles.take().ok_or(ProfileError::NotWatched)?;
                let providers = profile::end(session);
                drop(profiles);
                providers
            }
            Sessions::Shared(shared) => shared.providers.clone().ok_or(ProfileError::NotWatched),
        }
    }

    /// [`Model::run`] for a tensor that is larger than usual: the memory of the host that was needed for it is given
    /// back to the system, which takes about a millisecond.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_and_give_back(
        &mut self,
        shape: [usize; 4],
        tensor: &mut Vec<f32>,
    ) -> Result<Outputs<'_>, ModelError> {
        self.run_with(shape, tensor, true)
    }

    /// Runs the model on one float32 tensor of `shape`, which is lent to it and comes back as it was, unless what runs
    /// the model breaks down. The memory that is needed is kept for the next run.
    ///
    /// # Errors
    /// When the runtime refuses the tensor or fails.
    pub fn run(
        &mut self,
        shape: [usize; 4],
        tensor: &mut Vec<f32>,
    ) -> Result<Outputs<'_>, ModelError> {
        self.run_with(shape, tensor, false)
    }

    fn run_with(
        &mut self,
        shape: [usize; 4],
        tensor: &mut Vec<f32>,
        gives_back: bool,
    ) -> Result<Outputs<'_>, ModelError> {
        let values = match &mut self.sessions {
            Sessions::Own { session, giving_back, .. } => {
                let input = TensorRef::from_array_view((shape, &**tensor));
                let input = ort::inputs![input.map_err(ModelError::Run)?];
                let run = if gives_back {
                    session.run_with_options(input, &*giving_back)
                } else {
                    session.run(input)
                };
                Values::OfSession(run.map_err(ModelError::Run)?)
            }
            Sessions::Shared(shared) => Values::OfOne(shared.run(shape, tensor, &self.wanted)?),
        };
        Ok(Outputs { values, expected: &self.outputs })
    }
}

/// A session on `device` for the file in `bytes`, which is read through before. It takes tensors of `input`.
pub(crate) fn session(
    runtime: &Runtime,
    bytes: &[u8],
    device: Device,
    input: &[Dim; 4],
) -> Result<Session, ModelError> {
    match device {
        Device::Cpu => build(runtime, bytes),
        Device::OpenVino => openvino::build(runtime, bytes, input),
        Device::Cuda | Device::TensorRt => gpu::build(runtime, bytes, device, input),
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

fn check(port: &Port, expected: &Shape) -> Result<(), ModelError> {
    if let ValueType::Tensor { ty: TensorElementType::Float32, shape, .. } = &port.dtype
        && expected.admits_declared(shape)
    {
        return Ok(());
    }
    Err(ModelError::Signature {
        name: port.name.clone(),
        expected: expected.clone(),
        found: port.dtype.to_string().escape_debug().to_string(),
    })
}

/// What one run gave. Lives until the model runs again.
#[derive(Debug)]
pub struct Outputs<'a> {
    values: Values<'a>,
    expected: &'a [Expected],
}

#[derive(Debug)]
enum Values<'a> {
    /// All that the session gives.
    OfSession(SessionOutputs<'a>),
    /// Those that are read, of one picture of a run of several.
    OfOne(Vec<ArrayD<f32>>),
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
        let array = match &self.values {
            Values::OfSession(values) => {
                values[expected.index].try_extract_array::<f32>().map_err(ModelError::Run)?
            }
            Values::OfOne(values) => values[position].view(),
        };
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

//! One model that is loaded and checked.

use std::sync::Arc;

use ndarray::{ArrayD, ArrayViewD};
use ort::session::SessionOutputs;

use crate::cpu;
use crate::device::Device;
use crate::error::ModelError;
use crate::gpu;
use crate::graph::{Graph, Port};
use crate::inspect::{Inspected, inspect};
use crate::openvino;
use crate::profile::{ProfileError, Providers};
use crate::run_group::SharedModel;
use crate::runtime::Runtime;
use crate::session::DeviceSession;
use crate::signature::{Dim, OutputSignature, Shape, Signature};

/// One model, checked against its [`Signature`]. One thread owns it: a run takes `&mut self`, as
/// ONNX Runtime's own interface does.
pub struct Model {
    sessions: Sessions,
    outputs: Vec<Expected>,
    /// The places of `outputs` among the graph's.
    wanted: Arc<[usize]>,
}

enum Sessions {
    /// A session of this model alone.
    Own(DeviceSession),
    /// Sessions that run pictures of several callers as one run group.
    Shared(Arc<SharedModel>),
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("outputs", &self.outputs).finish_non_exhaustive()
    }
}

/// An output that is read: its place among the graph's outputs, and its shape.
#[derive(Debug)]
struct Expected {
    index: usize,
    shape: Shape,
}

impl Model {
    /// Opens a session on `device` for the ONNX file in `bytes`. Models of the same bytes share
    /// sessions if the runtime [groups](Runtime::grouping) runs.
    ///
    /// # Errors
    /// When [`inspect()`] refuses the file, ONNX Runtime cannot load it, or its graph differs from
    /// `signature`; when the library lacks the device, or the device cannot run all of the model.
    pub fn load(
        runtime: &Runtime,
        bytes: &[u8],
        device: Device,
        signature: &Signature,
    ) -> Result<Self, ModelError> {
        let model = inspect(bytes)?;
        let Signature { input, outputs } = signature;
        let open = |model: Inspected<'_>| open(runtime, model, device, input);
        let sessions = match &runtime.shared_models {
            Some(models) => Sessions::Shared(models.join(model, device, input, open)?),
            None => Sessions::Own(open(model)?),
        };
        let graph = match &sessions {
            Sessions::Own(session) => &session.graph(),
            Sessions::Shared(shared) => &shared.graph,
        };
        let [found] = &graph.inputs[..] else {
            return Err(ModelError::InputCount { found: graph.inputs.len() });
        };
        check(found, &Shape(input.to_vec()))?;
        let outputs = outputs.iter().enumerate();
        let outputs = outputs.map(|(position, wanted)| Expected::find(graph, position, wanted));
        let outputs = outputs.collect::<Result<Vec<_>, _>>()?;
        let wanted = outputs.iter().map(|output| output.index).collect();
        Ok(Self { sessions, outputs, wanted })
    }

    /// The inputs and outputs of the ONNX file in `bytes`.
    ///
    /// # Errors
    /// When [`inspect()`] refuses the file, or ONNX Runtime cannot load it.
    pub fn graph(runtime: &Runtime, bytes: &[u8]) -> Result<Graph, ModelError> {
        Ok(open(runtime, inspect(bytes)?, Device::Cpu, &[Dim::Any; 4])?.graph())
    }

    /// Ends the profile: the execution providers of all nodes that ran since the model was loaded.
    /// For shared sessions: of the runs before the first request.
    ///
    /// # Errors
    /// When there is no profile, or it cannot be read.
    pub fn end_profile(&mut self) -> Result<Providers, ProfileError> {
        match &mut self.sessions {
            Sessions::Own(session) => session.end_profile(),
            Sessions::Shared(shared) => shared.providers.clone().ok_or(ProfileError::NotWatched),
        }
    }

    /// [`Model::run`] for a tensor larger than usual. Returns the host memory of the run to the
    /// system, which takes about a millisecond.
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

    /// Runs the model on one float32 tensor of `shape`. The tensor comes back unchanged, unless the
    /// thread of a shared session ends. The run's memory is kept for the next run.
    ///
    /// # Errors
    /// When ONNX Runtime refuses the tensor or fails.
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
            Sessions::Own(session) => Values::OfSession(session.run(shape, tensor, gives_back)?),
            Sessions::Shared(shared) => Values::OfGroup(shared.run(shape, tensor, &self.wanted)?),
        };
        Ok(Outputs { values, expected: &self.outputs })
    }
}

/// Opens a session on `device` for `model`, which takes tensors of the shape `input`.
pub(crate) fn open(
    runtime: &Runtime,
    model: Inspected<'_>,
    device: Device,
    input: &[Dim; 4],
) -> Result<DeviceSession, ModelError> {
    let session = match device {
        Device::Cpu => cpu::open(runtime, model, input)?,
        Device::OpenVino => openvino::open(runtime, model, input)?,
        Device::Cuda | Device::TensorRt => gpu::open(runtime, model, device, input)?,
    };
    let card = device.is_gpu().then_some(runtime.card.index);
    DeviceSession::new(session, card, runtime.profiles.clone()).map_err(ModelError::Load)
}

impl Expected {
    /// Finds the output `wanted` of the signature, which is at `position` there, in `graph`.
    fn find(graph: &Graph, position: usize, wanted: &OutputSignature) -> Result<Self, ModelError> {
        let outputs = &graph.outputs;
        let index = match wanted.name {
            Some(name) => outputs.iter().position(|port| port.name == name),
            None => (position < outputs.len()).then_some(position),
        };
        let index = index.ok_or_else(|| ModelError::OutputMissing {
            wanted: wanted.name.map_or_else(|| position.to_string(), str::to_owned),
            found: outputs.iter().map(|port| port.name.clone()).collect(),
        })?;
        let shape = Shape(wanted.shape.clone());
        check(&outputs[index], &shape)?;
        Ok(Self { index, shape })
    }
}

fn check(port: &Port, expected: &Shape) -> Result<(), ModelError> {
    if port.shape.as_ref().is_some_and(|sides| expected.admits(sides)) {
        return Ok(());
    }
    let Port { name, declared, .. } = port.clone();
    Err(ModelError::Signature { name, expected: expected.clone(), found: declared })
}

/// The outputs of one run. Valid until the model runs again.
#[derive(Debug)]
pub struct Outputs<'a> {
    values: Values<'a>,
    expected: &'a [Expected],
}

#[derive(Debug)]
enum Values<'a> {
    /// All outputs of the session.
    OfSession(SessionOutputs<'a>),
    /// The outputs that are read, of one picture of a run group.
    OfGroup(Vec<ArrayD<f32>>),
}

impl Outputs<'_> {
    /// Output `position` of the signature.
    ///
    /// # Errors
    /// When its shape differs from the signature's.
    ///
    /// # Panics
    /// When the signature has no such output.
    pub fn get(&self, position: usize) -> Result<ArrayViewD<'_, f32>, ModelError> {
        let Expected { index, shape } = &self.expected[position];
        let array = match &self.values {
            Values::OfSession(values) => {
                values[*index].try_extract_array::<f32>().map_err(ModelError::Run)?
            }
            Values::OfGroup(values) => values[position].view(),
        };
        let sides: Vec<_> = array.shape().iter().copied().map(Some).collect();
        if shape.admits(&sides) {
            return Ok(array);
        }
        Err(ModelError::OutputShape { expected: shape.clone(), found: array.shape().to_vec() })
    }
}

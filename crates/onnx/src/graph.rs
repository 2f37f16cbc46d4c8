//! What a graph takes and gives, for whoever has to describe a model that nobody has described yet.

use ort::value::{Outlet, TensorElementType, ValueType};

use crate::error::ModelError;
use crate::model::build;
use crate::runtime::Runtime;

/// What a graph takes and gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    /// Its inputs, without those that have a default.
    pub inputs: Vec<Port>,
    /// Its outputs.
    pub outputs: Vec<Port>,
}

/// An input or an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name in the graph.
    pub name: String,
    /// Its type and shape, for people.
    pub declared: String,
    /// The sides of a float32 tensor, `None` where the graph leaves one open; nothing at all for whatever
    /// else it may be.
    pub shape: Option<Vec<Option<usize>>>,
}

impl Graph {
    /// What the model in `bytes` takes and gives.
    ///
    /// # Errors
    /// When the bytes are no model that this runtime can build a session from, or are refused
    /// ([`inspect()`](crate::inspect())).
    pub fn read(runtime: &Runtime, bytes: &[u8]) -> Result<Self, ModelError> {
        let session = build(runtime, bytes)?;
        let ports = |outlets: &[Outlet]| outlets.iter().map(port).collect();
        Ok(Self { inputs: ports(session.inputs()), outputs: ports(session.outputs()) })
    }
}

fn port(outlet: &Outlet) -> Port {
    let shape = match outlet.dtype() {
        ValueType::Tensor { ty: TensorElementType::Float32, shape, .. } => {
            Some(shape.iter().map(|&side| usize::try_from(side).ok()).collect())
        }
        _ => None,
    };
    // It may have names in it that the graph gives its sides.
    let declared = outlet.dtype().to_string().escape_debug().to_string();
    Port { name: outlet.name().to_owned(), declared, shape }
}

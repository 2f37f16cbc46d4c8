//! The inputs and outputs of a graph, as ONNX Runtime reads them.

use ort::session::Session;
use ort::value::{Outlet, TensorElementType, ValueType};

/// The inputs and outputs of a graph.
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
    /// Its type and shape, for error texts.
    pub declared: String,
    /// The sides of a float32 tensor; a side that the graph leaves open is `None`. `None` for any
    /// other type.
    pub shape: Option<Vec<Option<usize>>>,
}

impl Graph {
    pub(crate) fn of(session: &Session) -> Self {
        let ports = |outlets: &[Outlet]| outlets.iter().map(port).collect();
        Self { inputs: ports(session.inputs()), outputs: ports(session.outputs()) }
    }
}

fn port(outlet: &Outlet) -> Port {
    let shape = match outlet.dtype() {
        ValueType::Tensor { ty: TensorElementType::Float32, shape, .. } => {
            Some(shape.iter().map(|&side| usize::try_from(side).ok()).collect())
        }
        _ => None,
    };
    // The graph's own names of sides are in it.
    let declared = outlet.dtype().to_string().escape_debug().to_string();
    Port { name: outlet.name().to_owned(), declared, shape }
}

//! The input of a model as its ONNX file declares it, read without ONNX Runtime.

use crate::fields::{messages, number};

/// The input that a caller feeds.
pub(crate) struct DeclaredInput<'a> {
    pub name: &'a str,
    /// Pictures, channels, height, width.
    pub sides: [Side<'a>; 4],
}

/// A `TensorShapeProto.Dimension`.
pub(crate) struct Side<'a> {
    /// Whether the graph fixes the size.
    pub is_fixed: bool,
    /// The graph's name for a side that it leaves open.
    pub name: Option<&'a str>,
}

impl<'a> DeclaredInput<'a> {
    /// The first input of `model` that is not a stored tensor, if it has four sides.
    pub(crate) fn of(model: &'a [u8]) -> Option<Self> {
        // ModelProto.graph, GraphProto.input, ValueInfoProto.name
        let graph = *messages(model, 7).first()?;
        let stored = stored_names(graph);
        let is_fed =
            |value: &&[u8]| messages(value, 1).first().is_some_and(|name| !stored.contains(name));
        let value = messages(graph, 11).into_iter().find(is_fed)?;
        let name = text(value, 1)?;
        // ValueInfoProto.type, TypeProto.tensor_type, TensorTypeProto.shape
        let shape = [2, 1, 2]
            .into_iter()
            .try_fold(value, |message, number| messages(message, number).first().copied())?;
        let sides = <[&[u8]; 4]>::try_from(messages(shape, 1)).ok()?;
        // Dimension.dim_value, Dimension.dim_param
        let sides =
            sides.map(|side| Side { is_fixed: number(side, 1).is_some(), name: text(side, 2) });
        Some(Self { name, sides })
    }
}

/// The names of the tensors stored in `graph`. Old files list them among the inputs too.
pub(crate) fn stored_names(graph: &[u8]) -> Vec<&[u8]> {
    // GraphProto.initializer, TensorProto.name
    messages(graph, 5).into_iter().flat_map(|tensor| messages(tensor, 8)).collect()
}

fn text(message: &[u8], field: u32) -> Option<&str> {
    std::str::from_utf8(messages(message, field).first()?).ok()
}

//! Models made for one picture, opened for several: where the graph says that the first side (the
//! batch dimension) of an input or output is 1, the side becomes open.
//!
//! A graph may still reshape to one picture inside. `run_group.rs` therefore runs the opened model
//! to see that it treats every picture alone.

use crate::declared_input::stored_names;
use crate::fields::{Value, fields, messages, number, put_bytes, replaced};

/// The name of the open side.
const NAME: &[u8] = b"livegate_batch";

/// The model in `bytes` with an open batch dimension. `None` if the graph fixes another number than
/// 1 or is not understood.
pub(crate) fn with_open_batch(bytes: &[u8]) -> Option<Vec<u8>> {
    // ModelProto.graph
    replaced(bytes, 7, &|graph| {
        let stored = stored_names(graph);
        let mut opened = Vec::with_capacity(graph.len());
        for field in fields(graph)? {
            match (field.number, field.value) {
                // GraphProto.value_info: shapes inferred from the fixed side.
                (13, _) => {}
                // GraphProto.input and .output
                (11 | 12, Value::Bytes(value)) if !stored.contains(messages(value, 1).first()?) => {
                    put_bytes(&mut opened, field.number as u8, &open(value)?);
                }
                _ => opened.extend_from_slice(field.whole),
            }
        }
        Some(opened)
    })
}

/// A `ValueInfoProto` whose first side is open.
fn open(value: &[u8]) -> Option<Vec<u8>> {
    // ValueInfoProto.type, TypeProto.tensor_type, TensorTypeProto.shape
    replaced(value, 2, &|its_type| {
        replaced(its_type, 1, &|tensor| replaced(tensor, 2, &with_open_first_side))
    })
}

/// A `TensorShapeProto` whose first side is open. `None` if the side is fixed to another number
/// than 1.
fn with_open_first_side(shape: &[u8]) -> Option<Vec<u8>> {
    let mut opened = Vec::with_capacity(shape.len() + NAME.len());
    let mut is_first = true;
    for field in fields(shape)? {
        if let Value::Bytes(side) = field.value
            && field.number == 1
            && std::mem::take(&mut is_first)
            // Dimension.dim_value
            && let Some(size) = number(side, 1)
        {
            if size != 1 {
                return None;
            }
            let mut open_side = Vec::new();
            // Dimension.dim_param
            put_bytes(&mut open_side, 2, NAME);
            put_bytes(&mut opened, 1, &open_side);
        } else {
            opened.extend_from_slice(field.whole);
        }
    }
    Some(opened)
}

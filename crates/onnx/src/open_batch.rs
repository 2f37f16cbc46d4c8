//! Models that are made for one picture at a time, opened for several: the first side of every input and output
//! that the graph says is 1 becomes one that it leaves open.
//!
//! Whether the model then answers for each picture what it would answer for that picture alone is another
//! question (a graph may reshape to a fixed batch inside): `batch.rs` asks the model itself.

use crate::fields::{Value, fields, messages};
use crate::rewrite::put_bytes;

/// What the open side is called.
const NAME: &[u8] = b"livegate_batch";

/// The model in `bytes` with its batch left open; nothing where it cannot be, or is not understood. It should have been
/// read through before ([`inspect()`](crate::inspect())).
pub(crate) fn with_open_batch(bytes: &[u8]) -> Option<Vec<u8>> {
    // ModelProto.graph
    replaced(bytes, 7, &|graph| {
        // GraphProto.initializer, TensorProto.name: in old files stored tensors are listed among the inputs.
        let stored: Vec<&[u8]> =
            messages(graph, 5).into_iter().flat_map(|tensor| messages(tensor, 8)).collect();
        let mut opened = Vec::with_capacity(graph.len());
        for field in fields(graph)? {
            match (field.number, field.value) {
                // GraphProto.value_info: what was inferred from the old shapes.
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

/// A `TensorShapeProto` whose first side is open; nothing where that is another number than 1.
fn with_open_first_side(shape: &[u8]) -> Option<Vec<u8>> {
    let mut opened = Vec::with_capacity(shape.len() + NAME.len());
    let mut is_first = true;
    for field in fields(shape)? {
        match (field.number, field.value) {
            (1, Value::Bytes(side)) if std::mem::take(&mut is_first) => {
                // Dimension.dim_value
                let number = fields(side)?.into_iter().find(|field| field.number == 1);
                let number = number.map(|field| field.value);
                match number {
                    None => opened.extend_from_slice(field.whole),
                    Some(Value::Number(1)) => {
                        let mut side = Vec::new();
                        // Dimension.dim_param
                        put_bytes(&mut side, 2, NAME);
                        put_bytes(&mut opened, 1, &side);
                    }
                    Some(_) => return None,
                }
            }
            _ => opened.extend_from_slice(field.whole),
        }
    }
    Some(opened)
}

/// `message` with the content of every field `number` replaced.
fn replaced(
    message: &[u8],
    number: u8,
    replace: &dyn Fn(&[u8]) -> Option<Vec<u8>>,
) -> Option<Vec<u8>> {
    let mut made = Vec::with_capacity(message.len() + 64);
    for field in fields(message)? {
        match field.value {
            Value::Bytes(content) if field.number == u32::from(number) => {
                put_bytes(&mut made, number, &replace(content)?);
            }
            _ => made.extend_from_slice(field.whole),
        }
    }
    Some(made)
}

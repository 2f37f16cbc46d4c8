//! `PRelu` nodes written as `Mul` and `Max`, which some execution providers run faster.
//!
//! Where the slope is at most 1, PReLU(x) is the greater of slope * x and x. The number is the same
//! to the bit, because both multiply once and round once. The result differs from ONNX Runtime's
//! own `PRelu` on the CPU in three cases: a zero may have the other sign, which no layer of ours
//! can tell; an infinity, which becomes NaN there, is the one that ONNX defines; so is a product
//! that overflows. A NaN stays a NaN. A slope of 0 is left as it is, because 0 times infinity is
//! NaN.
//!
//! Only certain cases are changed: float32 slopes stored in the graph, nodes of the outermost
//! graph, ONNX operator sets from 7 (older ones broadcast slopes in another way). Everything else
//! stays as it is.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::fields::{Field, Value, bytes, fields, messages, number, put_bytes, replaced};

/// The prefix of the names of new tensors. A file that contains it is left as it is.
const NAME: &str = "livegate/scaled/";

/// `model` with its `PRelu` nodes as `Mul` and `Max` where that gives the same
/// numbers. Returns the same bytes if there is nothing to rewrite.
#[must_use]
pub fn prelu_as_max(model: &[u8]) -> Cow<'_, [u8]> {
    let has_name = model.windows(NAME.len()).any(|window| window == NAME.as_bytes());
    let is_old = operator_set(model).is_none_or(|version| version < 7);
    // ModelProto.functions: one could give `PRelu` another meaning.
    let has_functions = !messages(model, 25).is_empty();
    if has_name || is_old || has_functions {
        return Cow::Borrowed(model);
    }
    // ModelProto.graph
    replaced(model, 7, &rewritten_graph).map_or(Cow::Borrowed(model), Cow::Owned)
}

/// `graph` with its `PRelu` nodes rewritten; `None` if it has none that can be.
fn rewritten_graph(graph: &[u8]) -> Option<Vec<u8>> {
    let slopes = slopes(graph);
    let mut rewritten = Vec::with_capacity(graph.len() + 4096);
    let mut count = 0;
    for field in fields(graph)? {
        let prelu = match (field.number, field.value) {
            (1, Value::Bytes(node)) => {
                PRelu::read(node).filter(|it| slopes.get(it.slope) == Some(&true))
            }
            _ => None,
        };
        let Some(PRelu { x, slope, y, name }) = prelu else {
            rewritten.extend_from_slice(field.whole);
            continue;
        };
        let scaled = format!("{NAME}{count}");
        count += 1;
        put_bytes(&mut rewritten, 1, &node("Mul", b"", [slope, x], scaled.as_bytes()));
        put_bytes(&mut rewritten, 1, &node("Max", name, [scaled.as_bytes(), x], y));
    }
    (count > 0).then_some(rewritten)
}

/// A `NodeProto` of two inputs.
fn node(operator: &str, name: &[u8], inputs: [&[u8]; 2], output: &[u8]) -> Vec<u8> {
    let mut node = Vec::new();
    for input in inputs {
        put_bytes(&mut node, 1, input);
    }
    put_bytes(&mut node, 2, output);
    if !name.is_empty() {
        put_bytes(&mut node, 3, name);
    }
    put_bytes(&mut node, 4, operator.as_bytes());
    node
}

/// A `PRelu` node.
struct PRelu<'a> {
    x: &'a [u8],
    slope: &'a [u8],
    y: &'a [u8],
    name: &'a [u8],
}

impl<'a> PRelu<'a> {
    /// Reads `node`; `None` for another operator, or if a part of it is not understood.
    fn read(node: &'a [u8]) -> Option<Self> {
        // NodeProto.op_type and .domain
        if bytes(node, 4) != b"PRelu" || !is_onnx(bytes(node, 7)) {
            return None;
        }
        // Without attributes, which would be NodeProto.attribute or newer fields.
        let is_known =
            |it: &Field<'_>| matches!((it.number, it.value), (1..=4 | 6 | 7, Value::Bytes(_)));
        // NodeProto.input, .output and .name
        match (&messages(node, 1)[..], &messages(node, 2)[..]) {
            (&[x, slope], &[y]) if fields(node)?.iter().all(is_known) => {
                Some(Self { x, slope, y, name: bytes(node, 3) })
            }
            _ => None,
        }
    }
}

/// The tensors stored in `graph`, by name, and whether each can be a slope. A name that two tensors
/// have is no slope.
fn slopes(graph: &[u8]) -> HashMap<&[u8], bool> {
    let mut slopes = HashMap::new();
    // GraphProto.initializer, TensorProto.name
    for tensor in messages(graph, 5) {
        let is_slope = is_slope(tensor).unwrap_or(false);
        slopes.entry(bytes(tensor, 8)).and_modify(|it| *it = false).or_insert(is_slope);
    }
    slopes
}

/// Whether a stored tensor can be a slope: float32, and every number at most 1 and not 0. `None` if
/// it is not understood.
fn is_slope(tensor: &[u8]) -> Option<bool> {
    const FLOAT: u64 = 1;
    // TensorProto.dims, .data_type, .float_data, .name, .raw_data and .doc_string
    let is_known = fields(tensor)?.iter().all(|it| match it.value {
        Value::Number(_) => matches!(it.number, 1 | 2),
        Value::Bytes(_) => matches!(it.number, 1 | 4 | 8 | 9 | 12),
        Value::Fixed => false,
    });
    // float_data (packed) and raw_data both hold little-endian numbers.
    let data = [messages(tensor, 4), messages(tensor, 9)].concat();
    let &[data] = &data[..] else { return None };
    let (numbers, rest) = data.as_chunks::<4>();
    let may_be = |number: &[u8; 4]| {
        let number = f32::from_le_bytes(*number);
        number.is_finite() && number <= 1.0 && number != 0.0
    };
    let is_float = is_known && rest.is_empty() && number(tensor, 2) == Some(FLOAT);
    Some(is_float && numbers.iter().all(may_be))
}

/// The version of ONNX's own operators that the model uses.
fn operator_set(model: &[u8]) -> Option<u64> {
    // ModelProto.opset_import, OperatorSetIdProto.domain and .version
    let imports = messages(model, 8).into_iter().rev();
    let mut own = imports.filter(|import| is_onnx(bytes(import, 1)));
    own.find_map(|import| number(import, 2))
}

fn is_onnx(domain: &[u8]) -> bool {
    domain.is_empty() || domain == b"ai.onnx"
}

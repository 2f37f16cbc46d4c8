//! `PRelu` nodes said with `Mul` and `Max`, which some execution providers do faster.
//!
//! Where the slope is at most 1, PReLU(x) is the greater of slope * x and x, and the same number to the bit, as
//! both multiply once and round once. Three things are not the same as in ONNX Runtime's `PRelu` on the CPU: a zero
//! may come with the other sign, which no layer of ours can tell; an infinity, which becomes NaN there, is what ONNX
//! says it should be; so is a number whose product with the slope is too large. A NaN stays a NaN. A slope of 0 is
//! left as it is: 0 times infinity is no number, and `PRelu` is not to multiply there.
//!
//! Only what is certain is changed: float32 slopes that are stored in the graph, nodes of the outermost graph, ONNX
//! operator sets from 7 (before that, slopes are broadcast in another way). Whatever is not understood stays
//! as it is.

use std::borrow::Cow;
use std::collections::HashMap;

use micropb::WIRE_TYPE_LEN;

use crate::fields::{Value, fields};

/// What the names of new tensors begin with. A file with these bytes in it is left as it is.
const NAME: &str = "livegate/scaled/";

/// The model in `bytes` with its `PRelu` nodes as `Mul` and `Max`, where that gives the same numbers; the
/// very bytes if there is nothing to do. They should have been read through before
/// ([`inspect()`](crate::inspect())).
#[must_use]
pub fn prelu_as_max(bytes: &[u8]) -> Cow<'_, [u8]> {
    rewritten(bytes).map_or(Cow::Borrowed(bytes), Cow::Owned)
}

fn rewritten(bytes: &[u8]) -> Option<Vec<u8>> {
    let has_name = bytes.windows(NAME.len()).any(|window| window == NAME.as_bytes());
    let is_old = operator_set(bytes)? < 7;
    // Functions could give `PRelu` another meaning.
    let has_functions = fields(bytes)?.iter().any(|field| field.number == 25);
    if has_name || is_old || has_functions {
        return None;
    }
    let mut model = Vec::with_capacity(bytes.len() + 4096);
    let mut has_changed = false;
    for field in fields(bytes)? {
        match (field.number, field.value) {
            (7, Value::Bytes(content)) => {
                let graph = rewritten_graph(content)?;
                has_changed |= graph.len() != content.len();
                put_bytes(&mut model, 7, &graph);
            }
            _ => model.extend_from_slice(field.whole),
        }
    }
    has_changed.then_some(model)
}

fn rewritten_graph(graph: &[u8]) -> Option<Vec<u8>> {
    let slopes = slopes(graph)?;
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
    Some(rewritten)
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

/// A `PRelu` node, as far as it is understood.
struct PRelu<'a> {
    x: &'a [u8],
    slope: &'a [u8],
    y: &'a [u8],
    name: &'a [u8],
}

impl<'a> PRelu<'a> {
    /// `node` as one, if it is one and has nothing that is not understood.
    fn read(node: &'a [u8]) -> Option<Self> {
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        let (mut name, mut operator, mut domain): (&[u8], &[u8], &[u8]) = (b"", b"", b"");
        for field in fields(node)? {
            let Value::Bytes(content) = field.value else { return None };
            match field.number {
                1 => inputs.push(content),
                2 => outputs.push(content),
                3 => name = content,
                4 => operator = content,
                7 => domain = content,
                // Text for people.
                6 => {}
                _ => return None,
            }
        }
        let is_onnx = domain.is_empty() || domain == b"ai.onnx";
        match (&inputs[..], &outputs[..]) {
            (&[x, slope], &[y]) if is_onnx && operator == b"PRelu" => {
                Some(Self { x, slope, y, name })
            }
            _ => None,
        }
    }
}

/// The tensors stored in `graph`, by name, and whether each can be a slope: float32, and every number at most 1
/// and not 0. A name that two have is nobody's.
fn slopes(graph: &[u8]) -> Option<HashMap<&[u8], bool>> {
    let mut slopes = HashMap::new();
    for field in fields(graph)? {
        let (5, Value::Bytes(tensor)) = (field.number, field.value) else { continue };
        let Some((name, is_slope)) = slope(tensor) else { continue };
        slopes.entry(name).and_modify(|it| *it = false).or_insert(is_slope);
    }
    Some(slopes)
}

/// The name of a stored tensor, and whether it can be a slope.
fn slope(tensor: &[u8]) -> Option<(&[u8], bool)> {
    const FLOAT: u64 = 1;
    let (mut name, mut data, mut data_type): (&[u8], Vec<&[u8]>, u64) = (b"", Vec::new(), 0);
    let mut is_understood = true;
    for field in fields(tensor)? {
        match (field.number, field.value) {
            (2, Value::Number(value)) => data_type = value,
            (8, Value::Bytes(content)) => name = content,
            // Packed floats, or raw ones: both are the numbers, least byte first.
            (4 | 9, Value::Bytes(content)) => data.push(content),
            // Sides, and text for people.
            (1 | 12, _) => {}
            _ => is_understood = false,
        }
    }
    let may_be = |bytes: &[u8; 4]| {
        let number = f32::from_le_bytes(*bytes);
        number.is_finite() && number <= 1.0 && number != 0.0
    };
    let is_slope = match data[..] {
        [data] if is_understood && data_type == FLOAT => {
            let (numbers, rest) = data.as_chunks::<4>();
            rest.is_empty() && numbers.iter().all(may_be)
        }
        _ => false,
    };
    Some((name, is_slope))
}

/// The version of ONNX's own operators that the model is written with.
fn operator_set(model: &[u8]) -> Option<u64> {
    let mut version = None;
    for field in fields(model)? {
        let (8, Value::Bytes(import)) = (field.number, field.value) else { continue };
        let (mut domain, mut its): (&[u8], u64) = (b"", 0);
        for field in fields(import)? {
            match (field.number, field.value) {
                (1, Value::Bytes(content)) => domain = content,
                (2, Value::Number(value)) => its = value,
                _ => {}
            }
        }
        if domain.is_empty() || domain == b"ai.onnx" {
            version = Some(its);
        }
    }
    version
}

/// Appends the field `number` with `content`.
pub(crate) fn put_bytes(message: &mut Vec<u8>, number: u8, content: &[u8]) {
    message.push(number << 3 | WIRE_TYPE_LEN);
    let mut length = content.len();
    while length >= 0x80 {
        message.push(length as u8 | 0x80);
        length >>= 7;
    }
    message.push(length as u8);
    message.extend_from_slice(content);
}

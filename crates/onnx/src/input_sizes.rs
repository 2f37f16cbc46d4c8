//! The sizes that tensors come in, for TensorRT to compile a model for.

use crate::fields::{Value, fields, messages};
use crate::signature::Dim;

/// Sides in pixels that a model leaves open and its signature does too: the smallest, the usual, the largest. All are
/// multiples of 32, as `YuNet` wants; our packs show it pictures of up to 640. TensorRT compiles anew, at a request, for
/// a side that is larger.
const OPEN_SIDE_PX: [usize; 3] = [32, 320, 640];

/// The smallest, the usual and the largest tensor for the one input of a model that leaves sides open. Without them
/// TensorRT would compile it at the first request, and again for each size that it has not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InputSizes {
    name: String,
    sides: [[usize; 4]; 3],
}

impl InputSizes {
    /// For tensors of `input`, of up to `most` pictures where the graph leaves their number open; nothing where it leaves
    /// nothing open, or is not understood.
    pub(crate) fn of(model: &[u8], input: &[Dim; 4], most: usize) -> Option<Self> {
        // ModelProto.graph, GraphProto.input; stored tensors (GraphProto.initializer) are listed there in old files.
        let graph = *messages(model, 7).first()?;
        let stored: Vec<&[u8]> =
            messages(graph, 5).into_iter().flat_map(|tensor| messages(tensor, 8)).collect();
        let is_fed =
            |value: &&[u8]| messages(value, 1).first().is_some_and(|name| !stored.contains(name));
        let value = messages(graph, 11).into_iter().find(is_fed)?;
        let name = std::str::from_utf8(messages(value, 1).first()?).ok()?.to_owned();
        // ValueInfoProto.type, TypeProto.tensor_type, TensorTypeProto.shape
        let shape = [2, 1, 2]
            .into_iter()
            .try_fold(value, |message, number| messages(message, number).first().copied())?;
        let declared = <[&[u8]; 4]>::try_from(messages(shape, 1)).ok()?;
        // Dimension.dim_value
        let is_open = declared.map(|side| !numbers(side, 1));
        if !is_open.contains(&true) {
            return None;
        }
        let mut sides = [[0; 4]; 3];
        for (place, (wanted, is_open)) in input.iter().zip(is_open).enumerate() {
            let of_side = match wanted {
                Dim::Is(1) if place == 0 && is_open => [1, most, most],
                Dim::Is(size) => [*size; 3],
                Dim::Any => OPEN_SIDE_PX,
            };
            for (sides, of_side) in sides.iter_mut().zip(of_side) {
                sides[place] = of_side;
            }
        }
        Some(Self { name, sides })
    }

    /// The smallest, the usual and the largest, as `name:1x3x80x80`.
    pub(crate) fn shapes(&self) -> [String; 3] {
        self.sides
            .map(|sides| format!("{}:{}", self.name, sides.map(|it| it.to_string()).join("x")))
    }
}

/// Whether `message` has a number in a field `number`.
fn numbers(message: &[u8], number: u32) -> bool {
    let fields = fields(message).unwrap_or_default();
    fields.iter().any(|field| field.number == number && matches!(field.value, Value::Number(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open_batch::with_open_batch;

    const FIXED: &[u8] = include_bytes!("../tests/data/twice.onnx");
    const OPEN: &[u8] = include_bytes!("../tests/data/dynamic.onnx");
    const PIXELS_OPEN: [Dim; 4] = [Dim::Is(1), Dim::Is(3), Dim::Any, Dim::Any];

    #[test]
    fn a_model_that_leaves_nothing_open_needs_no_sizes() {
        assert_eq!(InputSizes::of(FIXED, &[1, 3, 2, 2].map(Dim::Is), 32), None);
        assert_eq!(InputSizes::of(b"no model", &PIXELS_OPEN, 32), None);
    }

    #[test]
    fn sides_that_are_left_open_have_a_smallest_a_usual_and_a_largest() {
        let sizes = InputSizes::of(OPEN, &PIXELS_OPEN, 1).unwrap();
        let expected = ["picture:1x3x32x32", "picture:1x3x320x320", "picture:1x3x640x640"];
        assert_eq!(sizes.shapes(), expected);
        let known = [Dim::Is(1), Dim::Is(3), Dim::Is(80), Dim::Is(96)];
        assert_eq!(InputSizes::of(OPEN, &known, 1).unwrap().shapes(), ["picture:1x3x80x96"; 3]);
    }

    #[test]
    fn a_batch_that_is_left_open_goes_up_to_the_most_that_are_run_together() {
        let opened = with_open_batch(FIXED).unwrap();
        let sizes = InputSizes::of(&opened, &[1, 3, 2, 2].map(Dim::Is), 32).unwrap();
        let expected = ["picture:1x3x2x2", "picture:32x3x2x2", "picture:32x3x2x2"];
        assert_eq!(sizes.shapes(), expected);
    }
}

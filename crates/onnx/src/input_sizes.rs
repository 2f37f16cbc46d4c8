//! The tensor sizes that TensorRT compiles a model for.

use crate::declared_input::DeclaredInput;
use crate::signature::Dim;

/// Pixels of a side that the model and its signature leave open: smallest, usual, largest. All are
/// multiples of 32, as `YuNet` needs; our packs show it pictures of up to 640. TensorRT compiles
/// the model during a request when a side is larger.
const OPEN_SIDE_PX: [usize; 3] = [32, 320, 640];

/// The smallest, the usual and the largest tensor for the one input of a model that leaves sides
/// open. Without them TensorRT compiles the model at the first request of each new size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InputSizes {
    name: String,
    tensors: [[usize; 4]; 3],
}

impl InputSizes {
    /// For tensors of the shape `input`, of up to `max_pictures` where the graph leaves the number
    /// of pictures open. `None` if the graph leaves nothing open or is not understood.
    pub(crate) fn of(model: &[u8], input: &[Dim; 4], max_pictures: usize) -> Option<Self> {
        let declared = DeclaredInput::of(model)?;
        if declared.sides.iter().all(|side| side.is_fixed) {
            return None;
        }
        let mut tensors = [[0; 4]; 3];
        for (i, (wanted, side)) in input.iter().zip(&declared.sides).enumerate() {
            let sizes = match wanted {
                Dim::Is(1) if i == 0 && !side.is_fixed => [1, max_pictures, max_pictures],
                Dim::Is(size) => [*size; 3],
                Dim::Any => OPEN_SIDE_PX,
            };
            for (tensor, size) in tensors.iter_mut().zip(sizes) {
                tensor[i] = size;
            }
        }
        Some(Self { name: declared.name.to_owned(), tensors })
    }

    /// The smallest, the usual and the largest, as `name:1x3x80x80`.
    pub(crate) fn shapes(&self) -> [String; 3] {
        self.tensors
            .map(|sides| format!("{}:{}", self.name, sides.map(|it| it.to_string()).join("x")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open_batch::with_open_batch;

    const FIXED: &[u8] = include_bytes!("../tests/data/twice.onnx");
    const OPEN: &[u8] = include_bytes!("../tests/data/dynamic.onnx");
    const PIXELS_OPEN: [Dim; 4] = [Dim::Is(1), Dim::Is(3), Dim::Any, Dim::Any];

    #[test]
    fn a_model_with_fixed_sides_needs_no_sizes() {
        assert_eq!(InputSizes::of(FIXED, &[1, 3, 2, 2].map(Dim::Is), 32), None);
        assert_eq!(InputSizes::of(b"no model", &PIXELS_OPEN, 32), None);
    }

    #[test]
    fn open_sides_have_a_smallest_a_usual_and_a_largest_size() {
        let sizes = InputSizes::of(OPEN, &PIXELS_OPEN, 1).unwrap();
        let expected = ["picture:1x3x32x32", "picture:1x3x320x320", "picture:1x3x640x640"];
        assert_eq!(sizes.shapes(), expected);
        let known = [Dim::Is(1), Dim::Is(3), Dim::Is(80), Dim::Is(96)];
        assert_eq!(InputSizes::of(OPEN, &known, 1).unwrap().shapes(), ["picture:1x3x80x96"; 3]);
    }

    #[test]
    fn an_open_number_of_pictures_goes_up_to_the_largest_run_group() {
        let opened = with_open_batch(FIXED).unwrap();
        let sizes = InputSizes::of(&opened, &[1, 3, 2, 2].map(Dim::Is), 32).unwrap();
        let expected = ["picture:1x3x2x2", "picture:32x3x2x2", "picture:32x3x2x2"];
        assert_eq!(sizes.shapes(), expected);
    }
}

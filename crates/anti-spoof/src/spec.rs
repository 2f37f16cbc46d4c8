//! How a scorer wants to be fed and read: the part of a model pack that this crate carries out.

use frame::{Filter, Size, TensorSpec};
use onnx::{Dim, OutputSignature, Signature};
use serde::{Deserialize, Serialize};

use crate::crop::Crop;

/// How a scorer wants to be fed and read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The part of the picture around the face that the model sees.
    pub crop: Crop,
    /// The model's input, pixels.
    pub input: Size,
    /// How the crop is brought to that size.
    pub resize: Filter,
    /// How pixels become numbers.
    pub tensor: TensorSpec,
    /// What the model's numbers are.
    pub activation: Activation,
    /// How many classes it tells apart.
    pub classes: usize,
    /// Which of them, counted from 0, is bona fide.
    pub live_class: usize,
}

impl Spec {
    /// What the model must take and give.
    #[must_use]
    pub fn signature(&self) -> Signature {
        Signature {
            input: [1, 3, self.input.height, self.input.width].map(Dim::Is),
            outputs: vec![OutputSignature {
                name: None,
                shape: vec![Dim::Is(1), Dim::Is(self.classes)],
            }],
        }
    }
}

/// What the numbers of a model's output are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// Logits, still to be made probabilities by softmax.
    Softmax,
    /// Probabilities already: the graph ends in its own softmax.
    Probabilities,
}

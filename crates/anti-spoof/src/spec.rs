//! The input and output of a scorer, as a model pack describes them.

use frame::{Filter, Size, TensorSpec};
use onnx::{Dim, OutputSignature, Signature};
use serde::{Deserialize, Serialize};

use crate::crop::Crop;

/// The input and output of a scorer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The part of the picture around the face that the model sees.
    pub crop: Crop,
    /// The model's input, pixels.
    pub input: Size,
    /// How the crop is resized to the input.
    pub resize: Filter,
    /// How pixels become numbers.
    pub tensor: TensorSpec,
    /// The kind of the model's output.
    pub activation: Activation,
    /// Number of classes.
    pub classes: usize,
    /// The class of bona fide presentations, from 0.
    pub live_class: usize,
}

impl Spec {
    /// The input and output that the model must have.
    #[must_use]
    pub fn signature(&self) -> Signature {
        Signature {
            input: [1, 3, self.input.height, self.input.width].map(Dim::Is),
            outputs: vec![OutputSignature {
                name: None,
                shape: [1, self.classes].map(Dim::Is).into(),
            }],
        }
    }
}

/// The kind of a model's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// Logits, which softmax turns into probabilities.
    Softmax,
    /// Probabilities: the graph ends in its own softmax.
    Probabilities,
}

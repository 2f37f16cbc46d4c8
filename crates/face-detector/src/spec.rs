//! The input and output of a detector, as a model pack describes them.

use frame::{Size, TensorSpec};
use onnx::{Dim, OutputSignature, Signature};
use serde::{Deserialize, Serialize};

use crate::{ultralight, yunet};

/// The input and output of a detector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The format of the raw output.
    pub family: Family,
    /// How a picture is fitted to the input.
    pub fit: Fit,
    /// How pixels become numbers.
    pub tensor: TensorSpec,
    /// Candidates below this confidence are dropped, 0 to 1.
    pub min_confidence: f32,
    /// Of two candidates that overlap more than this (intersection over union), the one with the
    /// higher confidence stays.
    pub max_overlap_iou: f32,
    /// The sizes at which the model sees a picture, as shares of the size that `fit` gives, in
    /// order. The first that finds a face of `trusted_face_px` is the last. The reference uses 1
    /// alone.
    #[serde(default = "once")]
    pub looks: Vec<f32>,
    /// The longer side of a face box that can be trusted, pixels of the model's input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted_face_px: Option<Span>,
    /// How the model itself tells an upright face from one on its side, if it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upright: Option<UprightByConfidence>,
}

fn once() -> Vec<f32> {
    vec![1.0]
}

/// A range, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// The lower end.
    pub least: f32,
    /// The upper end.
    pub most: f32,
}

/// A detector that is more confident of upright faces than of others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UprightByConfidence {
    /// From this confidence on, a face is upright.
    pub sure: f32,
    /// Below `sure`, the detector sees the picture from every side. A turn that gives this much
    /// more confidence is taken.
    pub lead: f32,
}

impl Spec {
    /// The input and outputs that the model must have.
    #[must_use]
    pub fn signature(&self) -> Signature {
        let [height, width] = match self.fit {
            Fit::Stretch { width, height } => [Dim::Is(height), Dim::Is(width)],
            Fit::Letterbox { .. } => [Dim::Any, Dim::Any],
        };
        let input = [Dim::Is(1), Dim::Is(3), height, width];
        let outputs = match self.family {
            Family::Ultralight => ultralight::OUTPUTS.to_vec(),
            Family::Yunet => yunet::outputs(),
        };
        let output = |(name, values)| OutputSignature {
            name: Some(name),
            shape: vec![Dim::Is(1), Dim::Any, Dim::Is(values)],
        };
        Signature { input, outputs: outputs.into_iter().map(output).collect() }
    }

    /// The shape of the tensor for the first look at a picture of size `picture`.
    #[must_use]
    pub fn first_look(&self, picture: Size) -> [usize; 4] {
        let canvas = self.fit.place(picture, self.looks[0]).canvas;
        [1, 3, canvas.height, canvas.width]
    }

    /// Whether the detector finds the five points of a face.
    #[must_use]
    pub fn gives_landmarks(&self) -> bool {
        self.family == Family::Yunet
    }

    /// Checks the ranges of all numbers.
    ///
    /// # Errors
    /// The text says which number is out of range.
    pub fn check(&self) -> Result<(), &'static str> {
        let is_share = |share: f32| share > 0.0 && share <= 1.0;
        let is_side = |side: usize| (1..=MAX_INPUT_SIDE_PX).contains(&side);
        let is_range = |Span { least, most }: Span| 0.0 <= least && least <= most;
        let is_upright = |UprightByConfidence { sure, lead }: UprightByConfidence| {
            is_share(sure) && (0.0..=1.0).contains(&lead)
        };
        let is_fit = match self.fit {
            Fit::Stretch { width, height } => is_side(width) && is_side(height),
            Fit::Letterbox { longer_side } => is_side(longer_side),
        };
        if !(1..=4).contains(&self.looks.len()) || !self.looks.iter().copied().all(is_share) {
            Err("`looks` are one to four numbers above 0 and up to 1")
        } else if !self.trusted_face_px.is_none_or(is_range) {
            Err("`trusted_face_px` needs a `least` of at least 0 and a `most` of no less")
        } else if !self.upright.is_none_or(is_upright) {
            Err("`upright` of a detector needs a `sure` above 0 and up to 1, a `lead` from 0 to 1")
        } else if !is_fit {
            Err("a detector's input is 1 to 4096 pixels wide and high")
        } else {
            Ok(())
        }
    }
}

/// Longest side of a detector's input. A larger tensor would take 200 MB.
const MAX_INPUT_SIDE_PX: usize = 4096;

/// The format of a detector's raw output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Linzaer's Ultra-Light-Fast-Generic-Face-Detector: `scores` and decoded `boxes`.
    Ultralight,
    /// Wu, Peng and Yu's YuNet: four maps at each of three strides, with five landmarks.
    Yunet,
}

/// How a picture is fitted to a detector's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Fit {
    /// Resized to exactly this size. Its aspect ratio may change.
    Stretch {
        /// Input width, pixels.
        width: usize,
        /// Input height, pixels.
        height: usize,
    },
    /// Shrunk, never enlarged, until its longer side is this. Then padded right and bottom with
    /// black to a multiple of 32 (YuNet's largest stride).
    Letterbox {
        /// Longest side of the picture in the input, pixels.
        longer_side: usize,
    },
}

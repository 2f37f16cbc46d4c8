//! How a detector wants to be fed and read: the part of a model pack that this crate carries out.

use frame::TensorSpec;
use serde::{Deserialize, Serialize};

/// How a detector wants to be fed and read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Whose raw output this is.
    pub family: Family,
    /// How a picture is brought to the input's size.
    pub fit: Fit,
    /// How pixels become numbers.
    pub tensor: TensorSpec,
    /// Candidates below this confidence are dropped, 0 to 1.
    pub min_confidence: f32,
    /// Of two candidates that overlap more than this (intersection over union), the surer one stays.
    pub max_overlap_iou: f32,
}

impl Spec {
    /// Whether it finds the five points of a face, too.
    #[must_use]
    pub fn gives_landmarks(&self) -> bool {
        match self.family {
            Family::Ultralight => false,
            Family::Yunet => true,
        }
    }
}

/// Whose raw output a detector gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Linzaer's Ultra-Light-Fast-Generic-Face-Detector: `scores` and `boxes`, already decoded.
    Ultralight,
    /// Wu, Peng and Yu's YuNet: four maps at each of three strides, with five landmarks.
    Yunet,
}

/// How a picture is brought to a detector's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Fit {
    /// Resized to exactly this, whatever its shape.
    Stretch {
        /// Input width, pixels.
        width: usize,
        /// Input height, pixels.
        height: usize,
    },
    /// Shrunk, never enlarged, until its longer side is this; then padded right and bottom with
    /// black to a multiple of 32 (YuNet's largest stride).
    Letterbox {
        /// Longest side of the picture in the input, pixels.
        longer_side: usize,
    },
}

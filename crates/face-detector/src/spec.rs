//! How a detector wants to be fed and read: the part of a model pack that this crate carries out.

use frame::{Size, TensorSpec};
use onnx::{Dim, Signature};
use serde::{Deserialize, Serialize};

use crate::{ultralight, yunet};

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
    /// The sizes at which a picture is shown to the model, as shares of what `fit` makes of it, in order;
    /// the first that finds a face of `trusted_face_px` is the last. The reference shows it once, at 1.
    #[serde(default = "once")]
    pub looks: Vec<f32>,
    /// Longer sides of a face box, in pixels of the model's input, at which the box is good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted_face_px: Option<Span>,
    /// How the model itself tells an upright face from one that lies on its side, if it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upright: Option<UprightByConfidence>,
}

fn once() -> Vec<f32> {
    vec![1.0]
}

/// From and to, both included.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// From.
    pub least: f32,
    /// To.
    pub most: f32,
}

/// A detector that is surer of upright faces than of others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UprightByConfidence {
    /// From this confidence on, a face is upright.
    pub sure: f32,
    /// Below that, the picture is looked at from every side, and turned if that gives this much more.
    pub lead: f32,
}

impl Spec {
    /// What the model must take and give.
    #[must_use]
    pub fn signature(&self) -> Signature {
        let input = match self.fit {
            Fit::Stretch { width, height } => {
                [Dim::Is(1), Dim::Is(3), Dim::Is(height), Dim::Is(width)]
            }
            Fit::Letterbox { .. } => [Dim::Is(1), Dim::Is(3), Dim::Any, Dim::Any],
        };
        match self.family {
            Family::Ultralight => ultralight::signature(input),
            Family::Yunet => yunet::signature(input),
        }
    }

    /// The shape of the tensor that a picture of size `picture` is made into for the first look.
    #[must_use]
    pub fn first_look(&self, picture: Size) -> [usize; 4] {
        let canvas = self.fit.place(picture, self.looks[0]).canvas;
        [1, 3, canvas.height, canvas.width]
    }

    /// Whether it finds the five points of a face, too.
    #[must_use]
    pub fn gives_landmarks(&self) -> bool {
        match self.family {
            Family::Ultralight => false,
            Family::Yunet => true,
        }
    }

    /// Whether every number can be what it is.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), &'static str> {
        let is_share = |share: f32| share > 0.0 && share <= 1.0;
        if self.looks.is_empty() || self.looks.len() > 4 || !self.looks.iter().all(|&l| is_share(l))
        {
            return Err("`looks` are one to four numbers above 0 and up to 1");
        }
        if self.trusted_face_px.is_some_and(|Span { least, most }| !(0.0 <= least && least <= most))
        {
            return Err("`trusted_face_px` needs a `least` of at least 0 and a `most` of no less");
        }
        if self.upright.is_some_and(|UprightByConfidence { sure, lead }| {
            !(is_share(sure) && (0.0..=1.0).contains(&lead))
        }) {
            return Err(
                "`upright` of a detector needs a `sure` above 0 and up to 1, a `lead` from 0 to 1",
            );
        }
        let (width, height) = match self.fit {
            Fit::Stretch { width, height } => (width, height),
            Fit::Letterbox { longer_side } => (longer_side, longer_side),
        };
        if !(1..=MAX_INPUT_SIDE_PX).contains(&width) || !(1..=MAX_INPUT_SIDE_PX).contains(&height) {
            return Err("a detector's input is 1 to 4096 pixels wide and high");
        }
        Ok(())
    }
}

/// Longest side of a detector's input: beyond it, one tensor would take 200 MB.
const MAX_INPUT_SIDE_PX: usize = 4096;

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

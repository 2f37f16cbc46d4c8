//! What may be set, and what comes with each request.

use serde::{Deserialize, Serialize};

use crate::decide::Threshold;

/// What an operator may set. The same for every request.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Longest longer side of a picture, pixels; refused from the header. Kairos documents 5000.
    pub max_picture_side_px: u32,
    /// Shortest shorter side of a face box that is scored, pixels. 48: a scorer that sees 2.7 times
    /// the face in 128 pixels would have to invent pixels below it (128 / 2.7).
    pub min_face_side_px: f32,
    /// How many times the area of the second largest face the largest must have to be the one that
    /// is meant; otherwise the picture is not assessed.
    pub min_face_lead: f32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_picture_side_px: 5000, min_face_side_px: 48.0, min_face_lead: 2.0 }
    }
}

/// What comes with each request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// Scores from here on are live.
    pub threshold: Threshold,
    /// Shortest shorter side of a picture that is scored, pixels.
    pub min_picture_side_px: usize,
}

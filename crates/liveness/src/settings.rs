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

/// A setting cannot be what it is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` must be {must_be}")]
pub struct InvalidSetting {
    /// Its name in the configuration.
    pub key: &'static str,
    /// What it must be.
    pub must_be: &'static str,
}

impl InvalidSetting {
    /// Nothing where `holds`.
    ///
    /// # Errors
    /// This, where it does not.
    pub fn unless(holds: bool, key: &'static str, must_be: &'static str) -> Result<(), Self> {
        if holds { Ok(()) } else { Err(Self { key, must_be }) }
    }
}

impl Settings {
    /// Whether every setting can be what it is set to. A limit that is no number would switch its gate
    /// off.
    ///
    /// # Errors
    /// The first that cannot.
    pub fn validate(&self) -> Result<(), InvalidSetting> {
        let Self { max_picture_side_px, min_face_side_px, min_face_lead } = *self;
        InvalidSetting::unless(
            (1..=65_535).contains(&max_picture_side_px),
            "liveness.max_picture_side_px",
            "from 1 to 65535",
        )?;
        InvalidSetting::unless(
            min_face_side_px.is_finite() && min_face_side_px >= 0.0,
            "liveness.min_face_side_px",
            "a number of at least 0",
        )?;
        InvalidSetting::unless(
            min_face_lead.is_finite() && min_face_lead >= 1.0,
            "liveness.min_face_lead",
            "a number of at least 1",
        )
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

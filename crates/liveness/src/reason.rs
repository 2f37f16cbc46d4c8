//! Reasons why a picture is not assessed, or hardly.

use schemars::JsonSchema;
use serde::Serialize;
use strum::IntoStaticStr;

/// A limit that a picture misses.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Reason {
    /// The limit.
    pub code: ReasonCode,
    /// The consequence.
    pub severity: Severity,
    /// The measured value, in the unit of `limit`.
    pub measured: f64,
    /// The value that would have been enough.
    pub limit: f64,
    /// One sentence for the person in the picture.
    pub hint: &'static str,
}

/// The name of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema, IntoStaticStr)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum ReasonCode {
    /// The picture's shorter side, pixels, is under the limit.
    ImageTooSmall,
    /// The detector found no face.
    FaceNotFound,
    /// The area of the largest face over the area of the second is under the limit.
    TooManyFaces,
    /// The face box's shorter side, pixels, is under the limit.
    FaceTooSmall,
    /// The face's share of the picture's width or height is over the limit.
    FaceTooClose,
    /// The room between the face box and the picture's edge is under the limit. The unit is the
    /// box's shorter side.
    FaceCloseToBorder,
    /// The share of the face that lies outside the picture is over the limit.
    FaceCropped,
    /// The head is turned or tilted by more than the limit, degrees.
    FaceAngleTooLarge,
    /// The variance of the Laplacian over the face is under the limit.
    ImageTooBlurry,
    /// The mean luma of the face, 0 to 255, is under the limit.
    ImageTooDark,
    /// The mean luma of the face, 0 to 255, is over the limit.
    ImageTooBright,
}

impl ReasonCode {
    /// Every reason.
    pub const ALL: [Self; 11] = [
        Self::ImageTooSmall,
        Self::FaceNotFound,
        Self::TooManyFaces,
        Self::FaceTooSmall,
        Self::FaceTooClose,
        Self::FaceCloseToBorder,
        Self::FaceCropped,
        Self::FaceAngleTooLarge,
        Self::ImageTooBlurry,
        Self::ImageTooDark,
        Self::ImageTooBright,
    ];

    /// The name as JSON has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// One sentence for the person in the picture.
    #[must_use]
    pub fn hint(self) -> &'static str {
        match self {
            Self::ImageTooSmall => "Send a larger picture.",
            Self::FaceNotFound => "Hold the camera so that your whole face is in the picture.",
            Self::TooManyFaces => "Make sure that you are the only person in the picture.",
            Self::FaceTooSmall => "Move closer to the camera.",
            Self::FaceTooClose => "Hold the camera further away.",
            Self::FaceCloseToBorder => "Leave some room around your face.",
            Self::FaceCropped => "Bring your whole face into the picture.",
            Self::FaceAngleTooLarge => "Look straight into the camera and hold your head upright.",
            Self::ImageTooBlurry => "Hold the camera still and wait until the picture is sharp.",
            Self::ImageTooDark => "Find more light, best from the front.",
            Self::ImageTooBright => "Turn away from the bright light.",
        }
    }

    /// This reason with its numbers.
    pub(crate) fn found(self, severity: Severity, measured: f64, limit: f64) -> Reason {
        Reason { code: self, severity, measured, limit, hint: self.hint() }
    }
}

/// The consequence of a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema, IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Severity {
    /// The picture is not assessed.
    Reject,
    /// The picture is assessed, and the response has the reason.
    Warn,
}

impl Severity {
    /// The consequence as JSON has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

//! Why a picture was not assessed, in words that the field and the person both know.

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

/// One thing about a picture that stands in the way of judging it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Reason {
    /// What.
    pub code: ReasonCode,
    /// How bad.
    pub severity: Severity,
    /// What was found, in the unit of `limit`.
    pub measured: f64,
    /// What would have been needed.
    pub limit: f64,
    /// One sentence for the person holding the camera.
    pub hint: &'static str,
}

/// What stands in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, JsonSchema)]
#[schemars(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReasonCode {
    /// The picture's shorter side, pixels, is under the limit.
    ImageTooSmall,
    /// Faces found: none.
    FaceNotFound,
    /// The largest face is not clearly the largest: its area over the second's is under the limit.
    TooManyFaces,
    /// The face box's shorter side, pixels, is under the limit.
    FaceTooSmall,
    /// The face takes more of the picture's width or height than the limit, a share.
    FaceTooClose,
    /// The room between the face box and the picture's edge, in shorter sides of the box, is under the limit.
    FaceCloseToBorder,
    /// More of the face box lies outside the picture than the limit, a share of its area.
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
    /// Every reason there is.
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

    /// The field's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ImageTooSmall => "IMAGE_TOO_SMALL",
            Self::FaceNotFound => "FACE_NOT_FOUND",
            Self::TooManyFaces => "TOO_MANY_FACES",
            Self::FaceTooSmall => "FACE_TOO_SMALL",
            Self::FaceTooClose => "FACE_TOO_CLOSE",
            Self::FaceCloseToBorder => "FACE_CLOSE_TO_BORDER",
            Self::FaceCropped => "FACE_CROPPED",
            Self::FaceAngleTooLarge => "FACE_ANGLE_TOO_LARGE",
            Self::ImageTooBlurry => "IMAGE_TOO_BLURRY",
            Self::ImageTooDark => "IMAGE_TOO_DARK",
            Self::ImageTooBright => "IMAGE_TOO_BRIGHT",
        }
    }

    /// One sentence for the person holding the camera.
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

    /// This reason, as heavy as `severity`.
    pub(crate) fn found(self, severity: Severity, measured: f64, limit: f64) -> Reason {
        Reason { code: self, severity, measured, limit, hint: self.hint() }
    }
}

impl Serialize for ReasonCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// How much a reason weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The picture is not assessed.
    Reject,
    /// It is, and the answer says so.
    Warn,
}

impl Severity {
    /// As `/v1` writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reject => "reject",
            Self::Warn => "warn",
        }
    }
}

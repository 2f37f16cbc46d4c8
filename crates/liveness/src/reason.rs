//! Why a picture was not assessed, in words that the field and the person both know.

use serde::{Serialize, Serializer};

/// One thing about a picture that stands in the way of judging it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReasonCode {
    /// The picture's shorter side, pixels, is under the limit.
    ImageTooSmall,
    /// Faces found: none.
    FaceNotFound,
    /// The largest face is not clearly the largest: its area over the second's is under the limit.
    TooManyFaces,
    /// The face box's shorter side, pixels, is under the limit.
    FaceTooSmall,
}

impl ReasonCode {
    /// The field's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ImageTooSmall => "IMAGE_TOO_SMALL",
            Self::FaceNotFound => "FACE_NOT_FOUND",
            Self::TooManyFaces => "TOO_MANY_FACES",
            Self::FaceTooSmall => "FACE_TOO_SMALL",
        }
    }

    fn hint(self) -> &'static str {
        match self {
            Self::ImageTooSmall => "Send a larger picture.",
            Self::FaceNotFound => "Hold the camera so that your whole face is in the picture.",
            Self::TooManyFaces => "Make sure that you are the only person in the picture.",
            Self::FaceTooSmall => "Move closer to the camera.",
        }
    }

    /// A reason that rules out an assessment.
    pub(crate) fn reject(self, measured: f64, limit: f64) -> Reason {
        Reason { code: self, severity: Severity::Reject, measured, limit, hint: self.hint() }
    }
}

impl Serialize for ReasonCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// How much a reason weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The picture is not assessed.
    Reject,
    /// It is, and the answer says so.
    Warn,
}

//! The operator's settings.

use face_detector::Face;
use frame::{Limits, Reduction};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

use crate::reason::{ReasonCode, Severity};
use crate::terms::Terms;

/// Limits that a picture must keep to. They are the same for every request.
///
/// The first paragraph of each comment is what operators read; the second names the source of the
/// default. "As published" are the demands of vendors of single-picture liveness: Seventh Sense
/// ("What are the face image requirements for liveness": a face box of 224 px, 25 px of room around
/// it, yaw and pitch within 30 degrees) and Yoti ("Image requirements": a mean brightness from 40
/// to 215, a face of up to 80% of the picture). "As measured" refers to docs/EVALUATION.md.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Maximum length of a picture's longer side, in pixels. Larger pictures are answered 422
    /// `image_too_large`.
    ///
    /// Kairos documents 5000. The size is read from the file's header, before anything is decoded.
    #[schemars(range(min = 1, max = 65_535))]
    #[default = 5000]
    pub max_picture_side_px: u32,
    /// Maximum memory of decoding one picture, in bytes. Pictures that may take more are answered
    /// 422 `image_too_large`.
    ///
    /// The most is computed from the file's header, before anything is decoded. The default lets
    /// 5000x5000 pixels through as a JPEG or PNG of any kind (SECURITY.md).
    #[schemars(range(min = 1_048_576))]
    #[default(288 << 20)]
    pub max_decoder_bytes: u64,
    /// Minimum length of the longer side, in pixels, that is left when a large JPEG is decoded to
    /// 1/2, 1/4 or 1/8 of its size. 65535 decodes every picture in full.
    ///
    /// As measured (docs/PERFORMANCE.md): from 900 on no decision changed.
    #[schemars(range(min = 320, max = 65_535))]
    #[default = 900]
    pub min_decoded_side_px: usize,
    /// Minimum length of the face box's shorter side, in pixels, in a picture decoded to a smaller
    /// size. Below it, the picture is decoded again, less reduced.
    ///
    /// 160 is nearly twice 85. Below 85 px the scorer that sees faces largest (128 px for 1.5 times
    /// the face) would have to invent pixels.
    #[schemars(range(min = 0.0))]
    #[default = 160.0]
    pub min_decoded_face_px: f64,
    /// Minimum area of the largest face, in areas of the second largest. Below it:
    /// `TOO_MANY_FACES`.
    #[schemars(range(min = 1.0))]
    #[default = 2.0]
    pub min_face_lead: f64,
    /// Minimum length of the face box's shorter side, in pixels. Below it: `FACE_TOO_SMALL`.
    ///
    /// Below 48 px (128 / 2.7) a scorer that sees 2.7 times the face in 128 px would have to invent
    /// pixels.
    #[schemars(range(min = 0.0))]
    #[default = 48.0]
    pub min_face_side_px: f64,
    /// Maximum share of the picture's width or height that the face box may take. Above it:
    /// `FACE_TOO_CLOSE`. A pack may allow less.
    ///
    /// Above 0.95 nothing around the face is left to be seen. A pack whose scorers need more room
    /// has `max_face_share` in its manifest, and the smaller of both counts.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    #[default = 0.95]
    pub max_face_share: f64,
    /// Minimum room between the face box and the picture's edges, in shorter sides of the box.
    /// Below it: `FACE_CLOSE_TO_BORDER`.
    ///
    /// As published: 25 px for a box of 224 px.
    #[schemars(range(min = 0.0))]
    #[default = 0.11]
    pub min_border_share: f64,
    /// Maximum share of the face box's area, or of its five landmarks, that may lie outside the
    /// picture. Above it: `FACE_CROPPED`.
    ///
    /// One landmark of five is 0.2.
    #[schemars(range(min = 0.0, max = 1.0))]
    #[default = 0.15]
    pub max_outside_share: f64,
    /// Maximum turn of the head to the side, in degrees. Above it: `FACE_ANGLE_TOO_LARGE`.
    ///
    /// As published, 30. The measured error of the angle, 12.5, is added and the sum rounded up.
    #[schemars(range(min = 0.0, max = 180.0))]
    #[default = 45.0]
    pub max_yaw_degrees: f64,
    /// Maximum tilt of the head, in degrees. Above it: `FACE_ANGLE_TOO_LARGE`.
    ///
    /// 30, as for yaw. Nine tenths of the landmarker's tilts were off by at most 4 at that angle,
    /// which is added and the sum rounded up. `YuNet`'s landmarks show only about a third of a
    /// tilt.
    #[schemars(range(min = 0.0, max = 180.0))]
    #[default = 35.0]
    pub max_roll_degrees: f64,
    /// Minimum sharpness of the face: the variance of its Laplacian, in luma levels squared. Below
    /// it: `IMAGE_TOO_BLURRY`.
    ///
    /// Pech-Pacheco et al. 2000, with the face box brought to 128 px wide and its luma to a mean of
    /// 128. As measured: sharp faces had 88 to 470. Blurred with a deviation of 2 px they had 7 to
    /// 18. With 3 px, where scores of living people begin to fall apart, they had 4 to 11.
    #[schemars(range(min = 0.0))]
    #[default = 6.0]
    pub min_sharpness: f64,
    /// Minimum mean luma of the face, on a scale to 255. Below it: `IMAGE_TOO_DARK`.
    ///
    /// As measured: scores held at 21 to 49, and went astray in both directions at 10 to 16.
    #[schemars(range(min = 0.0, max = 255.0))]
    #[default = 20.0]
    pub min_luma: f64,
    /// Maximum mean luma of the face, on a scale to 255. Above it: `IMAGE_TOO_BRIGHT`.
    ///
    /// As measured: scores of living people held up to 230 and fell beyond.
    #[schemars(range(min = 0.0, max = 255.0))]
    #[default = 235.0]
    pub max_luma: f64,
    /// Consequence of each reason: `reject` (the picture is not assessed), `warn` (it is assessed,
    /// and `/v1` names the reason) or `off` (the limit is not checked).
    pub severity: Severities,
}

/// Consequence of a picture that breaks a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Consequence {
    /// The picture is not assessed.
    #[default]
    Reject,
    /// The picture is assessed, and the answer says so.
    Warn,
    /// The limit is not checked.
    Off,
}

/// Consequence of each reason. A picture without a face is never assessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct Severities {
    /// Consequence of `IMAGE_TOO_SMALL`. The limit is `ingress.min_picture_side_px`.
    pub image_too_small: Consequence,
    /// Consequence of `TOO_MANY_FACES`. With `warn` or `off` the largest face is assessed.
    pub too_many_faces: Consequence,
    /// Consequence of `FACE_TOO_SMALL`.
    pub face_too_small: Consequence,
    /// Consequence of `FACE_TOO_CLOSE`.
    pub face_too_close: Consequence,
    /// Consequence of `FACE_CLOSE_TO_BORDER`.
    ///
    /// The models see such pictures well enough; the warning helps the next picture to be better.
    #[default(Consequence::Warn)]
    pub face_close_to_border: Consequence,
    /// Consequence of `FACE_CROPPED`.
    pub face_cropped: Consequence,
    /// Consequence of `FACE_ANGLE_TOO_LARGE`.
    pub face_angle_too_large: Consequence,
    /// Consequence of `IMAGE_TOO_BLURRY`.
    pub image_too_blurry: Consequence,
    /// Consequence of `IMAGE_TOO_DARK`.
    pub image_too_dark: Consequence,
    /// Consequence of `IMAGE_TOO_BRIGHT`.
    pub image_too_bright: Consequence,
}

impl Severities {
    /// How much `code` weighs; none if it is not to be looked at.
    #[must_use]
    pub fn of(&self, code: ReasonCode) -> Option<Severity> {
        let consequence = match code {
            ReasonCode::FaceNotFound => Consequence::Reject,
            ReasonCode::ImageTooSmall => self.image_too_small,
            ReasonCode::TooManyFaces => self.too_many_faces,
            ReasonCode::FaceTooSmall => self.face_too_small,
            ReasonCode::FaceTooClose => self.face_too_close,
            ReasonCode::FaceCloseToBorder => self.face_close_to_border,
            ReasonCode::FaceCropped => self.face_cropped,
            ReasonCode::FaceAngleTooLarge => self.face_angle_too_large,
            ReasonCode::ImageTooBlurry => self.image_too_blurry,
            ReasonCode::ImageTooDark => self.image_too_dark,
            ReasonCode::ImageTooBright => self.image_too_bright,
        };
        match consequence {
            Consequence::Reject => Some(Severity::Reject),
            Consequence::Warn => Some(Severity::Warn),
            Consequence::Off => None,
        }
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
    /// These settings for scorers that need room around a face: it may take `max_face_share` of the
    /// picture at most.
    #[must_use]
    pub(crate) fn for_scorers(self, max_face_share: f64) -> Self {
        Self { max_face_share: self.max_face_share.min(max_face_share), ..self }
    }

    /// The limits of decoding.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let Self { max_picture_side_px: max_side_px, max_decoder_bytes, .. } = *self;
        Limits { max_side_px, max_decoder_bytes }
    }

    /// How far a picture is reduced at first.
    pub(crate) fn reduction(&self, terms: &Terms) -> Reduction {
        let Self { min_decoded_side_px: min_longer_side_px, .. } = *self;
        if terms.exact { Reduction::NONE } else { Reduction { most: 8, min_longer_side_px } }
    }

    /// How far instead, if the first of `faces`, found in a frame reduced by `reduction`, has too
    /// few pixels there.
    pub(crate) fn finer(&self, reduction: usize, faces: &[Face]) -> Option<Reduction> {
        let side_px = f64::from(faces.first()?.rect.shorter_side());
        if reduction == 1 || side_px >= self.min_decoded_face_px {
            return None;
        }
        let most = (reduction as f64 * side_px / self.min_decoded_face_px) as usize;
        Some(Reduction { most, min_longer_side_px: self.min_decoded_side_px })
    }

    /// Checks that the limits agree with each other. The range of each is in its schema.
    ///
    /// # Errors
    /// The first limit that does not fit.
    pub fn validate(&self) -> Result<(), InvalidSetting> {
        InvalidSetting::unless(
            self.min_luma < self.max_luma,
            "liveness.min_luma",
            "under `liveness.max_luma`",
        )
    }
}

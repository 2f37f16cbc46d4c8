//! What may be set, and what comes with each request.

use face_detector::Face;
use frame::Reduction;
use model_pack::SecurityLevel;
use serde::{Deserialize, Serialize};

use crate::decide::Threshold;
use crate::reason::{ReasonCode, Severity};

/// What an operator may set. The same for every request.
///
/// Where a limit says "as published", it is what vendors of single-picture liveness ask of pictures: Seventh Sense
/// ("What are the face image requirements for liveness": a face box of 224 px, 25 px of room around it, yaw and
/// pitch within 30 degrees) and Yoti ("Image requirements": a mean brightness from 40 to 215, a face of up to 80% of
/// the picture). Where it says "as measured", docs/EVALUATION.md has the pictures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Longest longer side of a picture, pixels; refused from the header. Kairos documents 5000.
    pub max_picture_side_px: u32,
    /// Least pixels on the longer side that a JPEG is decoded to, where it has more: at most to a half, a fourth or
    /// an eighth of its size. As measured (docs/PERFORMANCE.md): from 900 on no decision changed.
    pub min_decoded_side_px: usize,
    /// Least pixels on the shorter side of the face in that; with fewer the picture is decoded again, less reduced.
    /// 160 is nearly twice the 85 px below which the scorer that sees faces largest (128 pixels for 1.5 times the
    /// face) would have to invent some.
    pub min_decoded_face_px: f64,
    /// How many times the area of the second largest face the largest must have to be the one that
    /// is meant (`TOO_MANY_FACES`).
    pub min_face_lead: f64,
    /// Shortest shorter side of a face box, pixels (`FACE_TOO_SMALL`). 48: a scorer that sees 2.7 times
    /// the face in 128 pixels would have to invent pixels below it (128 / 2.7).
    pub min_face_side_px: f64,
    /// Most of the picture's width or height that a face box may take, as a share (`FACE_TOO_CLOSE`). At 0.95 there is
    /// nothing around the face to be seen. A pack whose scorers need more around it says so itself
    /// (`max_face_share` in its manifest), and the lesser of both counts.
    pub max_face_share: f64,
    /// Least room between a face box and the picture's edges, in shorter sides of the box
    /// (`FACE_CLOSE_TO_BORDER`). As published: 25 px for a box of 224.
    pub min_border_share: f64,
    /// Most of a face that may lie outside the picture, as a share (`FACE_CROPPED`): of the box's area, or of its five
    /// landmarks, whichever is more. One of five is 0.2.
    pub max_outside_share: f64,
    /// Most that a head may be turned to the side, degrees (`FACE_ANGLE_TOO_LARGE`). As published, 30, and as much
    /// again as the angle was found to be off by, 12.5, rounded up.
    pub max_yaw_degrees: f64,
    /// Most that a head may be tilted, degrees (`FACE_ANGLE_TOO_LARGE`). 30, as for yaw, and what nine tenths of the
    /// landmarker's tilts were off by at that angle, 4, rounded up. `YuNet`'s landmarks show only about a third of a tilt.
    pub max_roll_degrees: f64,
    /// Least variance of the Laplacian over the face (Pech-Pacheco et al. 2000), its box brought to 128 px wide and its
    /// luma to a mean of 128, in levels squared (`IMAGE_TOO_BLURRY`). As measured: sharp faces had 88 to 470, blurred with
    /// a deviation of 2 of those pixels 7 to 18, of 3, where living people's scores begin to fall apart, 4 to 11.
    pub min_sharpness: f64,
    /// Least mean luma of the face, 0 to 255 (`IMAGE_TOO_DARK`). As measured: scores held at 21 to 49, and
    /// went astray in both directions at 10 to 16.
    pub min_luma: f64,
    /// Greatest mean luma of the face, 0 to 255 (`IMAGE_TOO_BRIGHT`). As measured: living people's scores held up to
    /// 230 and fell beyond.
    pub max_luma: f64,
    /// What each of these does.
    pub severity: Severities,
}

/// What is done about a picture that is over a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Consequence {
    /// It is not assessed.
    Reject,
    /// It is, and the answer says so.
    Warn,
    /// Nothing: it is not even looked at.
    Off,
}

/// What each reason does. A picture without a face is never assessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Severities {
    /// `IMAGE_TOO_SMALL`; its limit belongs to the endpoint.
    pub image_too_small: Consequence,
    /// `TOO_MANY_FACES`; below `reject`, the largest is assessed.
    pub too_many_faces: Consequence,
    /// `FACE_TOO_SMALL`.
    pub face_too_small: Consequence,
    /// `FACE_TOO_CLOSE`.
    pub face_too_close: Consequence,
    /// `FACE_CLOSE_TO_BORDER`.
    pub face_close_to_border: Consequence,
    /// `FACE_CROPPED`.
    pub face_cropped: Consequence,
    /// `FACE_ANGLE_TOO_LARGE`.
    pub face_angle_too_large: Consequence,
    /// `IMAGE_TOO_BLURRY`.
    pub image_too_blurry: Consequence,
    /// `IMAGE_TOO_DARK`.
    pub image_too_dark: Consequence,
    /// `IMAGE_TOO_BRIGHT`.
    pub image_too_bright: Consequence,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_picture_side_px: 5000,
            min_decoded_side_px: 900,
            min_decoded_face_px: 160.0,
            min_face_lead: 2.0,
            min_face_side_px: 48.0,
            max_face_share: 0.95,
            min_border_share: 0.11,
            max_outside_share: 0.15,
            max_yaw_degrees: 45.0,
            max_roll_degrees: 35.0,
            min_sharpness: 6.0,
            min_luma: 20.0,
            max_luma: 235.0,
            severity: Severities::default(),
        }
    }
}

impl Default for Severities {
    fn default() -> Self {
        Self {
            image_too_small: Consequence::Reject,
            too_many_faces: Consequence::Reject,
            face_too_small: Consequence::Reject,
            face_too_close: Consequence::Reject,
            // The models see such pictures well enough; it helps the next one to be better.
            face_close_to_border: Consequence::Warn,
            face_cropped: Consequence::Reject,
            face_angle_too_large: Consequence::Reject,
            image_too_blurry: Consequence::Reject,
            image_too_dark: Consequence::Reject,
            image_too_bright: Consequence::Reject,
        }
    }
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
    /// How far a picture is reduced at first.
    pub(crate) fn reduction(&self, terms: &Terms) -> Reduction {
        let Self { min_decoded_side_px: min_longer_side_px, .. } = *self;
        if terms.exact { Reduction::NONE } else { Reduction { most: 8, min_longer_side_px } }
    }

    /// How far instead, if the first of `faces`, found in a frame reduced by `reduction`, has too few pixels there.
    pub(crate) fn finer(&self, reduction: usize, faces: &[Face]) -> Option<Reduction> {
        let side_px = f64::from(faces.first()?.rect.shorter_side());
        if reduction == 1 || side_px >= self.min_decoded_face_px {
            return None;
        }
        let most = (reduction as f64 * side_px / self.min_decoded_face_px) as usize;
        Some(Reduction { most, min_longer_side_px: self.min_decoded_side_px })
    }

    /// Whether every setting can be what it is set to. A limit that is no number would switch its gate
    /// off.
    ///
    /// # Errors
    /// The first that cannot.
    pub fn validate(&self) -> Result<(), InvalidSetting> {
        const AT_LEAST_0: &str = "a number of at least 0";
        InvalidSetting::unless(
            (1..=65_535).contains(&self.max_picture_side_px),
            "liveness.max_picture_side_px",
            "from 1 to 65535",
        )?;
        InvalidSetting::unless(
            (320..=65_535).contains(&self.min_decoded_side_px),
            "liveness.min_decoded_side_px",
            "from 320 to 65535",
        )?;
        for (limit, range, key, must_be) in [
            (self.min_decoded_face_px, 0.0..=f64::MAX, "liveness.min_decoded_face_px", AT_LEAST_0),
            (
                self.min_face_lead,
                1.0..=f64::MAX,
                "liveness.min_face_lead",
                "a number of at least 1",
            ),
            (self.min_face_side_px, 0.0..=f64::MAX, "liveness.min_face_side_px", AT_LEAST_0),
            (
                self.max_face_share,
                f64::MIN_POSITIVE..=f64::MAX,
                "liveness.max_face_share",
                "above 0",
            ),
            (self.min_border_share, 0.0..=f64::MAX, "liveness.min_border_share", AT_LEAST_0),
            (self.max_outside_share, 0.0..=1.0, "liveness.max_outside_share", "from 0 to 1"),
            (self.max_yaw_degrees, 0.0..=180.0, "liveness.max_yaw_degrees", "from 0 to 180"),
            (self.max_roll_degrees, 0.0..=180.0, "liveness.max_roll_degrees", "from 0 to 180"),
            (self.min_sharpness, 0.0..=f64::MAX, "liveness.min_sharpness", AT_LEAST_0),
            (self.min_luma, 0.0..=255.0, "liveness.min_luma", "from 0 to 255"),
            (self.max_luma, 0.0..=255.0, "liveness.max_luma", "from 0 to 255"),
        ] {
            InvalidSetting::unless(range.contains(&limit), key, must_be)?;
        }
        InvalidSetting::unless(
            self.min_luma < self.max_luma,
            "liveness.min_luma",
            "under `liveness.max_luma`",
        )
    }
}

/// What a score is held against.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bar {
    /// A number.
    Threshold(Threshold),
    /// The number that the pack has measured for this level.
    Level(SecurityLevel),
}

impl Bar {
    /// The level, if it is one.
    #[must_use]
    pub fn level(self) -> Option<SecurityLevel> {
        match self {
            Self::Threshold(_) => None,
            Self::Level(level) => Some(level),
        }
    }
}

impl Default for Bar {
    fn default() -> Self {
        Self::Threshold(Threshold::default())
    }
}

/// What comes with each request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// Scores from here on are live.
    pub bar: Bar,
    /// Shortest shorter side of a picture that is scored, pixels (`IMAGE_TOO_SMALL`).
    pub min_picture_side_px: usize,
    /// Whether faces are looked for as the reference does it: one look, in all pixels, as the picture came.
    pub exact: bool,
    /// Whether every face is judged by itself, too, and not only the one that is meant.
    pub every_face: bool,
}

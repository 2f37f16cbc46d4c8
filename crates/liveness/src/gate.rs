//! What must hold of a picture and its face before a score means anything.

use face_detector::{Face, Pose};
use frame::{Frame, Rect, Resampler, Size};

use crate::quality::Quality;
use crate::reason::{Reason, ReasonCode, Severity};
use crate::settings::{Settings, Terms};

/// What stands in the way of scoring a face, and what could not be looked at.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Gated {
    /// What is over a limit.
    pub reasons: Vec<Reason>,
    /// What this pack has no means to measure.
    pub unchecked: Vec<ReasonCode>,
}

/// Everything that stands in the way of scoring `face` in `frame`, in which it is upright.
pub(crate) fn gate(
    frame: &Frame,
    face: Option<&Face>,
    settings: &Settings,
    terms: &Terms,
    resampler: &mut Resampler,
) -> Gated {
    let mut gates = Gates { settings, gated: Gated::default() };
    gates.picture(frame.size(), terms);
    if let Some(face) = face {
        gates.place(frame.size(), &face.rect);
        gates.pose(face);
        // Of a face too small or half outside, these would tell nothing.
        if !gates.gated.reasons.iter().any(|reason| reason.severity == Severity::Reject) {
            gates.quality(frame, &face.rect, resampler);
        }
    }
    gates.gated
}

struct Gates<'a> {
    settings: &'a Settings,
    gated: Gated,
}

impl Gates<'_> {
    fn at_least(&mut self, code: ReasonCode, limit: f64, measured: f64) {
        self.hold(code, measured >= limit, limit, measured);
    }

    fn at_most(&mut self, code: ReasonCode, limit: f64, measured: f64) {
        self.hold(code, measured <= limit, limit, measured);
    }

    /// A measure that is no number does not hold.
    fn hold(&mut self, code: ReasonCode, holds: bool, limit: f64, measured: f64) {
        if let Some(severity) = self.settings.severity.of(code).filter(|_| !holds) {
            self.gated.reasons.push(code.found(severity, measured, limit));
        }
    }

    fn picture(&mut self, picture: Size, terms: &Terms) {
        let (limit, side) = (terms.min_picture_side_px as f64, picture.shorter_side() as f64);
        self.at_least(ReasonCode::ImageTooSmall, limit, side);
    }

    fn place(&mut self, picture: Size, face: &Rect) {
        let Settings {
            min_face_side_px, max_face_share, min_border_share, max_outside_share, ..
        } = *self.settings;
        let (width, height) = (picture.width as f32, picture.height as f32);
        let Rect { top_left, delta } = *face;
        let side = face.shorter_side();
        let share = (delta.x / width).max(delta.y / height);
        let (right, bottom) = (width - top_left.x - delta.x, height - top_left.y - delta.y);
        let room = top_left.x.min(top_left.y).min(right).min(bottom) / side;
        let covered = |start: f32, length: f32, end: f32| {
            ((start + length).min(end) - start.max(0.0)).max(0.0)
        };
        let inside = covered(top_left.x, delta.x, width) * covered(top_left.y, delta.y, height);
        let outside = 1.0 - inside / face.area();
        self.at_least(ReasonCode::FaceTooSmall, min_face_side_px.into(), side.into());
        self.at_most(ReasonCode::FaceTooClose, max_face_share.into(), share.into());
        self.at_least(ReasonCode::FaceCloseToBorder, min_border_share.into(), room.into());
        self.at_most(ReasonCode::FaceCropped, max_outside_share.into(), outside.into());
    }

    fn pose(&mut self, face: &Face) {
        const CODE: ReasonCode = ReasonCode::FaceAngleTooLarge;
        match face.landmarks {
            Some(landmarks) => {
                let Pose { yaw_degrees, roll_degrees } = Pose::of(&landmarks);
                // The sum keeps what is not a number, which a maximum would drop.
                let (yaw, roll) = (yaw_degrees.abs(), roll_degrees.abs());
                let angle = if (yaw + roll).is_nan() { f32::NAN } else { yaw.max(roll) };
                let limit = self.settings.max_angle_degrees;
                self.at_most(CODE, limit.into(), angle.into());
            }
            None if self.settings.severity.of(CODE).is_some() => self.gated.unchecked.push(CODE),
            None => {}
        }
    }

    fn quality(&mut self, frame: &Frame, face: &Rect, resampler: &mut Resampler) {
        let Settings { min_sharpness, min_luma, max_luma, severity, .. } = *self.settings;
        let codes =
            [ReasonCode::ImageTooBlurry, ReasonCode::ImageTooDark, ReasonCode::ImageTooBright];
        if codes.iter().all(|&code| severity.of(code).is_none()) {
            return;
        }
        let nothing = Quality { sharpness: f32::NAN, luma: f32::NAN };
        let Quality { sharpness, luma } = Quality::of(frame, face, resampler).unwrap_or(nothing);
        self.at_least(ReasonCode::ImageTooBlurry, min_sharpness.into(), sharpness.into());
        self.at_least(ReasonCode::ImageTooDark, min_luma.into(), luma.into());
        self.at_most(ReasonCode::ImageTooBright, max_luma.into(), luma.into());
    }
}

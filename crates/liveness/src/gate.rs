//! Compares a picture and its face to the limits within which a score means something.

use face_detector::{Face, Pose};
use frame::{Frame, LumaSampler, Picture, Point, Rect, Size};

use crate::quality::Quality;
use crate::reason::{Reason, ReasonCode, Severity};
use crate::settings::Settings;
use crate::terms::Terms;

/// The limits that are missed, and those that could not be checked.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Gated {
    /// Limits that are missed.
    pub reasons: Vec<Reason>,
    /// Limits that this pack has no means to check.
    pub unchecked: Vec<ReasonCode>,
}

/// Compares `picture` and `face` to the limits. `face` is in pixels of `upright`, which is the
/// frame of `picture` turned so that the face is upright.
#[tracing::instrument(skip_all)]
pub(crate) fn gate(
    picture: &Picture,
    upright: &Frame,
    face: Option<&Face>,
    settings: &Settings,
    terms: &Terms,
    sampler: &mut LumaSampler,
) -> Gated {
    let mut gates = Gates { settings, gated: Gated::default() };
    gates.picture(picture.size, terms);
    if let Some(face) = face {
        gates.place(upright.size(), picture.reduction, face);
        gates.pose(face);
        // Sharpness and light of a face that is too small or half outside mean nothing.
        let meaningless = [ReasonCode::FaceTooSmall, ReasonCode::FaceCropped];
        if !gates
            .gated
            .reasons
            .iter()
            .any(|reason| reason.severity == Severity::Reject && meaningless.contains(&reason.code))
        {
            gates.quality(upright, &face.rect, sampler);
        }
    } else {
        gates.unchecked_pose();
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

    /// NaN misses every limit.
    fn hold(&mut self, code: ReasonCode, holds: bool, limit: f64, measured: f64) {
        if let Some(severity) = self.settings.severity.of(code).filter(|_| !holds) {
            self.gated.reasons.push(code.found(severity, measured, limit));
        }
    }

    fn picture(&mut self, picture: Size, terms: &Terms) {
        let (limit, side) = (terms.min_picture_side_px as f64, picture.shorter_side() as f64);
        self.at_least(ReasonCode::ImageTooSmall, limit, side);
    }

    fn place(&mut self, picture: Size, reduction: usize, face: &Face) {
        let Settings {
            min_face_side_px, max_face_share, min_border_share, max_outside_share, ..
        } = *self.settings;
        let (width, height) = (picture.width as f32, picture.height as f32);
        let Rect { top_left, delta } = face.rect;
        let side = face.rect.shorter_side();
        let share = (delta.x / width).max(delta.y / height);
        let (right, bottom) = (width - top_left.x - delta.x, height - top_left.y - delta.y);
        let room = top_left.x.min(top_left.y).min(right).min(bottom) / side;
        let covered = |start: f32, length: f32, end: f32| {
            ((start + length).min(end) - start.max(0.0)).max(0.0)
        };
        let inside = covered(top_left.x, delta.x, width) * covered(top_left.y, delta.y, height);
        let points = face.landmarks.map(|landmarks| landmarks.points());
        let is_outside = |p: &Point| !((0.0..width).contains(&p.x) && (0.0..height).contains(&p.y));
        let points_outside =
            points.map_or(0, |points| points.iter().filter(|p| is_outside(p)).count());
        // Detectors tend to keep a box inside the picture, but not landmarks.
        let outside = (1.0 - inside / face.rect.area()).max(points_outside as f32 / 5.0);
        let side_px = f64::from(side) * reduction as f64;
        self.at_least(ReasonCode::FaceTooSmall, min_face_side_px, side_px);
        self.at_most(ReasonCode::FaceTooClose, max_face_share, share.into());
        self.at_least(ReasonCode::FaceCloseToBorder, min_border_share, room.into());
        self.at_most(ReasonCode::FaceCropped, max_outside_share, outside.into());
    }

    fn pose(&mut self, face: &Face) {
        const CODE: ReasonCode = ReasonCode::FaceAngleTooLarge;
        let Some(landmarks) = face.landmarks else {
            return self.unchecked_pose();
        };
        let Pose { yaw_degrees, roll_degrees } = Pose::of(&landmarks);
        let Settings { max_yaw_degrees, max_roll_degrees, .. } = *self.settings;
        let (yaw, roll) = (f64::from(yaw_degrees.abs()), f64::from(roll_degrees.abs()));
        // One angle over its limit is enough.
        if yaw <= max_yaw_degrees {
            self.at_most(CODE, max_roll_degrees, roll);
        } else {
            self.at_most(CODE, max_yaw_degrees, yaw);
        }
    }

    fn unchecked_pose(&mut self) {
        const CODE: ReasonCode = ReasonCode::FaceAngleTooLarge;
        if self.settings.severity.of(CODE).is_some() {
            self.gated.unchecked.push(CODE);
        }
    }

    fn quality(&mut self, frame: &Frame, face: &Rect, sampler: &mut LumaSampler) {
        let Settings { min_sharpness, min_luma, max_luma, severity, .. } = *self.settings;
        let codes =
            [ReasonCode::ImageTooBlurry, ReasonCode::ImageTooDark, ReasonCode::ImageTooBright];
        if codes.iter().all(|&code| severity.of(code).is_none()) {
            return;
        }
        let nothing = Quality { sharpness: f32::NAN, luma: f32::NAN };
        let Quality { sharpness, luma } = Quality::of(frame, face, sampler).unwrap_or(nothing);
        self.at_least(ReasonCode::ImageTooBlurry, min_sharpness, sharpness.into());
        self.at_least(ReasonCode::ImageTooDark, min_luma, luma.into());
        self.at_most(ReasonCode::ImageTooBright, max_luma, luma.into());
    }
}

#[cfg(test)]
mod tests {
    use face_detector::Landmarks;
    use frame::Point;
    use model_pack::GoldenPicture;

    use super::*;
    use crate::settings::{Consequence, Severities};

    /// The box of the drawn face in its picture of 800x800 px.
    const DRAWN: [f32; 4] = [335.0, 327.0, 150.0, 172.0];

    fn face([x, y, width, height]: [f32; 4]) -> Face {
        Face { rect: Rect::new(x, y, width, height), confidence: 0.9, landmarks: None }
    }

    /// Landmarks of a head turned by about `yaw` degrees and tilted by `roll`.
    fn posed(yaw: f32, roll: f32) -> Landmarks {
        let (sin, cos) = roll.to_radians().sin_cos();
        let place = |x: f32, y: f32| Point {
            x: 410.0 + 60.0 * (x * cos - y * sin),
            y: 390.0 + 60.0 * (x * sin + y * cos),
        };
        Landmarks {
            right_eye: place(-0.5, 0.0),
            left_eye: place(0.5, 0.0),
            nose: place(-0.62 * yaw.to_radians().tan(), 0.6),
            mouth_right: place(-0.4, 1.1),
            mouth_left: place(0.4, 1.1),
        }
    }

    fn gated(frame: &Frame, face: &Face, settings: &Settings) -> Gated {
        let terms = Terms::default();
        gate(&whole(frame), frame, Some(face), settings, &terms, &mut LumaSampler::default())
    }

    fn whole(frame: &Frame) -> Picture {
        Picture { frame: frame.clone(), size: frame.size(), ..Picture::default() }
    }

    fn codes(frame: &Frame, face: &Face) -> Vec<ReasonCode> {
        let reasons = gated(frame, face, &Settings::default()).reasons;
        reasons.into_iter().map(|reason| reason.code).collect()
    }

    fn drawn(change: impl Fn(u8) -> u8) -> Frame {
        let frame = GoldenPicture::DrawnFace.frame();
        let pixels = frame.pixels().iter().map(|&level| change(level)).collect();
        Frame::from_rgb8(frame.size(), pixels).unwrap()
    }

    fn gray(width: usize, height: usize) -> Frame {
        Frame::from_rgb8(Size::new(width, height), vec![128; 3 * width * height]).unwrap()
    }

    #[test]
    fn a_good_picture_passes_and_lists_unchecked_limits() {
        let (frame, mut face) = (drawn(|level| level), face(DRAWN));
        let without_landmarks = gated(&frame, &face, &Settings::default());
        assert_eq!(without_landmarks.reasons, []);
        assert_eq!(without_landmarks.unchecked, [ReasonCode::FaceAngleTooLarge]);
        face.landmarks = Some(posed(5.0, -5.0));
        assert_eq!(gated(&frame, &face, &Settings::default()), Gated::default());
    }

    #[test]
    fn place_and_size_of_a_face_have_limits() {
        let frame = drawn(|level| level);
        let at = |place| codes(&frame, &face(place));
        assert_eq!(at([400.0, 400.0, 48.0, 60.0]), []);
        assert_eq!(at([400.0, 400.0, 47.9, 60.0]), [ReasonCode::FaceTooSmall]);
        assert_eq!(at([100.0, 20.0, 600.0, 760.0]), [ReasonCode::FaceCloseToBorder]);
        assert_eq!(
            at([100.0, 10.0, 600.0, 761.0]),
            [ReasonCode::FaceTooClose, ReasonCode::FaceCloseToBorder]
        );
        // A little less than 15% outside, and a little more.
        let [_, y, width, height] = DRAWN;
        let at_edge = |share: f32| at([-share * width, y, width, height]);
        assert!(!at_edge(0.149).contains(&ReasonCode::FaceCropped));
        assert_eq!(at_edge(0.151), [ReasonCode::FaceCloseToBorder, ReasonCode::FaceCropped]);
    }

    #[test]
    fn limits_are_in_pixels_of_the_picture_before_its_reduction() {
        let frame = drawn(|level| level);
        let face = face([400.0, 400.0, 47.9, 60.0]);
        let codes = |size, reduction, min_picture_side_px| -> Vec<ReasonCode> {
            let picture = Picture { frame: frame.clone(), size, reduction, ..Picture::default() };
            let terms = Terms { min_picture_side_px, ..Terms::default() };
            let (settings, sampler) = (Settings::default(), &mut LumaSampler::default());
            let gated = gate(&picture, &frame, Some(&face), &settings, &terms, sampler);
            gated.reasons.into_iter().map(|reason| reason.code).collect()
        };
        assert_eq!(codes(Size::new(1599, 1600), 2, 1599), []);
        assert_eq!(codes(Size::new(1599, 1600), 2, 1600), [ReasonCode::ImageTooSmall]);
        assert_eq!(codes(Size::new(800, 800), 1, 300), [ReasonCode::FaceTooSmall]);
    }

    #[test]
    fn a_face_with_a_landmark_outside_the_picture_is_cropped() {
        let mut landmarks = posed(0.0, 0.0);
        landmarks.mouth_left.y = 800.5;
        let face = Face { landmarks: Some(landmarks), ..face(DRAWN) };
        let codes = codes(&drawn(|level| level), &face);
        assert!(codes.contains(&ReasonCode::FaceCropped), "{codes:?}");
    }

    #[test]
    fn a_pack_may_need_more_room_around_a_face_than_the_settings() {
        let (frame, face) = (drawn(|level| level), face([100.0, 100.0, 500.0, 600.0]));
        let terms = Terms::default();
        let codes = |max_face_share| -> Vec<ReasonCode> {
            let settings = Settings::default().for_scorers(max_face_share);
            let (picture, sampler) = (whole(&frame), &mut LumaSampler::default());
            let gated = gate(&picture, &frame, Some(&face), &settings, &terms, sampler);
            gated.reasons.into_iter().map(|reason| reason.code).collect()
        };
        assert_eq!(codes(1.0), []);
        assert_eq!(codes(0.74), [ReasonCode::FaceTooClose]);
    }

    #[test]
    fn a_small_picture_with_a_small_face_gets_both_reasons() {
        assert_eq!(
            codes(&gray(400, 299), &face([100.0, 100.0, 40.0, 50.0])),
            [ReasonCode::ImageTooSmall, ReasonCode::FaceTooSmall]
        );
    }

    #[test]
    fn a_head_turned_or_tilted_too_far_is_rejected() {
        let frame = drawn(|level| level);
        let at = |yaw, roll| {
            let face = Face { landmarks: Some(posed(yaw, roll)), ..face(DRAWN) };
            codes(&frame, &face)
        };
        for (yaw, roll) in [(44.0, 0.0), (-44.0, 10.0), (0.0, 34.0), (20.0, -34.0)] {
            assert_eq!(at(yaw, roll), [], "{yaw} {roll}");
        }
        for (yaw, roll) in [(46.0, 0.0), (-46.0, 0.0), (0.0, 36.0), (0.0, -36.0), (0.0, 180.0)] {
            assert_eq!(at(yaw, roll), [ReasonCode::FaceAngleTooLarge], "{yaw} {roll}");
        }
        // Both eyes in one place: the angle is NaN.
        let mut landmarks = posed(0.0, 0.0);
        landmarks.left_eye = landmarks.right_eye;
        let face = Face { landmarks: Some(landmarks), ..face(DRAWN) };
        assert_eq!(codes(&frame, &face), [ReasonCode::FaceAngleTooLarge]);
    }

    #[test]
    fn dark_bright_and_blurred_faces_are_rejected() {
        let at = |frame: &Frame| codes(frame, &face(DRAWN));
        assert_eq!(at(&drawn(|level| level)), []);
        assert!(at(&drawn(|level| level / 12)).contains(&ReasonCode::ImageTooDark));
        assert!(at(&drawn(|level| level.max(240))).contains(&ReasonCode::ImageTooBright));
        assert_eq!(at(&gray(800, 800)), [ReasonCode::ImageTooBlurry]);
    }

    #[test]
    fn every_gate_can_warn_or_be_off() {
        let (warn, off) = (Consequence::Warn, Consequence::Off);
        let all = |consequence| Severities {
            image_too_small: consequence,
            too_many_faces: consequence,
            face_too_small: consequence,
            face_too_close: consequence,
            face_close_to_border: consequence,
            face_cropped: consequence,
            face_angle_too_large: consequence,
            image_too_blurry: consequence,
            image_too_dark: consequence,
            image_too_bright: consequence,
        };
        let impossible = Settings {
            min_face_side_px: 1e6,
            max_face_share: 0.0,
            min_border_share: 1e6,
            max_outside_share: 0.0,
            max_yaw_degrees: 0.0,
            max_roll_degrees: 0.0,
            min_sharpness: 1e9,
            min_luma: 255.0,
            max_luma: 0.0,
            ..Settings::default()
        };
        let face = Face { landmarks: Some(posed(10.0, 0.0)), ..face([-10.0, 327.0, 150.0, 172.0]) };
        let frame = drawn(|level| level);
        let terms = Terms { min_picture_side_px: 801, ..Terms::default() };
        let gated = |severity| {
            let settings = Settings { severity, ..impossible };
            let sampler = &mut LumaSampler::default();
            gate(&whole(&frame), &frame, Some(&face), &settings, &terms, sampler)
        };
        let warned = gated(all(warn)).reasons;
        assert!(warned.iter().all(|reason| reason.severity == Severity::Warn));
        let mut found: Vec<ReasonCode> = warned.into_iter().map(|reason| reason.code).collect();
        found.extend([ReasonCode::FaceNotFound, ReasonCode::TooManyFaces]);
        assert!(ReasonCode::ALL.iter().all(|code| found.contains(code)), "{found:?}");
        assert_eq!(gated(all(off)), Gated::default());
    }
}

//! Chooses the face to judge.

use face_detector::Face;

use crate::reason::{Reason, ReasonCode, Severity};
use crate::settings::Settings;

/// Chooses the first of `faces` if its area is at least `min_face_lead` times the second's, or
/// `TOO_MANY_FACES` does not reject. Also gives the reason against the choice, if there is one.
/// `faces` are sorted largest first; an upright face may precede larger ones that are not.
#[tracing::instrument(skip_all)]
pub(crate) fn select<'a>(
    faces: &'a [Face],
    settings: &Settings,
) -> (Option<&'a Face>, Option<Reason>) {
    let (first, second) = match faces {
        [] => return (None, Some(ReasonCode::FaceNotFound.found(Severity::Reject, 0.0, 1.0))),
        [only] => return (Some(only), None),
        [first, second, ..] => (first, second),
    };
    let lead = f64::from(first.rect.area()) / f64::from(second.rect.area());
    let limit = settings.min_face_lead;
    match settings.severity.of(ReasonCode::TooManyFaces).filter(|_| lead < limit) {
        None => (Some(first), None),
        Some(severity) => {
            let reason = ReasonCode::TooManyFaces.found(severity, lead, limit);
            ((severity == Severity::Warn).then_some(first), Some(reason))
        }
    }
}

#[cfg(test)]
mod tests {
    use frame::Rect;

    use super::*;
    use crate::settings::Consequence;

    fn face(side: f32) -> Face {
        Face { rect: Rect::new(0.0, 0.0, side, side), confidence: 0.9, landmarks: None }
    }

    #[test]
    fn the_largest_face_is_chosen_if_its_lead_is_large_enough() {
        let settings = Settings::default();
        let (none, reason) = select(&[], &settings);
        assert_eq!((none, reason.unwrap().code), (None, ReasonCode::FaceNotFound));
        assert_eq!(select(&[face(100.0)], &settings), (Some(&face(100.0)), None));
        assert_eq!(select(&[face(100.0), face(50.0)], &settings), (Some(&face(100.0)), None));
        let faces = [face(100.0), face(80.0), face(10.0)];
        let (none, reason) = select(&faces, &settings);
        assert_eq!((none, reason.unwrap().code), (None, ReasonCode::TooManyFaces));
        assert!((reason.unwrap().measured - 1.5625).abs() < 1e-6);
    }

    #[test]
    fn the_largest_face_is_chosen_where_two_faces_do_not_reject() {
        let faces = [face(100.0), face(80.0)];
        let mut settings = Settings::default();
        settings.severity.too_many_faces = Consequence::Warn;
        let (chosen, reason) = select(&faces, &settings);
        assert_eq!((chosen, reason.unwrap().severity), (Some(&faces[0]), Severity::Warn));
        settings.severity.too_many_faces = Consequence::Off;
        assert_eq!(select(&faces, &settings), (Some(&faces[0]), None));
    }
}

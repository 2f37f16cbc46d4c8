//! What must hold of a picture and its face before a score means anything.

use face_detector::Face;
use frame::Size;

use crate::reason::{Reason, ReasonCode};
use crate::settings::{Settings, Terms};

/// Everything that stands in the way of scoring `face` in a picture of size `picture`.
pub(crate) fn gate(
    picture: Size,
    face: Option<&Face>,
    settings: &Settings,
    terms: &Terms,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let side = picture.shorter_side();
    if side < terms.min_picture_side_px {
        reasons
            .push(ReasonCode::ImageTooSmall.reject(side as f64, terms.min_picture_side_px as f64));
    }
    let face_side = face.map(|face| face.rect.shorter_side());
    if let Some(side) = face_side.filter(|&side| side < settings.min_face_side_px) {
        reasons
            .push(ReasonCode::FaceTooSmall.reject(side.into(), settings.min_face_side_px.into()));
    }
    reasons
}

#[cfg(test)]
mod tests {
    use frame::Rect;

    use super::*;
    use crate::decide::Threshold;

    fn codes(picture: Size, face_side: f32) -> Vec<ReasonCode> {
        let face = Face {
            rect: Rect::new(0.0, 0.0, face_side, 2.0 * face_side),
            confidence: 0.9,
            landmarks: None,
        };
        let terms = Terms { threshold: Threshold::default(), min_picture_side_px: 300 };
        let reasons = gate(picture, Some(&face), &Settings::default(), &terms);
        reasons.into_iter().map(|reason| reason.code).collect()
    }

    #[test]
    fn limits_are_the_smallest_that_pass() {
        assert_eq!(codes(Size::new(300, 400), 48.0), []);
        assert_eq!(codes(Size::new(400, 299), 48.0), [ReasonCode::ImageTooSmall]);
        assert_eq!(codes(Size::new(300, 400), 47.9), [ReasonCode::FaceTooSmall]);
        assert_eq!(
            codes(Size::new(95, 71), 30.0),
            [ReasonCode::ImageTooSmall, ReasonCode::FaceTooSmall]
        );
    }
}

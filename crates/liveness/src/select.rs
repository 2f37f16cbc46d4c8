//! Which of the faces is meant.

use face_detector::Face;

use crate::reason::{Reason, ReasonCode};

/// The face that is meant: the largest, if its area is at least `min_face_lead` times the second's.
/// `faces` come largest first.
pub(crate) fn select(faces: &[Face], min_face_lead: f32) -> Result<&Face, Reason> {
    match faces {
        [] => Err(ReasonCode::FaceNotFound.reject(0.0, 1.0)),
        [only] => Ok(only),
        [first, second, ..] => {
            let lead = first.rect.area() / second.rect.area();
            if lead >= min_face_lead {
                Ok(first)
            } else {
                Err(ReasonCode::TooManyFaces.reject(lead.into(), min_face_lead.into()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use frame::Rect;

    use super::*;

    fn face(side: f32) -> Face {
        Face { rect: Rect::new(0.0, 0.0, side, side), confidence: 0.9, landmarks: None }
    }

    #[test]
    fn the_largest_is_meant_if_clearly_the_largest() {
        assert_eq!(select(&[], 2.0).unwrap_err().code, ReasonCode::FaceNotFound);
        assert_eq!(select(&[face(100.0)], 2.0), Ok(&face(100.0)));
        assert_eq!(select(&[face(100.0), face(50.0)], 2.0), Ok(&face(100.0)));
        let reason = select(&[face(100.0), face(80.0), face(10.0)], 2.0).unwrap_err();
        assert_eq!(reason.code, ReasonCode::TooManyFaces);
        assert!((reason.measured - 1.5625).abs() < 1e-6);
    }
}

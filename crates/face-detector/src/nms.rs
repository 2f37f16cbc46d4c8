//! Non-maximum suppression: of candidates that overlap, the one with the highest confidence stays.

use crate::face::{Face, sort_largest_first};

/// Keeps the candidates of the highest confidence so that no two overlap by more than
/// `max_overlap_iou` (intersection over union). Returns them largest first.
pub(crate) fn suppress(mut candidates: Vec<Face>, max_overlap_iou: f32) -> Vec<Face> {
    candidates.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    let mut kept: Vec<Face> = Vec::new();
    for face in candidates {
        if kept.iter().all(|better| better.rect.iou(&face.rect) <= max_overlap_iou) {
            kept.push(face);
        }
    }
    sort_largest_first(&mut kept);
    kept
}

#[cfg(test)]
mod tests {
    use frame::Rect;
    use proptest::prelude::*;

    use super::*;

    fn face(x: f32, y: f32, side: f32, confidence: f32) -> Face {
        Face { rect: Rect::new(x, y, side, side), confidence, landmarks: None }
    }

    #[test]
    fn of_two_that_overlap_the_more_confident_stays_and_the_largest_comes_first() {
        let kept = suppress(
            vec![face(0.0, 0.0, 10.0, 0.8), face(1.0, 1.0, 10.0, 0.9), face(50.0, 0.0, 30.0, 0.7)],
            0.3,
        );
        assert_eq!(kept, [face(50.0, 0.0, 30.0, 0.7), face(1.0, 1.0, 10.0, 0.9)]);
    }

    fn faces() -> impl Strategy<Value = Vec<Face>> {
        let values = (0.0_f32..500.0, 0.0_f32..500.0, 1.0_f32..200.0, 0.0_f32..1.0);
        prop::collection::vec(values.prop_map(|(x, y, side, c)| face(x, y, side, c)), 0..40)
    }

    proptest! {
        #[test]
        fn no_two_kept_overlap_and_every_dropped_face_overlaps_a_more_confident_one(faces in faces()) {
            let kept = suppress(faces.clone(), 0.3);
            for (i, a) in kept.iter().enumerate() {
                prop_assert!(kept[i + 1..].iter().all(|b| a.rect.iou(&b.rect) <= 0.3));
            }
            for face in &faces {
                let outdone = |by: &Face| {
                    by.rect.iou(&face.rect) > 0.3 && by.confidence >= face.confidence
                };
                prop_assert!(kept.iter().any(|kept| kept == face || outdone(kept)));
            }
        }

        #[test]
        fn the_order_of_candidates_does_not_matter(faces in faces()) {
            let mut reversed = faces.clone();
            reversed.reverse();
            let distinct = faces.iter().enumerate().all(|(i, a)| {
                faces[i + 1..].iter().all(|b| a.confidence != b.confidence && a.rect.area() != b.rect.area())
            });
            prop_assume!(distinct);
            prop_assert_eq!(suppress(faces, 0.3), suppress(reversed, 0.3));
        }
    }
}

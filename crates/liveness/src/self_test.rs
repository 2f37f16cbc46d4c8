//! Compares a pack's results to its golden vectors.

use anti_spoof::{Score, Scorer};
use face_detector::{Face, Finder, Landmarks};
use model_pack::Golden;

use crate::golden_error::{GoldenError, Mismatch};

/// Least intersection over union of a box with the recorded one.
const MIN_BOX_IOU: f32 = 0.98;
/// Largest difference of two confidences.
const MAX_CONFIDENCE_ERROR: f32 = 0.01;
/// Largest distance of a landmark from the recorded one, in shorter sides of the face box.
const MAX_LANDMARK_ERROR: f32 = 0.02;
/// Largest difference of log-odds. A swapped channel, a missing scale, another class or a crop of
/// 2.6 instead of 2.7 times the face makes a larger one (tests/check.rs).
pub(crate) const MAX_LOG_ODDS_ERROR: f64 = 0.05;

/// Runs the models on each golden picture and compares their results to the recorded ones.
pub(crate) fn self_test(
    vectors: &[Golden],
    finder: &mut Finder,
    scorer: &mut Scorer,
) -> Result<(), GoldenError> {
    for golden in vectors {
        let frame = golden.picture.frame();
        // ONNX Runtime sizes its memory by the first run. With the detector's full size first, each
        // worker had 7 MB more.
        finder.find(&frame, &|| false)?;
        let found = finder.detector().detect(&frame)?;
        if !faces_agree(&found, &golden.faces) {
            return Err(mismatch(found, &golden.faces).into());
        }
        // Scorers get the recorded box, so that a scorer's fault is told from a detector's.
        let Some(face) = golden.faces.first() else {
            continue;
        };
        if let (Some(landmarker), Some(expected)) = (finder.landmarker(), face.landmarks) {
            let found = landmarker.mark(&frame, &face.rect)?.landmarks;
            if !landmarks_agree(&found, &expected, face) {
                let (expected, found) = (Box::new(expected), Box::new(found));
                return Err(Mismatch::Landmarks { expected, found }.into());
            }
        }
        for model in scorer.score(&frame, &face.rect, &|| false)?.models {
            if log_odds_error(golden, &model.id, model.live) > MAX_LOG_ODDS_ERROR {
                let (scorer, found) = (model.id.to_string(), model.live.log_odds());
                let expected = recorded_log_odds(golden, &scorer);
                return Err(Mismatch::LogOdds { scorer, expected, found }.into());
            }
        }
    }
    Ok(())
}

fn recorded_log_odds(golden: &Golden, id: &str) -> f64 {
    golden.log_odds.get(id).copied().unwrap_or(f64::NAN)
}

/// Difference of the scorer's log-odds from the recorded ones; infinite where it is not a number.
pub(crate) fn log_odds_error(golden: &Golden, id: &str, live: Score) -> f64 {
    let error = (live.log_odds() - recorded_log_odds(golden, id)).abs();
    if error.is_nan() { f64::INFINITY } else { error }
}

/// Compares boxes, confidences and landmarks, face by face.
pub(crate) fn faces_agree(found: &[Face], expected: &[Face]) -> bool {
    all_agree(found, expected, face_agrees)
}

fn all_agree(found: &[Face], expected: &[Face], agree: fn(&Face, &Face) -> bool) -> bool {
    found.len() == expected.len() && found.iter().zip(expected).all(|(f, e)| agree(f, e))
}

/// The boxes, or where they agree the first landmarks that do not.
fn mismatch(found: Vec<Face>, expected: &[Face]) -> Mismatch {
    let boxes_agree = all_agree(&found, expected, box_agrees);
    let mut wrong = found.iter().zip(expected).filter(|(f, e)| boxes_agree && !face_agrees(f, e));
    match wrong.find_map(|(found, expected)| Some((found.landmarks?, expected.landmarks))) {
        Some((found, expected)) => {
            Mismatch::FaceLandmarks { expected: expected.map(Box::new), found: Box::new(found) }
        }
        None => Mismatch::Faces { expected: expected.to_vec(), found },
    }
}

fn face_agrees(found: &Face, expected: &Face) -> bool {
    let landmarks_agree = match (found.landmarks, expected.landmarks) {
        (Some(found), Some(points)) => landmarks_agree(&found, &points, expected),
        // The recorded ones are the landmarker's.
        (None, _) => true,
        (Some(_), None) => false,
    };
    box_agrees(found, expected) && landmarks_agree
}

fn box_agrees(found: &Face, expected: &Face) -> bool {
    found.rect.iou(&expected.rect) >= MIN_BOX_IOU
        && (found.confidence - expected.confidence).abs() <= MAX_CONFIDENCE_ERROR
}

fn landmarks_agree(found: &Landmarks, expected: &Landmarks, face: &Face) -> bool {
    let reach = MAX_LANDMARK_ERROR * face.rect.shorter_side();
    let mut pairs = found.points().into_iter().zip(expected.points());
    pairs.all(|(f, e)| (f.x - e.x).abs() <= reach && (f.y - e.y).abs() <= reach)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model_pack::catalog;

    #[test]
    fn wrong_landmarks_and_wrong_boxes_get_different_messages() {
        let (manifest, _) = catalog().remove(1);
        let expected = &manifest.golden[0].faces;
        let message = |change: fn(&mut Face)| {
            let mut found = expected.clone();
            change(&mut found[0]);
            assert!(!faces_agree(&found, expected));
            GoldenError::from(mismatch(found, expected)).to_string()
        };
        let nose = message(|face| face.landmarks.as_mut().unwrap().nose.x += 50.0);
        assert!(nose.starts_with("the detector's landmarks are right eye "), "{nose}");
        assert!(nose.contains("; recorded are right eye ") && !nose.contains("px at"), "{nose}");
        let moved = message(|face| face.rect.top_left.x += 50.0);
        assert!(moved.starts_with("the detector finds ") && !moved.contains("eye"), "{moved}");
        let points = || Box::new(expected[0].landmarks.unwrap());
        let error = Mismatch::Landmarks { expected: points(), found: points() };
        assert!(!error.to_string().contains('{'), "{error}");
    }
}

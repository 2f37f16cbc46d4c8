//! Whether a pack answers, here and now, what it answered when it was made.

use anti_spoof::{Score, ScoreError, Scorer};
use face_detector::{DetectError, Face, Finder, Landmarks};
use model_pack::Golden;

use crate::diagnose::Diagnosis;

/// Boxes recorded with the reference must be met at least this well.
const MIN_BOX_IOU: f32 = 0.98;
/// How far confidences may be off.
const MAX_CONFIDENCE_ERROR: f32 = 0.01;
/// How far log-odds may be off. A swapped channel, a missing scale, another class or a crop of 2.6 times
/// the face for 2.7 is further off (tests/check.rs).
pub(crate) const MAX_LOG_ODDS_ERROR: f64 = 0.05;

/// How a pack failed one of its golden vectors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GoldenError {
    /// The detector failed.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// A scorer failed.
    #[error(transparent)]
    Score(ScoreError),
    /// A scorer's number is no probability.
    #[error("the scorer `{scorer}` gives {found}, which is no probability: {diagnosis}")]
    NoProbability {
        /// Its id in the pack.
        scorer: String,
        /// What it gives.
        found: f64,
        /// What explains it.
        diagnosis: Diagnosis,
    },
    /// The detector finds other faces.
    #[error("the detector finds {}; recorded is {}: {diagnosis}", listed(found), listed(expected))]
    Faces {
        /// As recorded.
        expected: Vec<Face>,
        /// As found.
        found: Vec<Face>,
        /// What explains it.
        diagnosis: Diagnosis,
    },
    /// The detector finds the recorded boxes, and other points in one of them.
    #[error(
        "the detector's landmarks are {}; recorded are {}: {diagnosis}",
        marked(Some(found.as_ref())),
        marked(expected.as_deref())
    )]
    FaceLandmarks {
        /// As recorded.
        expected: Option<Box<Landmarks>>,
        /// As found.
        found: Box<Landmarks>,
        /// What explains it.
        diagnosis: Diagnosis,
    },
    /// The landmarker finds other points.
    #[error(
        "the landmarker's landmarks are {}; recorded are {}",
        marked(Some(found)),
        marked(Some(expected))
    )]
    Landmarks {
        /// As recorded.
        expected: Landmarks,
        /// As found.
        found: Landmarks,
    },
    /// A scorer answers something else.
    #[error(
        "the scorer `{scorer}` answers log-odds {found:.4}; recorded are {expected:.4}: {diagnosis}"
    )]
    LogOdds {
        /// Its id in the pack.
        scorer: String,
        /// As recorded.
        expected: f64,
        /// As answered.
        found: f64,
        /// What explains it.
        diagnosis: Diagnosis,
    },
}

impl From<ScoreError> for GoldenError {
    fn from(error: ScoreError) -> Self {
        match error {
            ScoreError::NoProbability { scorer, source } => Self::NoProbability {
                scorer: scorer.to_string(),
                found: source.0,
                diagnosis: Diagnosis::Unexplained,
            },
            error => Self::Score(error),
        }
    }
}

/// Shows the pack its golden pictures and compares its answers with the recorded ones.
pub(crate) fn self_test(
    vectors: &[Golden],
    finder: &mut Finder,
    scorer: &mut Scorer,
) -> Result<(), GoldenError> {
    for golden in vectors {
        let frame = golden.picture.frame();
        // At its usual size first: ONNX Runtime keeps what it needs then, and goes by it later. The other way round
        // each worker had 7 MB more.
        finder.find(&frame)?;
        let found = finder.detector().detect(&frame)?;
        if !faces_agree(&found, &golden.faces) {
            return Err(other_faces(found, &golden.faces));
        }
        // On the recorded box, so that a scorer's fault is told from a detector's.
        let Some(face) = golden.faces.first() else {
            continue;
        };
        if let (Some(landmarker), Some(expected)) = (finder.landmarker(), face.landmarks) {
            let found = landmarker.mark(&frame, &face.rect)?.landmarks;
            if !landmarks_agree(&found, &expected, face) {
                return Err(GoldenError::Landmarks { expected, found });
            }
        }
        for model in scorer.score(&frame, &face.rect)?.models {
            if log_odds_error(golden, &model.id, model.live) > MAX_LOG_ODDS_ERROR {
                return Err(GoldenError::LogOdds {
                    expected: golden.log_odds.get(&*model.id).copied().unwrap_or(f64::NAN),
                    found: model.live.log_odds(),
                    scorer: model.id.to_string(),
                    diagnosis: Diagnosis::Unexplained,
                });
            }
        }
    }
    Ok(())
}

/// How far the answer of the scorer `id` is from the recorded one; without end where that is no number.
pub(crate) fn log_odds_error(golden: &Golden, id: &str, live: Score) -> f64 {
    let expected = golden.log_odds.get(id).copied().unwrap_or(f64::NAN);
    let error = (live.log_odds() - expected).abs();
    if error.is_nan() { f64::INFINITY } else { error }
}

/// Whether the faces found are the recorded ones.
pub(crate) fn faces_agree(found: &[Face], expected: &[Face]) -> bool {
    found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| face_agrees(found, expected))
}

/// What is to be said of faces that are not the recorded ones: their boxes, or their landmarks where the boxes
/// are right.
fn other_faces(found: Vec<Face>, expected: &[Face]) -> GoldenError {
    let diagnosis = Diagnosis::Unexplained;
    let mut pairs = found.iter().zip(expected);
    let is_boxes = found.len() != expected.len() || !pairs.clone().all(|(f, e)| box_agrees(f, e));
    let points = pairs.find_map(|(found, expected)| {
        Some((found.landmarks.filter(|_| !face_agrees(found, expected))?, expected.landmarks))
    });
    match points.filter(|_| !is_boxes) {
        Some((found, expected)) => {
            let (found, expected) = (Box::new(found), expected.map(Box::new));
            GoldenError::FaceLandmarks { expected, found, diagnosis }
        }
        None => GoldenError::Faces { expected: expected.to_vec(), found, diagnosis },
    }
}

/// Landmarks for people, as in `right eye 372,391, left eye 446,392, ...`.
fn marked(landmarks: Option<&Landmarks>) -> String {
    let Some(landmarks) = landmarks else {
        return "none".to_owned();
    };
    let names = ["right eye", "left eye", "nose", "right of the mouth", "left of the mouth"];
    let points = names.into_iter().zip(landmarks.points());
    points
        .map(|(name, at)| format!("{name} {:.1},{:.1}", at.x, at.y))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Faces for people, as in `150x172 px at 335,327 (0.9999)`.
fn listed(faces: &[Face]) -> String {
    let face = |face: &Face| {
        let frame::Rect { top_left, delta } = face.rect;
        let Face { confidence, .. } = face;
        format!(
            "{:.0}x{:.0} px at {:.0},{:.0} (confidence {confidence:.4})",
            delta.x, delta.y, top_left.x, top_left.y
        )
    };
    match faces {
        [] => "no face".to_owned(),
        _ => faces.iter().map(face).collect::<Vec<_>>().join(" and "),
    }
}

fn face_agrees(found: &Face, expected: &Face) -> bool {
    let landmarks_agree = match (found.landmarks, expected.landmarks) {
        (Some(found), Some(expected_points)) => landmarks_agree(&found, &expected_points, expected),
        // Those of a landmarker, which are another model's.
        (None, _) => true,
        (Some(_), None) => false,
    };
    box_agrees(found, expected) && landmarks_agree
}

fn box_agrees(found: &Face, expected: &Face) -> bool {
    found.rect.iou(&expected.rect) >= MIN_BOX_IOU
        && (found.confidence - expected.confidence).abs() <= MAX_CONFIDENCE_ERROR
}

/// Landmarks may be off by as much as 2% of the face.
fn landmarks_agree(found: &Landmarks, expected: &Landmarks, face: &Face) -> bool {
    let reach = 0.02 * face.rect.shorter_side();
    let pairs = found.points().into_iter().zip(expected.points());
    pairs.into_iter().all(|(f, e)| (f.x - e.x).abs() <= reach && (f.y - e.y).abs() <= reach)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model_pack::catalog;

    #[test]
    fn landmarks_that_differ_are_told_apart_from_boxes_that_do() {
        let (manifest, _) = catalog().remove(1);
        let expected = &manifest.golden[0].faces;
        let said = |change: fn(&mut Face)| {
            let mut found = expected.clone();
            change(&mut found[0]);
            assert!(!faces_agree(&found, expected));
            other_faces(found, expected).to_string()
        };
        let nose = said(|face| face.landmarks.as_mut().unwrap().nose.x += 50.0);
        assert!(nose.starts_with("the detector's landmarks are right eye "), "{nose}");
        assert!(nose.contains("; recorded are right eye ") && !nose.contains("px at"), "{nose}");
        let moved = said(|face| face.rect.top_left.x += 50.0);
        assert!(moved.starts_with("the detector finds ") && !moved.contains("eye"), "{moved}");
        let points = expected[0].landmarks.unwrap();
        let error = GoldenError::Landmarks { expected: points, found: points };
        assert!(!error.to_string().contains('{'), "{error}");
    }
}

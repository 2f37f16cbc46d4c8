//! All scorers of a pack together.

use std::sync::Arc;

use frame::{Frame, Rect};

use crate::classifier::Classifier;
use crate::error::ScoreError;
use crate::fusion::{Calibration, Fusion};
use crate::score::Score;

/// The scorers of a pack and how their answers become one. Owned by one thread.
#[derive(Debug)]
pub struct Scorer {
    classifiers: Vec<Classifier>,
    fusion: Fusion,
    calibration: Calibration,
}

/// What the scorers make of one face.
#[derive(Debug, Clone, PartialEq)]
pub struct Assessment {
    /// Fused and calibrated.
    pub score: Score,
    /// Fused, before calibration: what a calibration is fitted to.
    pub fused: Score,
    /// What each model said, before that.
    pub models: Vec<ModelScore>,
}

/// What one model said.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelScore {
    /// Its id in the pack.
    pub id: Arc<str>,
    /// Its probability of a living face, as it came.
    pub live: Score,
    /// How many times the face box it got to see: what its crop asks for, or as much as the picture has.
    pub crop_scale: f32,
    /// What it got to see, in pixels of the frame; may reach past its edges, where it saw the frame mirrored.
    pub crop: Rect,
}

impl Scorer {
    /// Puts `classifiers` together.
    #[must_use]
    pub fn new(classifiers: Vec<Classifier>, fusion: Fusion, calibration: Calibration) -> Self {
        Self { classifiers, fusion, calibration }
    }

    /// Each scorer alone.
    pub fn classifiers(&mut self) -> &mut [Classifier] {
        &mut self.classifiers
    }

    /// How living the face in `face` looks.
    ///
    /// # Errors
    /// When any model fails: a score of fewer models would be another score.
    pub fn score(&mut self, frame: &Frame, face: &Rect) -> Result<Assessment, ScoreError> {
        let models = self
            .classifiers
            .iter_mut()
            .map(|classifier| {
                let live = classifier.classify(frame, face)?;
                let crop_scale = classifier.crop_scale(frame.size(), face);
                let crop = classifier.crop(frame.size(), face);
                Ok(ModelScore { id: classifier.id().clone(), live, crop_scale, crop })
            })
            .collect::<Result<Vec<_>, ScoreError>>()?;
        let fused = self.fusion.fuse(&models)?;
        let score = self.calibration.apply(fused)?;
        Ok(Assessment { score, fused, models })
    }

    /// Overwrites what is left of faces.
    pub fn clear(&mut self) {
        self.classifiers.iter_mut().for_each(Classifier::clear);
    }
}

//! All scorers of a pack together.

use frame::{Frame, Rect, Size};

use crate::classifier::Classifier;
use crate::error::ScoreError;
use crate::fusion::{Calibration, Fusion};
use crate::score::{ModelScore, Score};

/// The scorers of a pack, their fusion and their calibration. Owned by one thread.
#[derive(Debug)]
pub struct Scorer {
    classifiers: Vec<Classifier>,
    fusion: Fusion,
    calibration: Calibration,
}

/// The scores of one face.
#[derive(Debug, Clone, PartialEq)]
pub struct Assessment {
    /// Fused and calibrated.
    pub score: Score,
    /// Fused, before calibration. A calibration is fitted to this score.
    pub fused: Score,
    /// The score of each model, before fusion.
    pub models: Vec<ModelScore>,
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

    /// Scores the face in `face`. `stop` is asked before each model runs; when it returns true,
    /// scoring ends.
    ///
    /// # Errors
    /// When any model fails: a score of fewer models would be another score. When it was stopped.
    pub fn score(
        &mut self,
        frame: &Frame,
        face: &Rect,
        stop: &dyn Fn() -> bool,
    ) -> Result<Assessment, ScoreError> {
        let mut models = Vec::with_capacity(self.classifiers.len());
        for next in 0..self.classifiers.len() {
            let (done, others) = self.classifiers.split_at_mut(next);
            let Some(classifier) = others.first_mut() else { break };
            if stop() {
                return Err(ScoreError::Stopped);
            }
            // The first of those that see the same has filled its tensor; the others take it.
            let same = done.iter_mut().find(|it| classifier.sees_as(it, frame.size(), face));
            models.push(match same {
                Some(same) => classifier.classify_as(same, frame.size(), face)?,
                None => classifier.classify(frame, face)?,
            });
        }
        let fused = self.fusion.fuse(&models)?;
        Ok(Assessment { score: self.calibration.apply(fused)?, fused, models })
    }

    /// The most memory of the copies that scoring makes of parts of a frame of `size`, bytes: those
    /// around a face that fills the frame.
    #[must_use]
    pub fn copies_bytes(&self, size: Size) -> u64 {
        self.classifiers.iter().map(|it| it.square_bytes(size)).sum()
    }

    /// Overwrites the buffers, which hold parts of pictures.
    pub fn clear(&mut self) {
        self.classifiers.iter_mut().for_each(Classifier::clear);
    }
}

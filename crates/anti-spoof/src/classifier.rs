//! One scorer: a model, the region it sees and the buffers it works in.

use std::sync::Arc;

use frame::{Frame, Rect, Resampler, Size};
use onnx::{Device, Model, ModelError, ProfileError, Providers, Runtime};

use crate::crop::Region;
use crate::error::ScoreError;
use crate::score::Score;
use crate::spec::{Activation, Spec};

/// One loaded scorer. Owned by one thread; keeps its buffers from face to face.
pub struct Classifier {
    id: Arc<str>,
    model: Model,
    spec: Spec,
    square: Frame,
    resampler: Resampler,
    tensor: Vec<f32>,
}

impl std::fmt::Debug for Classifier {
    /// Without the buffers: there is a face in them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Classifier").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Classifier {
    /// Loads the ONNX file in `model` and checks that it is what `spec` says. `id` names it in
    /// answers and errors.
    ///
    /// # Errors
    /// When it cannot be loaded or takes or gives other tensors.
    pub fn load(
        runtime: &Runtime,
        id: &str,
        model: &[u8],
        device: Device,
        spec: &Spec,
    ) -> Result<Self, ScoreError> {
        let id: Arc<str> = id.into();
        if spec.live_class >= spec.classes {
            let &Spec { classes, live_class, .. } = spec;
            return Err(ScoreError::LiveClass { scorer: id, classes, live_class });
        }
        let model = Model::load(runtime, model, device, &spec.signature())
            .map_err(|source| ScoreError::Model { scorer: id.clone(), source })?;
        Ok(Self {
            id,
            model,
            spec: spec.clone(),
            square: Frame::default(),
            resampler: Resampler::default(),
            tensor: Vec::new(),
        })
    }

    /// Its id in the pack.
    #[must_use]
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// What ran the model since it was loaded, and no more from now on: see [`Model::end_profile`].
    ///
    /// # Errors
    /// When there is no profile, or none that can be read.
    pub fn end_profile(&mut self) -> Result<Providers, ProfileError> {
        self.model.end_profile()
    }

    /// How many times the box `face` this model gets to see of a picture of `size`.
    pub(crate) fn crop_scale(&self, size: Size, face: &Rect) -> f32 {
        self.spec.crop.scale_within(size, face)
    }

    /// What this model gets to see of a picture of `size`; may reach past its edges, where it sees the picture
    /// mirrored.
    pub(crate) fn crop(&self, size: Size, face: &Rect) -> Rect {
        self.spec.crop.region(size, face).rect()
    }

    /// The probability that the face in `face` is a living one, as this model alone sees it.
    ///
    /// # Errors
    /// When the rectangle has no area, or the model fails or gives no probability.
    pub fn classify(&mut self, frame: &Frame, face: &Rect) -> Result<Score, ScoreError> {
        if !face.is_proper() {
            return Err(ScoreError::NoArea);
        }
        self.fill_tensor(frame, face);
        let probability = self
            .live_probability()
            .map_err(|source| ScoreError::Model { scorer: self.id.clone(), source })?;
        Score::new(probability)
            .map_err(|source| ScoreError::NoProbability { scorer: self.id.clone(), source })
    }

    /// Overwrites what is left of faces.
    pub(crate) fn clear(&mut self) {
        self.square.clear();
        self.resampler.clear();
        self.tensor.fill(0.0);
    }

    fn fill_tensor(&mut self, frame: &Frame, face: &Rect) {
        let &Spec { crop, input, resize, tensor, .. } = &self.spec;
        let region = match crop.region(frame.size(), face) {
            Region::Inside(rect) => frame.crop(rect),
            Region::Square(part) => {
                frame.copy_reflected(part, &mut self.square);
                self.square.view()
            }
        };
        self.resampler.fill(region, (input, resize), &tensor, input, &mut self.tensor);
    }

    fn live_probability(&mut self) -> Result<f64, ModelError> {
        let shape = [1, 3, self.spec.input.height, self.spec.input.width];
        let outputs = self.model.run(shape, &mut self.tensor)?;
        let classes = outputs.get(0)?;
        Ok(match self.spec.activation {
            Activation::Softmax => softmax(classes.iter().copied(), self.spec.live_class),
            Activation::Probabilities => f64::from(classes[[0, self.spec.live_class]]),
        })
    }
}

/// Entry `wanted` of the softmax of `logits`: one over the sum of the exponentials of every logit's
/// lead over the wanted one, which cannot overflow into a wrong answer.
fn softmax(logits: impl Iterator<Item = f32> + Clone, wanted: usize) -> f64 {
    let Some(reference) = logits.clone().nth(wanted).map(f64::from) else {
        return f64::NAN;
    };
    1.0 / logits.map(|logit| (f64::from(logit) - reference).exp()).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_is_right_and_survives_extremes() {
        let p = |logits: [f32; 3], wanted| softmax(logits.into_iter(), wanted);
        assert!((p([1.0, 2.0, 3.0], 1) - 0.244_728_471).abs() < 1e-8);
        assert_eq!(p([1000.0, 0.0, 0.0], 0), 1.0);
        assert_eq!(p([1000.0, 0.0, 0.0], 1), 0.0);
        assert!(p([f32::NAN, 0.0, 0.0], 1).is_nan());
        assert!(p([0.0, f32::INFINITY, 0.0], 1).is_nan());
    }
}

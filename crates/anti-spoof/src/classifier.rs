//! One scorer of a pack: a model, the region that it sees, and its buffers.

use std::sync::Arc;

use frame::{Frame, Rect, Resampler, Size};
use onnx::{Device, Model, ModelError, ProfileError, Providers, Runtime};

use crate::crop::Region;
use crate::error::ScoreError;
use crate::score::{ModelScore, Score};
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
    /// Without the buffers: they hold a face.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Classifier").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Classifier {
    /// Loads the ONNX file in `model` and checks it against `spec`. `id` names the scorer in
    /// reports and errors.
    ///
    /// # Errors
    /// When the file cannot be loaded, or has another input or output.
    pub fn load(
        runtime: &Runtime,
        id: &str,
        model: &[u8],
        device: Device,
        spec: &Spec,
    ) -> Result<Self, ScoreError> {
        let id: Arc<str> = id.into();
        let &Spec { classes, live_class, .. } = spec;
        if live_class >= classes {
            return Err(ScoreError::LiveClass { scorer: id, classes, live_class });
        }
        let model = Model::load(runtime, model, device, &spec.signature())
            .map_err(|source| ScoreError::Model { scorer: id.clone(), source })?;
        let (square, resampler) = (Frame::default(), Resampler::default());
        Ok(Self { id, model, spec: spec.clone(), square, resampler, tensor: Vec::new() })
    }

    /// Ends the model's profile: see [`Model::end_profile`].
    ///
    /// # Errors
    /// When there is no profile, or it cannot be read.
    pub fn end_profile(&mut self) -> Result<Providers, ProfileError> {
        self.model.end_profile()
    }

    /// Scores the face in `face` with this model alone.
    ///
    /// # Errors
    /// When the rectangle has no area, or the model fails or gives no probability.
    pub fn classify(&mut self, frame: &Frame, face: &Rect) -> Result<ModelScore, ScoreError> {
        if !face.is_proper() {
            return Err(ScoreError::NoArea);
        }
        let &Spec { crop, input, resize, tensor, .. } = &self.spec;
        let view = match crop.region(frame.size(), face) {
            Region::Inside(rect) => frame.crop(rect),
            Region::Square(part) => frame.reflected(part, &mut self.square),
        };
        self.resampler.fill(view, (input, resize), &tensor, input, &mut self.tensor);
        let mut tensor = std::mem::take(&mut self.tensor);
        let score = self.classify_tensor(frame.size(), face, &mut tensor);
        self.tensor = tensor;
        score
    }

    /// Scores the face as `other` saw it, which has just scored it and must
    /// [see the same](Self::sees_as).
    ///
    /// # Errors
    /// As [`classify`](Self::classify).
    pub(crate) fn classify_as(
        &mut self,
        other: &mut Self,
        picture: Size,
        face: &Rect,
    ) -> Result<ModelScore, ScoreError> {
        self.classify_tensor(picture, face, &mut other.tensor)
    }

    /// Whether the tensor of `other` has the same numbers for the face in `face`, in a picture of
    /// this size. Crops of different scales are the same where the picture has no room for either.
    pub(crate) fn sees_as(&self, other: &Self, picture: Size, face: &Rect) -> bool {
        let seen = |Spec { crop, input, resize, tensor, .. }: &Spec| {
            (crop.region(picture, face), *input, *resize, *tensor)
        };
        face.is_proper() && seen(&self.spec) == seen(&other.spec)
    }

    fn classify_tensor(
        &mut self,
        picture: Size,
        face: &Rect,
        tensor: &mut Vec<f32>,
    ) -> Result<ModelScore, ScoreError> {
        let id = self.id.clone();
        let live = match self.live_probability(tensor) {
            Ok(probability) => Score::new(probability)
                .map_err(|source| ScoreError::NoProbability { scorer: id.clone(), source })?,
            Err(source) => return Err(ScoreError::Model { scorer: id, source }),
        };
        let crop = self.spec.crop;
        let crop_scale = crop.scale_within(picture, face);
        Ok(ModelScore { id, live, crop_scale, crop: crop.region(picture, face).rect() })
    }

    /// The most memory of the copy of a square of a picture of size `picture`, bytes.
    pub(crate) fn square_bytes(&self, picture: Size) -> u64 {
        let side = picture.longer_side() as f32;
        match self.spec.crop.region(picture, &Rect::new(0.0, 0.0, side, side)) {
            Region::Inside(_) => 0,
            Region::Square(part) => 3 * part.size.area() as u64,
        }
    }

    /// Overwrites the buffers.
    pub(crate) fn clear(&mut self) {
        self.square.clear();
        self.resampler.clear();
        self.tensor.fill(0.0);
    }

    fn live_probability(&mut self, tensor: &mut Vec<f32>) -> Result<f64, ModelError> {
        let shape = [1, 3, self.spec.input.height, self.spec.input.width];
        let outputs = self.model.run(shape, tensor)?;
        let classes = outputs.get(0)?;
        Ok(match self.spec.activation {
            Activation::Softmax => softmax(classes.iter().copied(), self.spec.live_class),
            Activation::Probabilities => f64::from(classes[[0, self.spec.live_class]]),
        })
    }
}

/// Entry `wanted` of the softmax of `logits`. Subtracting the wanted logit first keeps an overflow
/// from changing the result.
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
    fn softmax_is_right_for_ordinary_and_extreme_logits() {
        let p = |logits: [f32; 3], wanted| softmax(logits.into_iter(), wanted);
        assert!((p([1.0, 2.0, 3.0], 1) - 0.244_728_471).abs() < 1e-8);
        assert_eq!(p([1000.0, 0.0, 0.0], 0), 1.0);
        assert_eq!(p([1000.0, 0.0, 0.0], 1), 0.0);
        assert!(p([f32::NAN, 0.0, 0.0], 1).is_nan());
        assert!(p([0.0, f32::INFINITY, 0.0], 1).is_nan());
    }
}

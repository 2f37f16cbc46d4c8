//! The detector: a model, its spec and its buffers.

use frame::{Filter, Frame, Resampler};
use onnx::{Device, Model, ProfileError, Providers, Runtime};

use crate::error::DetectError;
use crate::face::Face;
use crate::nms::suppress;
use crate::spec::{Family, Span, Spec};
use crate::{ultralight, yunet};

/// A loaded detector. Owned by one thread; keeps its buffers from frame to frame.
pub struct Detector {
    model: Model,
    pub(crate) spec: Spec,
    resampler: Resampler,
    tensor: Vec<f32>,
}

impl std::fmt::Debug for Detector {
    /// Without the buffers: they hold a picture.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Detector").field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl Detector {
    /// Loads the ONNX file in `model` and checks it against `spec`.
    ///
    /// # Errors
    /// When the file cannot be loaded, or has other inputs or outputs.
    pub fn load(
        runtime: &Runtime,
        model: &[u8],
        device: Device,
        spec: &Spec,
    ) -> Result<Self, DetectError> {
        let model = Model::load(runtime, model, device, &spec.signature())?;
        Ok(Self { model, spec: spec.clone(), resampler: Resampler::default(), tensor: Vec::new() })
    }

    /// Ends the model's profile: see [`Model::end_profile`].
    ///
    /// # Errors
    /// When there is no profile, or it cannot be read.
    pub fn end_profile(&mut self) -> Result<Providers, ProfileError> {
        self.model.end_profile()
    }

    /// The faces of `frame` as the reference finds them: one look, at the size of `fit`. Largest
    /// first; empty if there is none.
    ///
    /// # Errors
    /// When the model fails or its outputs contradict each other.
    pub fn detect(&mut self, frame: &Frame) -> Result<Vec<Face>, DetectError> {
        self.look(frame, 1.0).map(|(faces, _)| faces)
    }

    /// The faces of `frame` at the first size of the spec at which the largest face box can be
    /// trusted, else at the last that shows a face. Largest first. `stop` is asked before each
    /// look.
    ///
    /// # Errors
    /// When the model fails or its outputs contradict each other, or `stop` returned true.
    pub(crate) fn search(
        &mut self,
        frame: &Frame,
        stop: &dyn Fn() -> bool,
    ) -> Result<Vec<Face>, DetectError> {
        let mut found = Vec::new();
        for i in 0..self.spec.looks.len() {
            if stop() {
                return Err(DetectError::Stopped);
            }
            let (faces, stretch) = self.look(frame, self.spec.looks[i])?;
            let Some(largest) = faces.first() else { continue };
            let side_px = (largest.rect.delta.x / stretch.0).max(largest.rect.delta.y / stretch.1);
            let trusted = self.spec.trusted_face_px;
            let is_trusted =
                trusted.is_none_or(|Span { least, most }| (least..=most).contains(&side_px));
            found = faces;
            if is_trusted {
                break;
            }
        }
        Ok(found)
    }

    /// Overwrites the buffers.
    pub(crate) fn clear(&mut self) {
        self.resampler.clear();
        self.tensor.fill(0.0);
    }

    /// The faces at `look` times the size of `fit`, and the pixels of the frame per pixel of the
    /// input, across and down.
    fn look(&mut self, frame: &Frame, look: f32) -> Result<(Vec<Face>, (f32, f32)), DetectError> {
        let Spec { fit, family, min_confidence, max_overlap_iou, .. } = self.spec;
        let placed = fit.place(frame.size(), look);
        let (resize, tensor) = ((placed.picture, Filter::Linear), &self.spec.tensor);
        self.resampler.fill(frame.view(), resize, tensor, placed.canvas, &mut self.tensor);
        let shape = [1, 3, placed.canvas.height, placed.canvas.width];
        // Kept, the memory of a rare larger look at 640 pixels would be half of a worker's memory.
        let outputs = if look > self.spec.looks[0] {
            self.model.run_and_give_back(shape, &mut std::mem::take(&mut self.tensor))?
        } else {
            self.model.run(shape, &mut self.tensor)?
        };
        let candidates = match family {
            Family::Ultralight => ultralight::candidates(&outputs, placed.canvas, min_confidence)?,
            Family::Yunet => yunet::candidates(&outputs, placed.canvas, min_confidence)?,
        };
        let (x, y) = placed.stretch;
        let faces = candidates.into_iter().map(|face| face.stretched(x, y)).collect();
        Ok((suppress(faces, max_overlap_iou), placed.stretch))
    }
}

//! The detector: a model, what it wants, and the buffers it works in.

use frame::{Frame, Resampler};
use onnx::{Device, Model, ProfileError, Providers, Runtime};

use crate::error::DetectError;
use crate::face::Face;
use crate::nms::suppress;
use crate::spec::{Family, Span, Spec};
use crate::{ultralight, yunet};

/// A loaded detector. Owned by one thread; keeps its buffers from frame to frame.
pub struct Detector {
    model: Model,
    spec: Spec,
    resampler: Resampler,
    tensor: Vec<f32>,
}

impl std::fmt::Debug for Detector {
    /// Without the buffers: there is a picture in them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Detector").field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl Detector {
    /// Loads the ONNX file in `model` and checks that it is what `spec` says.
    ///
    /// # Errors
    /// When it cannot be loaded or takes or gives other tensors.
    pub fn load(
        runtime: &Runtime,
        model: &[u8],
        device: Device,
        spec: &Spec,
    ) -> Result<Self, DetectError> {
        let model = Model::load(runtime, model, device, &spec.signature())?;
        Ok(Self { model, spec: spec.clone(), resampler: Resampler::default(), tensor: Vec::new() })
    }

    /// What ran the model since it was loaded, and no more from now on: see [`Model::end_profile`].
    ///
    /// # Errors
    /// When there is no profile, or none that can be read.
    pub fn end_profile(&mut self) -> Result<Providers, ProfileError> {
        self.model.end_profile()
    }

    /// The faces of `frame` as the reference finds them: one look, at the size of `fit`. Largest first;
    /// none is an answer too.
    ///
    /// # Errors
    /// When the model fails or contradicts itself.
    pub fn detect(&mut self, frame: &Frame) -> Result<Vec<Face>, DetectError> {
        self.look(frame, 1.0).map(|(faces, _)| faces)
    }

    /// The faces of `frame`, looked for at every size of the spec until the largest is one whose box can be
    /// trusted. Largest first.
    ///
    /// # Errors
    /// When the model fails or contradicts itself.
    pub(crate) fn search(&mut self, frame: &Frame) -> Result<Vec<Face>, DetectError> {
        let mut found = Vec::new();
        for i in 0..self.spec.looks.len() {
            let (faces, stretch) = self.look(frame, self.spec.looks[i])?;
            let Some(largest) = faces.first() else { continue };
            let side_px = (largest.rect.delta.x / stretch.0).max(largest.rect.delta.y / stretch.1);
            let is_trusted = self
                .spec
                .trusted_face_px
                .is_none_or(|Span { least, most }| (least..=most).contains(&side_px));
            found = faces;
            if is_trusted {
                break;
            }
        }
        Ok(found)
    }

    /// Overwrites what is left of pictures.
    pub(crate) fn clear(&mut self) {
        self.resampler.clear();
        self.tensor.fill(0.0);
    }

    /// How this detector is fed and read.
    pub(crate) fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The faces found at `look` times the usual size, and how many pixels of the frame one of the input is.
    fn look(&mut self, frame: &Frame, look: f32) -> Result<(Vec<Face>, (f32, f32)), DetectError> {
        let placed = self.spec.fit.place(frame.size(), look);
        placed.fill(frame, &mut self.resampler, &self.spec.tensor, &mut self.tensor);
        let shape = [1, 3, placed.canvas.height, placed.canvas.width];
        let is_rare = look > self.spec.looks[0];
        // Kept, the memory of one look at 640 pixels would be half of all that a worker has.
        let outputs = if is_rare {
            let mut tensor = std::mem::take(&mut self.tensor);
            self.model.run_and_give_back(shape, &mut tensor)?
        } else {
            self.model.run(shape, &mut self.tensor)?
        };
        let candidates = match self.spec.family {
            Family::Ultralight => {
                ultralight::candidates(&outputs, placed.canvas, self.spec.min_confidence)?
            }
            Family::Yunet => yunet::candidates(&outputs, placed.canvas, self.spec.min_confidence)?,
        };
        let (x, y) = placed.stretch;
        let faces = candidates.into_iter().map(|face| face.stretched(x, y)).collect();
        Ok((suppress(faces, self.spec.max_overlap_iou), placed.stretch))
    }
}

//! Landmarks for detectors that give none: a small net that sees the face alone.
//!
//! It answers for any patch, a face lying on its side included. What gives those away is that its answer for
//! the mirrored patch is then another one: on upright faces both agree to a twentieth of the distance
//! between the eyes, on others they are three to eight times further apart (docs/EVALUATION.md).

use frame::{Frame, LumaSampler, Part, Point, Rect, Size};
use onnx::{Device, Dim, Model, OutputSignature, ProfileError, Providers, Runtime, Signature};
use serde::{Deserialize, Serialize};

use crate::error::DetectError;
use crate::face::Landmarks;

/// How a landmarker wants to be fed and read.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LandmarkerSpec {
    /// The order of its points.
    pub family: LandmarkerFamily,
    /// Side of its square input, pixels.
    pub input_side_px: usize,
    /// Side of the square that it sees, times the longer side of the face box.
    pub crop_scale: f32,
    /// How far the middle of that square lies below the middle of the box, in sides of the square.
    pub crop_shift: f32,
    /// How it tells an upright face from one that lies on its side.
    pub upright: UprightByMirror,
}

/// The order of a landmarker's points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LandmarkerFamily {
    /// The 68 points of the 300 Faces in-the-Wild challenge (Sagonas et al. 2013), as x and y from 0 to 1 of
    /// the square, from one gray plane from 0 to 1.
    Points68,
}

/// How far apart the landmarks of a face and those of its mirror image may be, in distances between the eyes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UprightByMirror {
    /// Under this, a face is upright.
    pub sure: f32,
    /// Above it the picture is looked at from every side, and turned if that brings it down to this share.
    pub lead: f32,
    /// What is found only in a turned picture must stay under this.
    pub alone: f32,
    /// And the detector must be this sure of it, 0 to 1.
    pub alone_confidence: f32,
}

impl LandmarkerSpec {
    /// What the model must take and give.
    #[must_use]
    pub fn signature(&self) -> Signature {
        let side = Dim::Is(self.input_side_px);
        Signature {
            input: [Dim::Is(1), Dim::Is(1), side, side],
            outputs: vec![OutputSignature {
                name: None,
                shape: vec![Dim::Is(1), Dim::Is(2 * POINTS)],
            }],
        }
    }

    /// Whether every number can be what it is.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), &'static str> {
        let Self { input_side_px, crop_scale, crop_shift, .. } = *self;
        if !(1..=1024).contains(&input_side_px) {
            return Err("a landmarker's input is 1 to 1024 pixels wide");
        }
        if !(0.1..=10.0).contains(&crop_scale) || !(-1.0..=1.0).contains(&crop_shift) {
            return Err("a landmarker's crop has a scale from 0.1 to 10 and a shift from -1 to 1");
        }
        let UprightByMirror { sure, lead, alone, alone_confidence } = self.upright;
        let is_share = |share: f32| (0.0..=1.0).contains(&share);
        if ![sure, lead, alone, alone_confidence].into_iter().all(is_share) {
            return Err("`upright` of a landmarker needs numbers from 0 to 1");
        }
        Ok(())
    }
}

/// What a landmarker makes of one face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Marked {
    /// The mean of what it found in the face and in its mirror image.
    pub landmarks: Landmarks,
    /// How far the two were apart: the mean over all points, in distances between the eyes. Never negative;
    /// not a number where the eyes fell together.
    pub disagreement: f32,
}

const POINTS: usize = 68;

/// A loaded landmarker. Owned by one thread; keeps its buffers from face to face.
pub struct Landmarker {
    model: Model,
    spec: LandmarkerSpec,
    sampler: LumaSampler,
    tensor: Vec<f32>,
}

impl std::fmt::Debug for Landmarker {
    /// Without the buffers: there is a face in them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Landmarker").field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl Landmarker {
    /// Loads the ONNX file in `model` and checks that it is what `spec` says.
    ///
    /// # Errors
    /// When it cannot be loaded or takes or gives other tensors.
    pub fn load(
        runtime: &Runtime,
        model: &[u8],
        device: Device,
        spec: LandmarkerSpec,
    ) -> Result<Self, DetectError> {
        let model = Model::load(runtime, model, device, &spec.signature());
        let model = model.map_err(DetectError::Landmarker)?;
        Ok(Self { model, spec, sampler: LumaSampler::default(), tensor: Vec::new() })
    }

    /// What ran the model since it was loaded, and no more from now on: see [`Model::end_profile`].
    ///
    /// # Errors
    /// When there is no profile, or none that can be read.
    pub fn end_profile(&mut self) -> Result<Providers, ProfileError> {
        self.model.end_profile()
    }

    /// Overwrites what is left of faces.
    pub(crate) fn clear(&mut self) {
        self.sampler.clear();
        self.tensor.fill(0.0);
    }

    /// How this landmarker is fed and read.
    pub(crate) fn spec(&self) -> &LandmarkerSpec {
        &self.spec
    }

    /// The landmarks of the face in `face`.
    ///
    /// # Errors
    /// When the model fails or answers with something else than numbers.
    pub fn mark(&mut self, frame: &Frame, face: &Rect) -> Result<Marked, DetectError> {
        let part = self.part(frame.size(), face);
        let (left, top, side) = (part.left, part.top, part.size.width);
        let input = Size::new(self.spec.input_side_px, self.spec.input_side_px);
        let luma = self.sampler.sample(frame, part, input);
        self.tensor.clear();
        self.tensor.extend(luma.iter().map(|luma| luma / 255.0));
        let seen = self.points()?;
        for row in self.tensor.chunks_exact_mut(input.width) {
            row.reverse();
        }
        let in_mirror = self.points()?;
        let mirrored = |i: usize| {
            let Point { x, y } = in_mirror[opposite(i)];
            Point { x: 1.0 - x, y }
        };
        let apart: f32 =
            (0..POINTS).map(|i| seen[i].distance(mirrored(i))).sum::<f32>() / POINTS as f32;
        let place = |i: usize| {
            let (a, b) = (seen[i], mirrored(i));
            Point {
                x: left as f32 + a.x.midpoint(b.x) * side as f32,
                y: top as f32 + a.y.midpoint(b.y) * side as f32,
            }
        };
        let middle = |of: std::ops::Range<usize>| {
            let count = of.len() as f32;
            let sum = of
                .map(place)
                .fold(Point::default(), |sum, p| Point { x: sum.x + p.x, y: sum.y + p.y });
            Point { x: sum.x / count, y: sum.y / count }
        };
        let landmarks = Landmarks {
            right_eye: middle(36..42),
            left_eye: middle(42..48),
            nose: place(30),
            mouth_right: place(48),
            mouth_left: place(54),
        };
        let disagreement = apart * side as f32 / landmarks.right_eye.distance(landmarks.left_eye);
        Ok(Marked { landmarks, disagreement })
    }

    /// The square that the model sees of a picture of size `picture`.
    fn part(&self, picture: Size, face: &Rect) -> Part {
        let Rect { top_left, delta } = face;
        let side = delta.x.max(delta.y) * self.spec.crop_scale;
        let left = top_left.x + delta.x / 2.0 - side / 2.0;
        let top = top_left.y + delta.y / 2.0 - side / 2.0 + self.spec.crop_shift * side;
        // A box beyond any reason (a broken model's) may not ask for memory beyond any reason.
        let side = (side.ceil() as usize).clamp(1, 2 * picture.longer_side());
        Part { left: left.floor() as i64, top: top.floor() as i64, size: Size::new(side, side) }
    }

    /// All points, from 0 to 1 of the square.
    fn points(&mut self) -> Result<Vec<Point>, DetectError> {
        let side = self.spec.input_side_px;
        let outputs = self
            .model
            .run([1, 1, side, side], &mut self.tensor)
            .map_err(DetectError::Landmarker)?;
        let values = outputs.get(0).map_err(DetectError::Landmarker)?;
        if values.iter().any(|value| !value.is_finite()) {
            return Err(DetectError::NoNumber);
        }
        Ok((0..POINTS)
            .map(|i| Point { x: values[[0, 2 * i]], y: values[[0, 2 * i + 1]] })
            .collect())
    }
}

/// The point that point `i` is in a mirror.
fn opposite(i: usize) -> usize {
    match i {
        // Jaw, brows, nostrils, outer and inner lips.
        0..=16 => 16 - i,
        17..=26 => 43 - i,
        31..=35 => 66 - i,
        48..=54 => 102 - i,
        55..=59 => 114 - i,
        60..=64 => 124 - i,
        65..=67 => 132 - i,
        // Corners and lids of the eyes.
        36..=39 | 42..=45 => 81 - i,
        40 | 41 | 46 | 47 => 87 - i,
        // The bridge of the nose.
        _ => i,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_of_the_mirror_is_the_point() {
        for i in 0..POINTS {
            assert!(opposite(i) < POINTS && opposite(opposite(i)) == i, "{i}");
        }
        for (i, j) in [
            (0, 16),
            (8, 8),
            (17, 26),
            (31, 35),
            (36, 45),
            (39, 42),
            (41, 46),
            (48, 54),
            (51, 51),
            (55, 59),
            (57, 57),
            (60, 64),
            (65, 67),
            (66, 66),
        ] {
            assert_eq!(opposite(i), j);
        }
    }
}

//! Landmarks for detectors that give none: a small net that sees the face alone.
//!
//! The net gives landmarks for any patch, also for a face on its side. Its landmarks for the
//! mirrored patch tell the two apart: on upright faces both agree to a twentieth of the distance
//! between the eyes, on others they are three to eight times further apart (docs/EVALUATION.md).

use frame::{Filter, Frame, Part, Point, Rect, Resampler, Size};
use onnx::{Device, Dim, Model, OutputSignature, ProfileError, Providers, Runtime, Signature};
use serde::{Deserialize, Serialize};

use crate::error::DetectError;
use crate::face::Landmarks;

/// The input and output of a landmarker.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LandmarkerSpec {
    /// The order of its points.
    pub family: LandmarkerFamily,
    /// Side of its square input, pixels.
    pub input_side_px: usize,
    /// Side of the square that it sees, as a multiple of the face box's longer side.
    pub crop_scale: f32,
    /// Distance of the square's middle below the box's middle, in sides of the square.
    pub crop_shift: f32,
    /// How it tells an upright face from one on its side.
    pub upright: UprightByMirror,
}

/// The order of a landmarker's points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LandmarkerFamily {
    /// The 68 points of the 300 Faces in-the-Wild challenge (Sagonas et al. 2013), as x and y from
    /// 0 to 1 of the square. The input is one gray plane from 0 to 1.
    Points68,
}

/// Limits of the distance between the landmarks of a face and of its mirror image, in distances
/// between the eyes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UprightByMirror {
    /// A face below this is upright.
    pub sure: f32,
    /// Above `sure`, the landmarker sees the picture from every side. A turn that reduces the
    /// distance to this share is taken.
    pub lead: f32,
    /// The limit for a face that is found only in a turned picture.
    pub alone: f32,
    /// The least confidence of the detector in such a face, 0 to 1.
    pub alone_confidence: f32,
}

impl LandmarkerSpec {
    /// The input and output that the model must have.
    #[must_use]
    pub fn signature(&self) -> Signature {
        Signature {
            input: [1, 1, self.input_side_px, self.input_side_px].map(Dim::Is),
            outputs: vec![OutputSignature {
                name: None,
                shape: [1, 2 * POINTS].map(Dim::Is).into(),
            }],
        }
    }

    /// Checks the ranges of all numbers.
    ///
    /// # Errors
    /// The text says which number is out of range.
    pub fn check(&self) -> Result<(), &'static str> {
        let Self { input_side_px, crop_scale, crop_shift, .. } = *self;
        let UprightByMirror { sure, lead, alone, alone_confidence } = self.upright;
        let is_share = |share: f32| (0.0..=1.0).contains(&share);
        if !(1..=1024).contains(&input_side_px) {
            Err("a landmarker's input is 1 to 1024 pixels wide")
        } else if !(0.1..=10.0).contains(&crop_scale) || !(-1.0..=1.0).contains(&crop_shift) {
            Err("a landmarker's crop has a scale from 0.1 to 10 and a shift from -1 to 1")
        } else if ![sure, lead, alone, alone_confidence].into_iter().all(is_share) {
            Err("`upright` of a landmarker needs numbers from 0 to 1")
        } else {
            Ok(())
        }
    }
}

/// The landmarks of one face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Marked {
    /// The mean of the landmarks of the face and of its mirror image.
    pub landmarks: Landmarks,
    /// The distance between the two: the mean over all points, in distances between the eyes. Never
    /// negative. NaN if the eyes fall together.
    pub disagreement: f32,
}

const POINTS: usize = 68;

/// A loaded landmarker. Owned by one thread; keeps its buffers from face to face.
pub struct Landmarker {
    model: Model,
    pub(crate) spec: LandmarkerSpec,
    square: Frame,
    resampler: Resampler,
    tensor: Vec<f32>,
}

impl std::fmt::Debug for Landmarker {
    /// Without the buffers: they hold a face.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Landmarker").field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl Landmarker {
    /// Loads the ONNX file in `model` and checks it against `spec`.
    ///
    /// # Errors
    /// When the file cannot be loaded, or has another input or output.
    pub fn load(
        runtime: &Runtime,
        model: &[u8],
        device: Device,
        spec: LandmarkerSpec,
    ) -> Result<Self, DetectError> {
        let model = Model::load(runtime, model, device, &spec.signature());
        let model = model.map_err(DetectError::Landmarker)?;
        let (square, resampler) = (Frame::default(), Resampler::default());
        Ok(Self { model, spec, square, resampler, tensor: Vec::new() })
    }

    /// Ends the model's profile: see [`Model::end_profile`].
    ///
    /// # Errors
    /// When there is no profile, or it cannot be read.
    pub fn end_profile(&mut self) -> Result<Providers, ProfileError> {
        self.model.end_profile()
    }

    /// Overwrites the buffers.
    pub(crate) fn clear(&mut self) {
        self.square.clear();
        self.resampler.clear();
        self.tensor.fill(0.0);
    }

    /// The landmarks of the face in `face`.
    ///
    /// # Errors
    /// When the model fails or its output is not finite.
    pub fn mark(&mut self, frame: &Frame, face: &Rect) -> Result<Marked, DetectError> {
        let part = self.part(frame.size(), face);
        let side = self.spec.input_side_px;
        let square = frame.reflected(part, &mut self.square);
        let input = Size::new(side, side);
        self.resampler.resample(square, input, Filter::AreaOrLanczos4).luma_into(&mut self.tensor);
        self.tensor.iter_mut().for_each(|luma| *luma /= 255.0);
        let seen = self.points()?;
        self.tensor.chunks_exact_mut(side).for_each(<[f32]>::reverse);
        let in_mirror = self.points()?;
        let mirrored = |i: usize| {
            let Point { x, y } = in_mirror[opposite(i)];
            Point { x: 1.0 - x, y }
        };
        let apart: f32 =
            (0..POINTS).map(|i| seen[i].distance(mirrored(i))).sum::<f32>() / POINTS as f32;
        let side = part.size.width as f32;
        let place = |i: usize| {
            let (a, b) = (seen[i], mirrored(i));
            Point {
                x: part.left as f32 + a.x.midpoint(b.x) * side,
                y: part.top as f32 + a.y.midpoint(b.y) * side,
            }
        };
        let middle = |points: std::ops::Range<usize>| {
            let count = points.len() as f32;
            let (x, y) = points.map(place).fold((0.0, 0.0), |(x, y), p| (x + p.x, y + p.y));
            Point { x: x / count, y: y / count }
        };
        let landmarks = Landmarks {
            right_eye: middle(36..42),
            left_eye: middle(42..48),
            nose: place(30),
            mouth_right: place(48),
            mouth_left: place(54),
        };
        let disagreement = apart * side / landmarks.right_eye.distance(landmarks.left_eye);
        Ok(Marked { landmarks, disagreement })
    }

    /// The most memory of the square that the model sees of a picture of size `picture`, bytes:
    /// that around a face which fills the picture.
    pub(crate) fn square_bytes(&self, picture: Size) -> u64 {
        let side = picture.longer_side() as f32;
        let square = self.part(picture, &Rect::new(0.0, 0.0, side, side)).size;
        3 * square.area() as u64
    }

    /// The square that the model sees of a picture of size `picture`.
    fn part(&self, picture: Size, face: &Rect) -> Part {
        let Rect { top_left, delta } = face;
        let side = delta.x.max(delta.y) * self.spec.crop_scale;
        let left = top_left.x + delta.x / 2.0 - side / 2.0;
        let top = top_left.y + delta.y / 2.0 - side / 2.0 + self.spec.crop_shift * side;
        // A broken model's huge box must not ask for much memory.
        let side = (side.ceil() as usize).clamp(1, 2 * picture.longer_side());
        Part { left: left.floor() as i64, top: top.floor() as i64, size: Size::new(side, side) }
    }

    /// All points, from 0 to 1 of the square.
    fn points(&mut self) -> Result<[Point; POINTS], DetectError> {
        let side = self.spec.input_side_px;
        let outputs = self.model.run([1, 1, side, side], &mut self.tensor);
        let outputs = outputs.map_err(DetectError::Landmarker)?;
        let values = outputs.get(0).map_err(DetectError::Landmarker)?;
        if values.iter().any(|value| !value.is_finite()) {
            return Err(DetectError::NoNumber);
        }
        let point = |i: usize| Point { x: values[[0, 2 * i]], y: values[[0, 2 * i + 1]] };
        Ok(std::array::from_fn(point))
    }
}

/// The point that takes the place of point `i` in a mirror image.
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
    fn the_opposite_of_the_opposite_is_the_point() {
        for i in 0..POINTS {
            assert!(opposite(i) < POINTS && opposite(opposite(i)) == i, "{i}");
        }
        for [i, j] in [
            [[0, 16], [8, 8], [17, 26], [31, 35], [36, 45], [39, 42], [41, 46]],
            [[48, 54], [51, 51], [55, 59], [57, 57], [60, 64], [65, 67], [66, 66]],
        ]
        .concat()
        {
            assert_eq!(opposite(i), j);
        }
    }
}

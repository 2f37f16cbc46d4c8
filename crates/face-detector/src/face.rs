//! What a detector finds.

use frame::{Point, Rect, Size, Turn};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One face.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Face {
    /// Its box, in pixels of the frame. May reach past the frame's edges.
    #[serde(flatten)]
    pub rect: Rect,
    /// How sure the detector is, 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub confidence: f32,
    /// Five points, from detectors that give them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Landmarks")]
    pub landmarks: Option<Landmarks>,
}

/// Five points of a face, in pixels of the frame, the picture as a person sees it. Left and right are the person's own.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Landmarks {
    /// Centre of the right eye, which is on the left of the picture.
    pub right_eye: Point,
    /// Centre of the left eye.
    pub left_eye: Point,
    /// Tip of the nose.
    pub nose: Point,
    /// Right corner of the mouth.
    pub mouth_right: Point,
    /// Left corner of the mouth.
    pub mouth_left: Point,
}

impl Landmarks {
    /// The points in the order in which detectors list them.
    pub(crate) fn from_points(points: [Point; 5]) -> Self {
        let [right_eye, left_eye, nose, mouth_right, mouth_left] = points;
        Self { right_eye, left_eye, nose, mouth_right, mouth_left }
    }

    /// Right eye, left eye, nose, right and left corner of the mouth.
    #[must_use]
    pub fn points(&self) -> [Point; 5] {
        [self.right_eye, self.left_eye, self.nose, self.mouth_right, self.mouth_left]
    }
}

impl Face {
    /// The same face when one pixel of the model's input is `x` by `y` pixels of the frame.
    pub(crate) fn stretched(self, x: f32, y: f32) -> Self {
        let place = |p: Point| Point { x: p.x * x, y: p.y * y };
        Self {
            rect: self.rect.stretched(x, y),
            confidence: self.confidence,
            landmarks: self.landmarks.map(|l| Landmarks::from_points(l.points().map(place))),
        }
    }

    /// The same face before the picture, of `size` then, was turned by `turn`.
    pub(crate) fn turned_back(self, turn: Turn, size: Size) -> Self {
        let place = |p| turn.undo_point(size, p);
        Self {
            rect: turn.undo_rect(size, self.rect),
            confidence: self.confidence,
            landmarks: self.landmarks.map(|l| Landmarks::from_points(l.points().map(place))),
        }
    }

    /// The same face once the picture, of `size` before, has been turned by `turn`.
    pub(crate) fn turned(self, turn: Turn, size: Size) -> Self {
        self.turned_back(turn.inverse(), turn.size(size))
    }
}

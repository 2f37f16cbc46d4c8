//! Faces as detectors find them.

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

/// Five points of a face, in pixels of the frame, the picture as a person sees it. Left and right
/// are the person's own.
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
    /// The face in the frame, where one pixel of the model's input is `x` by `y` pixels of it.
    pub(crate) fn stretched(self, x: f32, y: f32) -> Self {
        self.mapped(|rect| rect.stretched(x, y), |p| Point { x: p.x * x, y: p.y * y })
    }

    /// The face in the picture of `size` from which `turn` made the present one.
    pub(crate) fn turned_back(self, turn: Turn, size: Size) -> Self {
        self.mapped(|rect| turn.undo_rect(size, rect), |p| turn.undo_point(size, p))
    }

    /// The face in the picture that `turn` makes of the present one, of `size`.
    pub(crate) fn turned(self, turn: Turn, size: Size) -> Self {
        self.turned_back(turn.inverse(), turn.size(size))
    }

    fn mapped(self, rect: impl Fn(Rect) -> Rect, point: impl Fn(Point) -> Point) -> Self {
        let landmarks = self.landmarks.map(|it| Landmarks::from_points(it.points().map(point)));
        Self { rect: rect(self.rect), landmarks, ..self }
    }
}

pub(crate) fn sort_largest_first(faces: &mut [Face]) {
    faces.sort_by(|a, b| b.rect.area().total_cmp(&a.rect.area()));
}

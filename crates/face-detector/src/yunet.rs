//! YuNet's output: at each stride of 8, 16 and 32 pixels a grid of cells. Each cell has a class and
//! an object score, a box and five landmarks, all relative to the cell.
//!
//! Source of the formulas: `FaceDetectorYN` in OpenCV.

use frame::{Point, Rect, Size};
use onnx::Outputs;

use crate::error::DetectError;
use crate::face::{Face, Landmarks};

/// Width and height of a cell in pixels, and the names of its four outputs.
const STRIDES: [(usize, [&str; 4]); 3] = [
    (8, ["cls_8", "obj_8", "bbox_8", "kps_8"]),
    (16, ["cls_16", "obj_16", "bbox_16", "kps_16"]),
    (32, ["cls_32", "obj_32", "bbox_32", "kps_32"]),
];
/// Numbers per cell in each of these outputs.
const VALUES: [usize; 4] = [1, 1, 4, 10];

/// Each output and its numbers per cell.
pub(crate) fn outputs() -> Vec<(&'static str, usize)> {
    STRIDES.iter().flat_map(|(_, names)| names.iter().copied().zip(VALUES)).collect()
}

/// The candidates of at least `min_confidence`, in pixels of the input.
pub(crate) fn candidates(
    outputs: &Outputs<'_>,
    canvas: Size,
    min_confidence: f32,
) -> Result<Vec<Face>, DetectError> {
    let mut faces = Vec::new();
    for (i, (stride, _)) in STRIDES.into_iter().enumerate() {
        let columns = canvas.width / stride;
        let cells = columns * (canvas.height / stride);
        let first = 4 * i;
        let (class, object) = (outputs.get(first)?, outputs.get(first + 1)?);
        let (boxes, points) = (outputs.get(first + 2)?, outputs.get(first + 3)?);
        for output in [&class, &object, &boxes, &points] {
            if output.shape()[1] != cells {
                return Err(DetectError::Grid { expected: cells, found: output.shape()[1] });
            }
        }
        let stride = stride as f32;
        for cell in 0..cells {
            let [class, object] = [&class, &object].map(|map| map[[0, cell, 0]].clamp(0.0, 1.0));
            let confidence = (class * object).sqrt();
            if confidence.is_nan() || confidence < min_confidence {
                continue;
            }
            let (column, row) = ((cell % columns) as f32, (cell / columns) as f32);
            let [dx, dy, dw, dh] = [0, 1, 2, 3].map(|k| boxes[[0, cell, k]]);
            let (width, height) = (dw.exp() * stride, dh.exp() * stride);
            let (x, y) = ((column + dx) * stride, (row + dy) * stride);
            let rect = Rect::new(x - width / 2.0, y - height / 2.0, width, height);
            if !rect.is_proper() {
                continue;
            }
            let point = |k: usize| Point {
                x: (column + points[[0, cell, 2 * k]]) * stride,
                y: (row + points[[0, cell, 2 * k + 1]]) * stride,
            };
            let landmarks = Landmarks::from_points(std::array::from_fn(point));
            faces.push(Face { rect, confidence, landmarks: Some(landmarks) });
        }
    }
    Ok(faces)
}

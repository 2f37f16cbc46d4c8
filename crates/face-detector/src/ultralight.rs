//! Ultra-Light's output: `scores` \[1,N,2\] (class 1 is face) and `boxes` \[1,N,4\], corners x1 y1
//! x2 y2 as shares of the input. The graph has applied the anchors.

use frame::{Rect, Size};
use onnx::Outputs;

use crate::error::DetectError;
use crate::face::Face;

/// Each output and its numbers per candidate.
pub(crate) const OUTPUTS: [(&str, usize); 2] = [("scores", 2), ("boxes", 4)];

/// The candidates of at least `min_confidence`, in pixels of the input.
pub(crate) fn candidates(
    outputs: &Outputs<'_>,
    canvas: Size,
    min_confidence: f32,
) -> Result<Vec<Face>, DetectError> {
    let (scores, boxes) = (outputs.get(0)?, outputs.get(1)?);
    let count = scores.shape()[1];
    if boxes.shape()[1] != count {
        return Err(DetectError::Grid { expected: count, found: boxes.shape()[1] });
    }
    let (width, height) = (canvas.width as f32, canvas.height as f32);
    let scores = scores.iter().skip(1).step_by(2);
    let boxes = boxes.rows();
    let candidates = scores.zip(boxes).filter(|(confidence, _)| **confidence >= min_confidence);
    let faces = candidates.map(|(&confidence, corners)| {
        let [x1, y1, x2, y2] = [0, 1, 2, 3].map(|k| corners[k]);
        let rect = Rect::new(x1 * width, y1 * height, (x2 - x1) * width, (y2 - y1) * height);
        Face { rect, confidence, landmarks: None }
    });
    Ok(faces.filter(|face| face.rect.is_proper()).collect())
}

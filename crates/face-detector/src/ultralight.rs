//! Ultra-Light's output: `scores` \[1,N,2\] (class 1 is face) and `boxes` \[1,N,4\], corners x1 y1 x2 y2
//! as shares of the input, anchors already applied inside the graph.

use frame::{Rect, Size};
use onnx::{Dim, OutputSignature, Outputs, Signature};

use crate::error::DetectError;
use crate::face::Face;

const SCORES: usize = 0;
const BOXES: usize = 1;

pub(crate) fn signature(input: [Dim; 4]) -> Signature {
    let output = |name, values| OutputSignature {
        name: Some(name),
        shape: vec![Dim::Is(1), Dim::Any, Dim::Is(values)],
    };
    Signature { input, outputs: vec![output("scores", 2), output("boxes", 4)] }
}

/// Candidates of at least `min_confidence`, in pixels of the input.
pub(crate) fn candidates(
    outputs: &Outputs<'_>,
    canvas: Size,
    min_confidence: f32,
) -> Result<Vec<Face>, DetectError> {
    let (scores, boxes) = (outputs.get(SCORES)?, outputs.get(BOXES)?);
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

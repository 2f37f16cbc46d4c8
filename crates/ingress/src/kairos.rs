//! The response that Kairos documents. Its key names stand in this file only.

use liveness::{JudgedFace, Report, Score, Verdict};
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use crate::arrival::{Arrival, Stamp};
use crate::config::ResponseCodes;

/// The response that Kairos documents: these keys, in this order.
#[derive(Serialize, JsonSchema)]
pub(crate) struct KairosAnswer {
    #[serde(flatten)]
    stamp: Stamp,
    /// 0: live, the score reaches the threshold; 1: not live; 2: not assessed. The operator can set
    /// other numbers.
    response_code: i64,
    /// The score, the faces and the picture's size.
    response_data: ResponseData,
}

/// The score, the faces and the picture's size.
#[derive(Serialize, JsonSchema)]
struct ResponseData {
    /// The score of the first face, from 0 (an attack) to 1 (a living person); 0.0 if the picture
    /// was not assessed.
    #[schemars(range(min = 0.0, max = 1.0))]
    faces_liveness: FourDecimals,
    /// All faces, the largest first.
    faces_predicted: Vec<FacePredicted>,
    /// The size of the picture after its EXIF orientation.
    img: Img,
}

/// A face box, in pixels of the picture after its EXIF orientation.
#[derive(Serialize, JsonSchema)]
struct FacePredicted {
    /// The detector's confidence.
    #[schemars(range(min = 0.0, max = 1.0))]
    confidence: FourDecimals,
    /// The box's width (`x`) and height (`y`).
    delta: Pair,
    /// The box's corner. It may lie outside the picture.
    top_left: Pair,
}

/// Two lengths in pixels, with four decimals at most.
#[derive(Serialize, JsonSchema)]
struct Pair {
    /// Pixels to the right.
    x: FourDecimals,
    /// Pixels down.
    y: FourDecimals,
}

/// A picture's size, pixels.
#[derive(Serialize, JsonSchema)]
struct Img {
    /// Pixels from top to bottom.
    height: usize,
    /// Pixels from left to right.
    width: usize,
}

/// A number as Kairos writes it: at most four decimals, and always a decimal point.
#[derive(JsonSchema)]
#[schemars(inline)]
struct FourDecimals(f64);

impl Serialize for FourDecimals {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Adding zero turns -0.0 into 0.0.
        serializer.serialize_f64((self.0 * 1e4).round() / 1e4 + 0.0)
    }
}

impl KairosAnswer {
    pub(crate) fn new(arrival: Arrival, report: &Report, codes: &ResponseCodes) -> Self {
        let pair = |x: f32, y: f32| Pair { x: FourDecimals(x.into()), y: FourDecimals(y.into()) };
        let faces_predicted = report
            .faces
            .iter()
            .map(|JudgedFace { face, .. }| FacePredicted {
                confidence: FourDecimals(face.confidence.into()),
                delta: pair(face.rect.delta.x, face.rect.delta.y),
                top_left: pair(face.rect.top_left.x, face.rect.top_left.y),
            })
            .collect();
        Self {
            stamp: Stamp::now(arrival),
            response_code: match report.judgement.verdict {
                Verdict::Live => codes.live,
                Verdict::Spoof => codes.not_live,
                Verdict::NotAssessed => codes.not_assessed,
            },
            response_data: ResponseData {
                faces_liveness: FourDecimals(report.judgement.score().map_or(0.0, Score::get)),
                faces_predicted,
                img: Img { height: report.picture.height, width: report.picture.width },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_decimals_at_most_and_always_a_point() {
        let written = |number| serde_json::to_string(&FourDecimals(number)).unwrap();
        for (number, text) in [
            (0.0, "0.0"),
            (-0.0, "0.0"),
            (-0.000_01, "0.0"),
            (1.0, "1.0"),
            (0.98854, "0.9885"),
            (0.988_55, "0.9886"),
            (0.0001, "0.0001"),
            (f64::from(38.057_7_f32), "38.0577"),
            (f64::from(-3.2_f32), "-3.2"),
            (4999.99999, "5000.0"),
        ] {
            assert_eq!(written(number), text);
        }
    }
}

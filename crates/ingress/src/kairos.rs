//! The Kairos answer, key by key as documented there. No other file has its names.

use liveness::{Report, Verdict};
use serde::{Serialize, Serializer};

use crate::config::ResponseCodes;
use crate::envelope::{Arrival, Stamp};

/// The documented answer. The order of fields is part of it.
#[derive(Serialize)]
pub(crate) struct KairosAnswer {
    #[serde(flatten)]
    stamp: Stamp,
    response_code: i64,
    response_data: ResponseData,
}

#[derive(Serialize)]
struct ResponseData {
    faces_liveness: FourDecimals,
    faces_predicted: Vec<FacePredicted>,
    img: Img,
}

#[derive(Serialize)]
struct FacePredicted {
    confidence: FourDecimals,
    delta: Pair,
    top_left: Pair,
}

#[derive(Serialize)]
struct Pair {
    x: FourDecimals,
    y: FourDecimals,
}

#[derive(Serialize)]
struct Img {
    height: usize,
    width: usize,
}

/// A number as the contract writes it: at most four decimals, and always a decimal point.
struct FourDecimals(f64);

impl Serialize for FourDecimals {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Adding zero makes a negative zero a plain one.
        serializer.serialize_f64((self.0 * 1e4).round() / 1e4 + 0.0)
    }
}

impl KairosAnswer {
    pub(crate) fn new(arrival: Arrival, report: &Report, codes: &ResponseCodes) -> Self {
        let pair = |x: f32, y: f32| Pair { x: FourDecimals(x.into()), y: FourDecimals(y.into()) };
        let faces_predicted = report
            .faces
            .iter()
            .map(|face| FacePredicted {
                confidence: FourDecimals(face.confidence.into()),
                delta: pair(face.rect.delta.x, face.rect.delta.y),
                top_left: pair(face.rect.top_left.x, face.rect.top_left.y),
            })
            .collect();
        Self {
            stamp: Stamp::now(arrival),
            response_code: match report.verdict {
                Verdict::Live => codes.live,
                Verdict::Spoof => codes.not_live,
                Verdict::NotAssessed => codes.not_assessed,
            },
            response_data: ResponseData {
                faces_liveness: FourDecimals(report.score.map_or(0.0, liveness::Score::get)),
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

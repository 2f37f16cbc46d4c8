//! The Kairos endpoint: one selfie in, one answer out, key by key as documented there.

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use liveness::{Bar, Report, Terms, Verdict};
use serde::{Serialize, Serializer};

use crate::body;
use crate::config::ResponseCodes;
use crate::credentials;
use crate::envelope::{Arrival, Stamp};
use crate::problem::Problem;
use crate::router::{Service, json};

/// Which of the two documented paths was called. They differ in the smallest picture, where that is
/// so configured.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Version {
    V0_1,
    V0_2,
}

/// `POST /v0.N/liveness-verification`.
pub(crate) async fn verify(
    version: Version,
    State(service): State<Service>,
    Extension(arrival): Extension<Arrival>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let deadline = arrival.instant + std::time::Duration::from_millis(service.config.deadline_ms);
    let answer = answer(version, &service, arrival, &headers, body, deadline);
    match tokio::time::timeout_at(deadline.into(), answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(problem)) => problem.respond(arrival),
        Err(_) => Problem::DeadlineExceeded.respond(arrival),
    }
}

async fn answer(
    version: Version,
    service: &Service,
    arrival: Arrival,
    headers: &HeaderMap,
    body: Body,
    deadline: std::time::Instant,
) -> Result<Response, Problem> {
    let config = &service.config;
    let caller = credentials::identify(&service.accounts, headers);
    let caller = caller.ok_or(Problem::InvalidCredentials)?;
    let hold = service.accounts.admit(&caller).await;
    let hold = hold.map_err(|denial| Problem::denied(denial, config.rate_limited_status))?;
    let submission = body::read(headers, body, config.max_body_bytes).await?;
    let min_picture_side_px = match version {
        Version::V0_1 => config.v0_1_min_picture_side_px.unwrap_or(config.min_picture_side_px),
        Version::V0_2 => config.min_picture_side_px,
    };
    let bar = submission.threshold.map_or(config.bar(), Bar::Threshold);
    let terms = Terms { bar, min_picture_side_px, exact: false };
    let report = service.workers.check(submission.selfie, terms, deadline).await?;
    let answer = json(&Answer::new(arrival, &report, &config.response_codes)).into_response();
    // From here on it is answered 200. Anything that ended earlier has given its hold back.
    hold.count();
    Ok(answer)
}

/// The documented answer. The order of fields is part of it.
#[derive(Serialize)]
struct Answer {
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

impl Answer {
    fn new(arrival: Arrival, report: &Report, codes: &ResponseCodes) -> Self {
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

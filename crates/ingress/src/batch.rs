//! Several pictures in one request. Each gets a result of its own; a bad picture fails alone.

use std::borrow::Cow;
use std::sync::Arc;

use accounts::{Caller, Hold};
use axum::body::Bytes;
use axum::response::Response;
use liveness::{Report, Terms};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use crate::admission::Place;
use crate::arrival::{Arrival, Stamp};
use crate::judge::{hold_quota, judge};
use crate::problem::{Detail, Problem};
use crate::respond::json;
use crate::routes::OK;
use crate::service::Service;
use crate::v1::ReportFields;

/// The response of `POST /v1/liveness/batch`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "BatchAnswer")]
pub(crate) struct BatchAnswer<'a> {
    #[serde(flatten)]
    stamp: Stamp,
    /// One result for each picture, in the order sent.
    results: Vec<BatchResult<'a>>,
}

/// The result of one picture, with the status that `POST /v1/liveness` would have given it.
#[derive(Serialize)]
struct BatchResult<'a> {
    status: u16,
    #[serde(flatten)]
    outcome: Outcome<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome<'a> {
    Report(Box<ReportFields<'a>>),
    Error(Detail),
}

impl JsonSchema for BatchResult<'_> {
    fn schema_name() -> Cow<'static, str> {
        "BatchResult".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let report = generator.subschema_for::<ReportFields<'_>>();
        let error = generator.subschema_for::<Detail>();
        json_schema!({
            "description": "The response that `POST /v1/liveness` would have given to one picture.",
            "oneOf": [
                {
                    "type": "object",
                    "required": ["status", "report"],
                    "properties": {
                        "status": {"const": 200, "description": "The picture was checked."},
                        "report": report,
                    },
                },
                {
                    "type": "object",
                    "required": ["status", "error"],
                    "properties": {
                        "status": {
                            "type": "integer",
                            "minimum": 400,
                            "maximum": 599,
                            "description": "The status that the picture alone would have had.",
                        },
                        "error": error,
                    },
                },
            ],
        })
    }
}

/// Judges `selfies` one after the other, so that a batch takes one place in the queue at a time.
/// The first picture uses `hold`; each later one takes its own hold when its turn comes. When the
/// place is lost, the pictures that are left get 503, and those before keep their results.
pub(crate) async fn answer(
    service: &Service,
    arrival: Arrival,
    caller: &Caller,
    hold: Hold,
    selfies: Vec<Result<Bytes, Problem>>,
    terms: Terms,
    place: &Arc<Place>,
) -> Response {
    let mut first = Some(hold);
    let mut outcomes = Vec::with_capacity(selfies.len());
    for selfie in selfies {
        let outcome = check(service, caller, &mut first, selfie, terms, place).await;
        let code = outcome.as_ref().map_or_else(Problem::code, |_| OK);
        service.metrics.count_batch_picture(code);
        if let Some(cause) = outcome.as_ref().err().and_then(Problem::fault) {
            let (request_id, picture) = (arrival.id, outcomes.len());
            tracing::error!(%request_id, picture, code, cause, "a picture of a batch failed");
        }
        outcomes.push(outcome);
    }
    let results = outcomes.iter().map(BatchResult::of).collect();
    json(&BatchAnswer { stamp: Stamp::now(arrival), results })
}

async fn check(
    service: &Service,
    caller: &Caller,
    first: &mut Option<Hold>,
    selfie: Result<Bytes, Problem>,
    terms: Terms,
    place: &Arc<Place>,
) -> Result<Report, Problem> {
    // A picture that could not be read leaves the first hold to the next picture.
    let selfie = selfie?;
    let hold = match first.take() {
        Some(hold) => hold,
        None => hold_quota(service, caller).await?,
    };
    let report = judge(service, selfie, terms, place).await?.report;
    hold.count();
    Ok(report)
}

impl<'a> BatchResult<'a> {
    fn of(outcome: &'a Result<Report, Problem>) -> Self {
        match outcome {
            Ok(report) => {
                Self { status: 200, outcome: Outcome::Report(Box::new(ReportFields::of(report))) }
            }
            Err(problem) => Self {
                status: problem.status().as_u16(),
                outcome: Outcome::Error(problem.detail()),
            },
        }
    }
}

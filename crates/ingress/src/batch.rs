//! Several pictures in one request: an answer for each, and a bad one does not spoil the rest.

use std::borrow::Cow;
use std::time::Instant;

use accounts::{Caller, Hold};
use axum::response::Response;
use liveness::{Report, Terms};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use crate::answer::{admit, judge};
use crate::envelope::{Arrival, Stamp};
use crate::metrics::OK;
use crate::problem::{Detail, Problem};
use crate::router::{Service, json};
use crate::v1::ReportFields;

/// What `POST /v1/liveness/batch` answers.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "BatchAnswer")]
pub(crate) struct BatchAnswer<'a> {
    #[serde(flatten)]
    stamp: Stamp,
    /// One for each picture, in the order sent.
    results: Vec<BatchResult<'a>>,
}

/// What `POST /v1/liveness` would have answered to one picture.
#[derive(Serialize)]
struct BatchResult<'a> {
    /// The status that it would have had.
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
            "description": "What `POST /v1/liveness` would have answered to one picture.",
            "oneOf": [
                {
                    "type": "object",
                    "required": ["status", "report"],
                    "properties": {
                        "status": {"const": 200, "description": "It was checked."},
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
                            "description": "The status that it would have had.",
                        },
                        "error": error,
                    },
                },
            ],
        })
    }
}

/// Judges `selfies` one after the other, so that a batch takes one place in line at a time. `hold` is for the first;
/// each of the others takes one of the quota when it is its turn, and all that get no report give it back.
pub(crate) async fn answer(
    service: &Service,
    arrival: Arrival,
    caller: &Caller,
    hold: Hold,
    selfies: Vec<Result<Vec<u8>, Problem>>,
    terms: Terms,
    deadline: Instant,
) -> Response {
    let mut first = Some(hold);
    let mut outcomes = Vec::with_capacity(selfies.len());
    for selfie in selfies {
        let outcome = one(service, caller, &mut first, selfie, terms, deadline).await;
        let code = outcome.as_ref().map_or_else(Problem::code, |_| OK);
        service.metrics.count_batch_picture(code);
        if let Some(problem) = outcome.as_ref().err().filter(|problem| problem.is_ours()) {
            tracing::error!(
                request_id = %arrival.id,
                picture = outcomes.len(),
                code,
                cause = problem.story(),
                "a picture of a batch failed"
            );
        }
        outcomes.push(outcome);
    }
    let results = outcomes.iter().map(BatchResult::of).collect();
    json(&BatchAnswer { stamp: Stamp::now(arrival), results })
}

async fn one(
    service: &Service,
    caller: &Caller,
    first: &mut Option<Hold>,
    selfie: Result<Vec<u8>, Problem>,
    terms: Terms,
    deadline: Instant,
) -> Result<Report, Problem> {
    // A hold that a bad picture did not use is the next one's.
    let selfie = selfie?;
    let hold = match first.take() {
        Some(hold) => hold,
        None => admit(service, caller).await?,
    };
    let report = judge(service, selfie, terms, deadline).await?.report;
    hold.count();
    Ok(report)
}

impl<'a> BatchResult<'a> {
    fn of(outcome: &'a Result<Report, Problem>) -> Self {
        match outcome {
            Ok(report) => {
                Self { status: 200, outcome: Outcome::Report(Box::new(ReportFields::of(report))) }
            }
            Err(problem) => {
                let (status, detail) = problem.told();
                let outcome = Outcome::Error(detail);
                Self { status: status.as_u16(), outcome }
            }
        }
    }
}

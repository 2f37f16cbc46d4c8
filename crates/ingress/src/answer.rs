//! The walk of a request once it has a route: credentials, limits, body, queue, and the report as JSON.

use std::time::{Duration, Instant};

use accounts::{Caller, Hold};
use axum::extract::{Extension, Query, Request, State};
use axum::http::Uri;
use axum::response::Response;
use liveness::{Bar, Report, Terms, Threshold};
use serde::Deserialize;
use tracing::{Instrument, info_span};

use crate::batch;
use crate::body::{self, Submission, Takes};
use crate::config::Config;
use crate::credentials;
use crate::envelope::Arrival;
use crate::kairos::KairosAnswer;
use crate::metrics::OK;
use crate::problem::Problem;
use crate::router::{Service, json};
use crate::server_timing;
use crate::trace;
use crate::v1::V1Answer;
use crate::workers::Checked;

/// Which path was called.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Endpoint {
    /// `/v0.1/liveness-verification`; it may have a smallest picture of its own.
    KairosV0_1,
    /// `/v0.2/liveness-verification`.
    KairosV0_2,
    /// `/v1/liveness`, our own.
    V1,
    /// `/v1/liveness/batch`, the same for several pictures.
    V1Batch,
}

/// `POST` to any of them.
pub(crate) async fn answer(
    endpoint: Endpoint,
    State(service): State<Service>,
    Extension(arrival): Extension<Arrival>,
    request: Request,
) -> Response {
    let deadline = arrival.instant + Duration::from_millis(service.config.deadline_ms);
    let caller = info_span!("credentials")
        .in_scope(|| credentials::identify(&service.accounts, request.headers()));
    let Some(caller) = caller else { return Problem::InvalidCredentials.respond(arrival) };
    let answer = check(endpoint, &service, arrival, &caller, request, deadline).await;
    let code = answer.as_ref().map_or_else(Problem::code, |_| OK);
    service.metrics.count_app(&caller.app_id, code);
    answer.unwrap_or_else(|problem| problem.respond(arrival))
}

async fn check(
    endpoint: Endpoint,
    service: &Service,
    arrival: Arrival,
    caller: &Caller,
    request: Request,
    deadline: Instant,
) -> Result<Response, Problem> {
    let received = async {
        let hold = admit(service, caller).await?;
        let (selfies, terms) = receive(endpoint, &service.config, request).await?;
        Ok((hold, selfies, terms))
    };
    let (hold, mut selfies, terms) = in_time(deadline, received).await?;
    let codes = &service.config.response_codes;
    match endpoint {
        Endpoint::V1Batch => {
            Ok(batch::answer(service, arrival, caller, hold, selfies, terms, deadline).await)
        }
        Endpoint::V1 => {
            let write = |report: &Report| json(&V1Answer::new(arrival, report));
            one(service, arrival, hold, selfies.remove(0)?, terms, deadline, write).await
        }
        Endpoint::KairosV0_1 | Endpoint::KairosV0_2 => {
            let write = |report: &Report| json(&KairosAnswer::new(arrival, report, codes));
            one(service, arrival, hold, selfies.remove(0)?, terms, deadline, write).await
        }
    }
}

/// One of the caller's quota, for one picture.
pub(crate) async fn admit(service: &Service, caller: &Caller) -> Result<Hold, Problem> {
    let hold = service.accounts.admit(caller).instrument(info_span!("limits")).await;
    hold.map_err(|denial| {
        service.metrics.count_denial(&denial);
        Problem::denied(denial, service.config.rate_limited_status)
    })
}

/// What was sent: pictures, one at least, and what they are held against.
async fn receive(
    endpoint: Endpoint,
    config: &Config,
    request: Request,
) -> Result<(Vec<Result<Vec<u8>, Problem>>, Terms), Problem> {
    let (head, body) = request.into_parts();
    let (takes, asked) = match endpoint {
        Endpoint::KairosV0_1 | Endpoint::KairosV0_2 => (Takes::Selfie, Asked::default()),
        Endpoint::V1 => (Takes::SelfieAndLevel, Asked::of(&head.uri)?),
        Endpoint::V1Batch => (Takes::Selfies(config.max_batch), Asked::of(&head.uri)?),
    };
    let submission = body::read(&head.headers, body, config, takes);
    let Submission { selfies, threshold, security_level } =
        submission.instrument(info_span!("body")).await?;
    let min_picture_side_px = match endpoint {
        Endpoint::KairosV0_1 => config.v0_1_min_picture_side_px,
        Endpoint::KairosV0_2 | Endpoint::V1 | Endpoint::V1Batch => None,
    };
    let terms = Terms {
        bar: bar(threshold, security_level.as_deref(), config)?,
        min_picture_side_px: min_picture_side_px.unwrap_or(config.min_picture_side_px),
        exact: false,
        every_face: asked.faces == Faces::All,
    };
    Ok((selfies, terms))
}

/// What scores are held against.
fn bar(threshold: Option<Threshold>, level: Option<&str>, config: &Config) -> Result<Bar, Problem> {
    let level = level.map(|name| {
        name.trim().parse().map_err(|_| {
            Problem::InvalidSecurityLevel(
                "`security_level` must be convenience, standard or hardened.".into(),
            )
        })
    });
    match (threshold, level.transpose()?) {
        (Some(_), Some(_)) => Err(Problem::InvalidSecurityLevel(
            "Send `threshold` or `security_level`, not both.".into(),
        )),
        (Some(threshold), None) => Ok(Bar::Threshold(threshold)),
        (None, Some(level)) => Ok(Bar::Level(level)),
        (None, None) => Ok(config.bar()),
    }
}

/// What a worker makes of one picture, counted.
pub(crate) async fn judge(
    service: &Service,
    selfie: Vec<u8>,
    terms: Terms,
    deadline: Instant,
) -> Result<Checked, Problem> {
    let checked = in_time(deadline, service.workers.check(selfie, terms, deadline)).await?;
    service.metrics.count_report(checked.queued, &checked.report);
    trace::note_report(&checked.report);
    Ok(checked)
}

/// Judges one picture, and has its report written by `write`.
async fn one(
    service: &Service,
    arrival: Arrival,
    hold: Hold,
    selfie: Vec<u8>,
    terms: Terms,
    deadline: Instant,
    write: impl FnOnce(&Report) -> Response,
) -> Result<Response, Problem> {
    let Checked { report, queued } = judge(service, selfie, terms, deadline).await?;
    let mut answer = write(&report);
    if service.config.server_timing {
        let timing = server_timing::header(queued, &report.timings, arrival.instant.elapsed());
        answer.headers_mut().insert(server_timing::NAME, timing);
    }
    // From here on it is answered 200. Anything that ended earlier has given its hold back.
    hold.count();
    Ok(answer)
}

async fn in_time<T>(
    deadline: Instant,
    step: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    let outcome = tokio::time::timeout_at(deadline.into(), step).await;
    outcome.unwrap_or(Err(Problem::DeadlineExceeded))
}

/// What comes behind the `?` of our own paths; anything else there means nothing.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Asked {
    faces: Faces,
}

/// Which faces are judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Faces {
    /// The one that is meant.
    #[default]
    One,
    /// Each by itself, too.
    All,
}

impl Asked {
    fn of(uri: &Uri) -> Result<Self, Problem> {
        let asked = Query::try_from_uri(uri);
        asked.map(|Query(asked)| asked).map_err(|_| Problem::InvalidFaces)
    }
}

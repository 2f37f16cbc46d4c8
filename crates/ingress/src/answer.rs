//! The walk of a request once it has a route: credentials, limits, body, queue, and the report as JSON.

use std::time::{Duration, Instant};

use accounts::Caller;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::Response;
use liveness::{Bar, Terms};
use tracing::{Instrument, info_span};

use crate::body::{self, Submission};
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
}

/// `POST` to any of them.
pub(crate) async fn answer(
    endpoint: Endpoint,
    State(service): State<Service>,
    Extension(arrival): Extension<Arrival>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let deadline = arrival.instant + Duration::from_millis(service.config.deadline_ms);
    let caller =
        info_span!("credentials").in_scope(|| credentials::identify(&service.accounts, &headers));
    let Some(caller) = caller else { return Problem::InvalidCredentials.respond(arrival) };
    let answer = check(endpoint, &service, arrival, &caller, &headers, body, deadline);
    let answer = tokio::time::timeout_at(deadline.into(), answer).await;
    let answer = answer.unwrap_or(Err(Problem::DeadlineExceeded));
    let code = answer.as_ref().map_or_else(Problem::code, |_| OK);
    service.metrics.count_app(&caller.app_id, code);
    answer.unwrap_or_else(|problem| problem.respond(arrival))
}

async fn check(
    endpoint: Endpoint,
    service: &Service,
    arrival: Arrival,
    caller: &Caller,
    headers: &HeaderMap,
    body: Body,
    deadline: Instant,
) -> Result<Response, Problem> {
    let config = &service.config;
    let hold = service.accounts.admit(caller).instrument(info_span!("limits")).await;
    let hold = hold.map_err(|denial| {
        service.metrics.count_denial(&denial);
        Problem::denied(denial, config.rate_limited_status)
    })?;
    // Kairos knows no levels: a part of that name is one of those that mean nothing there.
    let takes_level = matches!(endpoint, Endpoint::V1);
    let submission = body::read(headers, body, config, takes_level);
    let submission = submission.instrument(info_span!("body")).await?;
    let terms = terms(endpoint, &submission, config)?;
    let Checked { report, queued } =
        service.workers.check(submission.selfie, terms, deadline).await?;
    service.metrics.count_report(queued, &report);
    trace::note_report(&report);
    let mut answer = match endpoint {
        Endpoint::KairosV0_1 | Endpoint::KairosV0_2 => {
            json(&KairosAnswer::new(arrival, &report, &config.response_codes))
        }
        Endpoint::V1 => json(&V1Answer::new(arrival, &report)),
    };
    if config.server_timing {
        let timing = server_timing::header(queued, &report.timings, arrival.instant.elapsed());
        answer.headers_mut().insert(server_timing::NAME, timing);
    }
    // From here on it is answered 200. Anything that ended earlier has given its hold back.
    hold.count();
    Ok(answer)
}

/// What this picture is held against.
fn terms(endpoint: Endpoint, submission: &Submission, config: &Config) -> Result<Terms, Problem> {
    let threshold = submission.threshold.map(Bar::Threshold);
    let level = submission.security_level.as_ref().map(|name| {
        name.trim().parse().map_err(|_| {
            Problem::InvalidSecurityLevel(
                "`security_level` must be convenience, standard or hardened.".into(),
            )
        })
    });
    let level = level.transpose()?;
    if threshold.is_some() && level.is_some() {
        return Err(Problem::InvalidSecurityLevel(
            "Send `threshold` or `security_level`, not both.".into(),
        ));
    }
    let min_picture_side_px = match endpoint {
        Endpoint::KairosV0_1 => {
            config.v0_1_min_picture_side_px.unwrap_or(config.min_picture_side_px)
        }
        Endpoint::KairosV0_2 | Endpoint::V1 => config.min_picture_side_px,
    };
    let bar = threshold.or(level.map(Bar::Level)).unwrap_or(config.bar());
    Ok(Terms { bar, min_picture_side_px, exact: false })
}

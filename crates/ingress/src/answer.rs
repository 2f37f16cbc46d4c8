//! The walk of a request once it has a route: credentials, place, limits, body, queue, report,
//! JSON.

use std::sync::Arc;
use std::time::Duration;

use accounts::Caller;
use axum::body::Bytes;
use axum::extract::{Extension, Query, Request, State};
use axum::http::Uri;
use axum::response::Response;
use liveness::{Bar, Terms, Threshold};
use serde::Deserialize;
use tracing::{Instrument, info_span};

use crate::admission::{NoPlace, Place};
use crate::arrival::Arrival;
use crate::batch;
use crate::body::{self, Submission};
use crate::config::Config;
use crate::connections::Connection;
use crate::credentials;
use crate::judge::{hold_quota, in_time, judge};
use crate::kairos::KairosAnswer;
use crate::life::Stage;
use crate::linger::ToKnownCaller;
use crate::problem::Problem;
use crate::requester::Requester;
use crate::respond::json;
use crate::routes::OK;
use crate::server_timing;
use crate::service::Service;
use crate::takes::Takes;
use crate::v1::V1Answer;
use crate::workers::Checked;

/// The path that was called.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Endpoint {
    /// `/v0.1/liveness-verification`; its smallest picture can be configured apart.
    KairosV0_1,
    /// `/v0.2/liveness-verification`.
    KairosV0_2,
    /// `/v1/liveness`.
    V1,
    /// `/v1/liveness/batch`.
    V1Batch,
}

/// Handles `POST` to `endpoint`.
pub(crate) async fn answer(
    endpoint: Endpoint,
    State(service): State<Service>,
    Extension(arrival): Extension<Arrival>,
    request: Request,
) -> Response {
    if service.life.stage() == Stage::Refusing {
        return Problem::ShuttingDown.respond(arrival);
    }
    let caller = info_span!("credentials")
        .in_scope(|| credentials::identify(&service.accounts, request.headers()));
    let Some(caller) = caller else { return Problem::InvalidCredentials.respond(arrival) };
    if let Some(requester) = request.extensions().get::<Requester>() {
        requester.note(&caller.app_id);
    }
    if let Some(connection) = request.extensions().get::<Arc<Connection>>() {
        connection.turn_known();
    }
    let deadline = arrival.instant + Duration::from_millis(service.config.deadline_ms);
    let place = service.admission.take(&caller.app_id, caller.max_at_once(), deadline);
    let response = match place {
        Ok(place) => check(endpoint, &service, arrival, &caller, &place, request).await,
        Err(NoPlace::AllTaken) => Err(Problem::Overloaded),
        Err(NoPlace::AtItsLimit { limit }) => {
            Err(Problem::TooManyAtOnce { status: service.config.rate_limited_status, limit })
        }
    };
    let code = response.as_ref().map_or_else(Problem::code, |_| OK);
    service.metrics.count_app(&caller.app_id, code);
    let mut response = response.unwrap_or_else(|problem| problem.respond(arrival));
    response.extensions_mut().insert(ToKnownCaller);
    response
}

async fn check(
    endpoint: Endpoint,
    service: &Service,
    arrival: Arrival,
    caller: &Caller,
    place: &Arc<Place>,
    request: Request,
) -> Result<Response, Problem> {
    let config = &*service.config;
    let received = in_time(place, async {
        let hold = hold_quota(service, caller).await?;
        let (selfies, terms) = receive(endpoint, config, place, request).await?;
        Ok::<_, Problem>((hold, selfies, terms))
    });
    let (hold, mut selfies, terms) = received.await?;
    if let Endpoint::V1Batch = endpoint {
        let answer = batch::answer(service, arrival, caller, hold, selfies, terms, place);
        return Ok(answer.await);
    }
    let judged = judge(service, selfies.remove(0)?, terms, place);
    let Checked { report, queued } = judged.await?;
    let mut response = match endpoint {
        Endpoint::KairosV0_1 | Endpoint::KairosV0_2 => {
            json(&KairosAnswer::new(arrival, &report, &config.response_codes))
        }
        Endpoint::V1 | Endpoint::V1Batch => json(&V1Answer::new(arrival, &report)),
    };
    if config.server_timing {
        let timing = server_timing::header(queued, &report.timings, arrival.instant.elapsed());
        response.headers_mut().insert(server_timing::NAME, timing);
    }
    // Counted as late as this: every earlier return gives the hold back.
    hold.count();
    Ok(response)
}

/// Reads the pictures, at least one, and the terms they are judged by.
async fn receive(
    endpoint: Endpoint,
    config: &Config,
    place: &Place,
    request: Request,
) -> Result<(Vec<Result<Bytes, Problem>>, Terms), Problem> {
    let (head, body) = request.into_parts();
    let (takes, faces) = match endpoint {
        Endpoint::KairosV0_1 | Endpoint::KairosV0_2 => (Takes::Selfie, Faces::One),
        Endpoint::V1 => (Takes::SelfieAndLevel, faces(&head.uri)?),
        Endpoint::V1Batch => (Takes::Selfies(config.max_batch), faces(&head.uri)?),
    };
    let submission = body::read(&head.headers, body, config, takes, place);
    let Submission { selfies, threshold, security_level } =
        submission.instrument(info_span!("body")).await?;
    let own_min_side = match endpoint {
        Endpoint::KairosV0_1 => config.v0_1_min_picture_side_px,
        Endpoint::KairosV0_2 | Endpoint::V1 | Endpoint::V1Batch => None,
    };
    let terms = Terms {
        bar: bar(threshold, security_level.as_deref(), config)?,
        min_picture_side_px: own_min_side.unwrap_or(config.min_picture_side_px),
        every_face: faces == Faces::All,
        ..Terms::default()
    };
    Ok((selfies, terms))
}

/// The threshold or level of the request, or else the configured one.
fn bar(threshold: Option<Threshold>, level: Option<&str>, config: &Config) -> Result<Bar, Problem> {
    let level = level.map(|name| {
        name.trim().parse().map_err(|_| {
            Problem::InvalidSecurityLevel(
                "`security_level` must be convenience, standard or hardened.",
            )
        })
    });
    match (threshold, level.transpose()?) {
        (Some(_), Some(_)) => {
            Err(Problem::InvalidSecurityLevel("Send `threshold` or `security_level`, not both."))
        }
        (Some(threshold), None) => Ok(Bar::Threshold(threshold)),
        (None, Some(level)) => Ok(Bar::Level(level)),
        (None, None) => Ok(config.bar()),
    }
}

/// The query parameters of `/v1`. Unknown ones are ignored.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Parameters {
    faces: Faces,
}

/// The faces that are judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Faces {
    /// The selected face.
    #[default]
    One,
    /// The selected face, and each face by itself.
    All,
}

fn faces(uri: &Uri) -> Result<Faces, Problem> {
    let Query(Parameters { faces }) =
        Query::try_from_uri(uri).map_err(|_| Problem::InvalidFaces)?;
    Ok(faces)
}

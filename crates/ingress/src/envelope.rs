//! What every answer carries, whatever became of the request, and the one log line it leaves.

use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::FutureExt;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::macros::format_description;
use tracing::{Instrument, Span};
use uuid::Uuid;

use crate::linger::ReadOn;
use crate::metrics::{Metrics, OK};
use crate::problem::{Failed, Problem};
use crate::recent::Recent;
use crate::router::{OTHER, PATHS, is_aside};
use crate::trace;
use crate::workers::{WorkerError, said};

/// When a request came and what it is called from then on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    /// Ours, never the caller's.
    pub id: Uuid,
    pub at: OffsetDateTime,
    pub instant: Instant,
}

impl Arrival {
    fn now() -> Self {
        Self { id: Uuid::new_v4(), at: OffsetDateTime::now_utc(), instant: Instant::now() }
    }
}

/// A time as the contract writes it: UTC, `YYYY-MM-DD HH:MM:SS`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ContractTime(pub OffsetDateTime);

impl Serialize for ContractTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
        serializer.serialize_str(&self.0.format(&format).map_err(serde::ser::Error::custom)?)
    }
}

impl JsonSchema for ContractTime {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ContractTime".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$"})
    }
}

/// The fields that every body begins with.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Stamp {
    /// The request's name, new for each: quote it when you ask the operator. It is `X-Request-ID` too.
    api_req_uid: Uuid,
    /// When the answer was ready: UTC, `YYYY-MM-DD HH:MM:SS`.
    processed_at: ContractTime,
    /// When the request came: UTC, `YYYY-MM-DD HH:MM:SS`.
    requested_at: ContractTime,
}

impl Stamp {
    /// For an answer that is ready now.
    pub(crate) fn now(arrival: Arrival) -> Self {
        Self {
            api_req_uid: arrival.id,
            processed_at: ContractTime(OffsetDateTime::now_utc()),
            requested_at: ContractTime(arrival.at),
        }
    }
}

/// Where it is noted what became of each request.
#[derive(Debug, Clone)]
pub(crate) struct Notes {
    pub metrics: Arc<Metrics>,
    pub recent: Arc<Recent>,
}

impl Notes {
    fn note(
        &self,
        arrival: Arrival,
        route: &'static str,
        status: StatusCode,
        code: &'static str,
        duration: Duration,
    ) {
        self.metrics.count_request(route, status, code, duration);
        if status != StatusCode::OK {
            self.recent.note(arrival, route, status, code, duration);
        }
    }
}

/// Gives the request its name and the answer its headers; counts and times it, traces it, and logs one line. What
/// orchestrators and scrapers ask every few seconds, and pages for people, are no work of the service: `notes` is
/// nothing for the admin listener, and both are logged for those alone who want to see everything.
pub(crate) async fn envelop(
    State(notes): State<Option<Notes>>,
    mut request: Request,
    next: Next,
) -> Response {
    const FIXED: [(HeaderName, HeaderValue); 3] = [
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=86400; includeSubDomains"),
        ),
    ];
    let arrival = Arrival::now();
    request.extensions_mut().insert(arrival);
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = PATHS.into_iter().find(|route| *route == path);
    let notes = notes.filter(|_| !is_aside(&path));
    let span = match notes {
        Some(_) => trace::begin(&method, route, request.headers(), arrival.id),
        None => Span::none(),
    };
    // Below this only a fault of ours panics; whatever it was about is dropped with it.
    let answer = AssertUnwindSafe(next.run(request).instrument(span.clone())).catch_unwind();
    let unheard = Unheard { arrival, notes: notes.as_ref(), route, span: &span };
    let answer = answer.await;
    std::mem::forget(unheard);
    let mut response = answer.unwrap_or_else(|payload| {
        Problem::Worker(WorkerError::Panicked(said(&*payload))).respond(arrival)
    });
    // Metrics have a type of their own, and preflights no body.
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().entry(header::CONTENT_TYPE).or_insert(json);
    for (name, value) in FIXED {
        response.headers_mut().insert(name, value);
    }
    let id = HeaderValue::from_str(&arrival.id.to_string()).expect("a UUID is ASCII");
    response.headers_mut().insert("x-request-id", id);
    let read_on = response.extensions_mut().remove::<ReadOn>().map_or(Duration::ZERO, |r| r.0);
    let duration = arrival.instant.elapsed().saturating_sub(read_on);
    let failed = response.extensions_mut().remove::<Failed>();
    let (status, code) = (response.status(), failed.as_ref().map_or(OK, |failed| failed.code));
    let cause = failed.and_then(|failed| failed.cause);
    if let Some(notes) = notes {
        notes.note(arrival, route.unwrap_or(OTHER), status, code, duration);
        trace::note_answer(&span, status, code);
    } else if cause.is_none() {
        let status = status.as_u16();
        tracing::debug!(request_id = %arrival.id, %method, path, status, code, "asked how it is");
        return response;
    }
    let outcome = Outcome { status: status.as_u16(), code, cause, duration };
    log(arrival.id, &method, &path, &outcome, &span);
    response
}

/// A request whose caller leaves before it is answered: it is given up where it is, and this is what tells of it.
struct Unheard<'a> {
    arrival: Arrival,
    notes: Option<&'a Notes>,
    route: Option<&'static str>,
    span: &'a Span,
}

impl Drop for Unheard<'_> {
    fn drop(&mut self) {
        /// As nginx has it; no answer has this status.
        const STATUS: u16 = 499;
        const CODE: &str = "client_gone";
        let Some(notes) = self.notes else { return };
        let status = StatusCode::from_u16(STATUS).expect("it has three digits");
        let (route, duration) = (self.route.unwrap_or(OTHER), self.arrival.instant.elapsed());
        notes.note(self.arrival, route, status, CODE, duration);
        trace::note_answer(self.span, status, CODE);
        let duration_ms = (duration.as_secs_f64() * 1e6).round() / 1e3;
        let request_id = self.arrival.id;
        let trace_id = trace::id(self.span).map(tracing::field::display);
        tracing::info!(%request_id, path = route, status = STATUS, code = CODE, duration_ms, trace_id, "given up");
    }
}

/// What became of a request.
struct Outcome {
    status: u16,
    code: &'static str,
    cause: Option<String>,
    duration: Duration,
}

fn log(request_id: Uuid, method: &Method, path: &str, outcome: &Outcome, span: &Span) {
    // Method and path are the caller's to choose: no longer than a line can bear, and quoted by the formatter.
    let method: String = method.as_str().chars().take(20).collect();
    let path: String = path.chars().take(100).collect();
    let Outcome { status, code, ref cause, duration } = *outcome;
    let duration_ms = (duration.as_secs_f64() * 1e6).round() / 1e3;
    let trace_id = trace::id(span).map(tracing::field::display);
    if let Some(cause) = cause {
        tracing::error!(
            %request_id, %method, path, status, code, duration_ms, cause, trace_id, "failed"
        );
    } else {
        let said = if code == OK { "answered" } else { "refused" };
        tracing::info!(%request_id, %method, path, status, code, duration_ms, trace_id, "{said}");
    }
}

//! What every answer carries, whatever became of the request, and the one log line it leaves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::macros::format_description;
use tracing::{Instrument, Span};
use uuid::Uuid;

use crate::linger::ReadOn;
use crate::metrics::{Metrics, OK};
use crate::problem::Failed;
use crate::router::{OTHER, PATHS};
use crate::trace;

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

/// The fields that every body begins with.
#[derive(Debug, Serialize)]
pub(crate) struct Stamp {
    api_req_uid: Uuid,
    processed_at: ContractTime,
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

/// Gives the request its name and the answer its headers; counts and times it, traces it, and logs one line.
pub(crate) async fn envelop(
    State(metrics): State<Arc<Metrics>>,
    mut request: Request,
    next: Next,
) -> Response {
    const FIXED: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
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
    let span = trace::begin(&method, route, request.headers(), arrival.id);
    let mut response = next.run(request).instrument(span.clone()).await;
    for (name, value) in FIXED {
        response.headers_mut().insert(name, value);
    }
    let id = HeaderValue::from_str(&arrival.id.to_string()).expect("a UUID is ASCII");
    response.headers_mut().insert("x-request-id", id);
    let read_on = response.extensions_mut().remove::<ReadOn>().map_or(Duration::ZERO, |r| r.0);
    let duration = arrival.instant.elapsed().saturating_sub(read_on);
    let failed = response.extensions_mut().remove::<Failed>();
    let (status, code) = (response.status(), failed.as_ref().map_or(OK, |failed| failed.code));
    metrics.count_request(route.unwrap_or(OTHER), status, code, duration);
    trace::note_answer(&span, status, code);
    let cause = failed.and_then(|failed| failed.cause);
    let outcome = Outcome { status: status.as_u16(), code, cause, duration };
    log(arrival.id, &method, &path, &outcome, &span);
    response
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

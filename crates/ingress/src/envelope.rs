//! What every answer carries, whatever became of the request, and the one log line it leaves.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::FutureExt;
use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::macros::format_description;
use uuid::Uuid;

use crate::linger::ReadOn;
use crate::problem::{Failed, Problem};
use crate::router::is_health;
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

/// Gives the request its name and the answer its headers, and logs one line.
pub(crate) async fn envelop(mut request: Request, next: Next) -> Response {
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
    // Below this only a fault of ours panics; whatever it was about is dropped with it.
    let outcome = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = outcome.unwrap_or_else(|payload| {
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
    log(&method, &path, arrival, &mut response);
    response
}

fn log(method: &axum::http::Method, path: &str, arrival: Arrival, response: &mut Response) {
    // A path is the caller's to choose: no longer than a line can bear, and quoted by the formatter.
    let path: String = path.chars().take(100).collect();
    let read_on = response.extensions_mut().remove::<ReadOn>().map_or(Duration::ZERO, |r| r.0);
    let duration = arrival.instant.elapsed().saturating_sub(read_on);
    let duration_ms = (duration.as_secs_f64() * 1e6).round() / 1e3;
    let status = response.status().as_u16();
    let request_id = arrival.id;
    match response.extensions_mut().remove::<Failed>() {
        // Probes come every few seconds.
        None if is_health(&path) => {
            tracing::debug!(%request_id, %method, path, status, duration_ms, "answered");
        }
        None => {
            tracing::info!(%request_id, %method, path, status, duration_ms, "answered");
        }
        Some(Failed { code, cause: None }) => {
            tracing::info!(%request_id, %method, path, status, code, duration_ms, "refused");
        }
        Some(Failed { code, cause: Some(cause) }) => {
            tracing::error!(%request_id, %method, path, status, code, duration_ms, cause, "failed");
        }
    }
}

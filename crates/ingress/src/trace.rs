//! The span of a request, for whoever collects traces. Nothing here costs anything where nobody does.
//!
//! Attributes have the names of OpenTelemetry's semantic conventions for HTTP servers, and `livegate.` before what
//! is ours. None of them holds what a caller may choose: the route stands for the path, and unknown methods are
//! `_OTHER`.

use axum::http::{HeaderMap, Method, StatusCode};
use liveness::Report;
use opentelemetry::propagation::Extractor;
use opentelemetry::trace::{TraceContextExt, TraceId};
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use uuid::Uuid;

use crate::metrics::OK;

/// Begins the span of a request, below the one that its `traceparent` names, if it has one that makes sense.
pub(crate) fn begin(
    method: &Method,
    route: Option<&'static str>,
    headers: &HeaderMap,
    request_id: Uuid,
) -> Span {
    let span = tracing::info_span!(
        "request",
        "otel.name" = name(method, route),
        "otel.kind" = "server",
        "otel.status_code" = Empty,
        "http.request.method" = known(method).unwrap_or("_OTHER"),
        "http.route" = route,
        "http.response.status_code" = Empty,
        "error.type" = Empty,
        "livegate.request_id" = %request_id,
        "livegate.code" = Empty,
        "livegate.verdict" = Empty,
        "livegate.pack" = Empty,
    );
    if !span.is_disabled() {
        let parent = opentelemetry::global::get_text_map_propagator(|propagator| {
            propagator.extract(&Headers(headers))
        });
        // Refused where nobody collects traces, which is no matter then.
        let _ = span.set_parent(parent);
    }
    span
}

/// What is said of the report that a request got.
pub(crate) fn note_report(report: &Report) {
    let span = Span::current();
    span.record("livegate.verdict", report.verdict.as_str());
    span.record("livegate.pack", report.pack.name.as_str());
}

/// What is said of the answer. Only what is the service's fault is an error of the span.
pub(crate) fn note_answer(span: &Span, status: StatusCode, code: &'static str) {
    span.record("http.response.status_code", i64::from(status.as_u16()));
    span.record("livegate.code", code);
    if status.is_server_error() && code != OK {
        span.record("error.type", code);
        span.record("otel.status_code", "ERROR");
    }
}

/// The trace that the span belongs to, if it does to any.
pub(crate) fn id(span: &Span) -> Option<TraceId> {
    let id = span.context().span().span_context().trace_id();
    (id != TraceId::INVALID).then_some(id)
}

fn name(method: &Method, route: Option<&str>) -> String {
    let method = known(method).unwrap_or("HTTP");
    route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"))
}

/// A method that HTTP has, and not one that a caller has thought up.
fn known(method: &Method) -> Option<&'static str> {
    const KNOWN: [&str; 9] =
        ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];
    KNOWN.into_iter().find(|known| *known == method.as_str())
}

/// `traceparent` and `tracestate`, as the propagator asks for them. It is asked for no other.
struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(axum::http::HeaderName::as_str).collect()
    }
}

//! The span of a request. Without a collector spans are disabled and cost nothing.
//!
//! Attributes have the names of OpenTelemetry's semantic conventions for HTTP servers; Livegate's
//! own begin with `livegate.`. One attribute holds a value that the caller may have chosen:
//! `livegate.proxy_request_id`. The route stands for the path, and unknown methods are `_OTHER`.

use axum::http::{HeaderMap, Method, StatusCode};
use liveness::Report;
use opentelemetry::propagation::Extractor;
use opentelemetry::trace::{TraceContextExt, TraceId};
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use uuid::Uuid;

use crate::requester::proxy_id;
use crate::routes::OK;

/// Begins the span of a request, as a child of the span in its `traceparent` if that is valid.
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
        "livegate.proxy_request_id" = proxy_id(headers),
        "livegate.app_id" = Empty,
        "livegate.code" = Empty,
        "livegate.verdict" = Empty,
        "livegate.pack" = Empty,
    );
    if !span.is_disabled() {
        let parent = opentelemetry::global::get_text_map_propagator(|propagator| {
            propagator.extract(&Headers(headers))
        });
        // Fails without a collector, where the parent is not needed.
        let _ = span.set_parent(parent);
    }
    span
}

/// Records the report on the current span.
pub(crate) fn note_report(report: &Report) {
    let span = Span::current();
    span.record("livegate.verdict", report.judgement.verdict.as_str());
    span.record("livegate.pack", report.pack.name.as_str());
}

/// Records the outcome. Only a fault of the service makes the span an error.
pub(crate) fn note_answer(span: &Span, status: StatusCode, code: &'static str) {
    span.record("http.response.status_code", i64::from(status.as_u16()));
    span.record("livegate.code", code);
    if status.is_server_error() && code != OK {
        span.record("error.type", code);
        span.record("otel.status_code", "ERROR");
    }
}

/// The span's trace; none if the span is disabled.
pub(crate) fn id(span: &Span) -> Option<TraceId> {
    let id = span.context().span().span_context().trace_id();
    (id != TraceId::INVALID).then_some(id)
}

fn name(method: &Method, route: Option<&str>) -> String {
    let method = known(method).unwrap_or("HTTP");
    route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"))
}

/// The method's name, if HTTP defines the method.
fn known(method: &Method) -> Option<&'static str> {
    const KNOWN: [&str; 9] =
        ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];
    KNOWN.into_iter().find(|known| *known == method.as_str())
}

/// `traceparent` and `tracestate` for the propagator.
struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let mut values = self.0.get_all(key).into_iter();
        let value = values.next().and_then(|value| value.to_str().ok());
        // The propagator itself would accept ids that are too short, and the first of two headers.
        let is_sound =
            |value: &&str| key != "traceparent" || values.next().is_none() && is_sound(value);
        value.filter(is_sound)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(axum::http::HeaderName::as_str).collect()
    }
}

/// True for a valid `traceparent` (W3C Trace Context): `00-` and three groups of lowercase
/// hexadecimal digits. Later versions may append further groups.
fn is_sound(traceparent: &str) -> bool {
    let is_hex =
        |part: &str| part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let mut parts = traceparent.split('-');
    let has_groups = [2, 32, 16, 2]
        .iter()
        .all(|length| parts.next().is_some_and(|part| part.len() == *length && is_hex(part)));
    let is_first_version = traceparent.starts_with("00");
    has_groups && !traceparent.starts_with("ff") && !(is_first_version && parts.next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_valid_traceparent_is_taken_as_the_parent() {
        let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        let sound =
            |version: &str, end: &str| is_sound(&format!("{version}-{trace}-{parent}-{end}"));
        assert!(sound("00", "01") && sound("00", "00") && sound("cc", "01-more"));
        assert!(!sound("ff", "01") && !sound("00", "01-more") && !sound("0", "01"));
        assert!(!sound("00", "1") && !sound("00", "0G") && !sound("00", "0A") && !sound("00", ""));
        for unsound in ["", "00", "00-4bf9-00f0-01", &format!("00-{trace}-{parent}")] {
            assert!(!is_sound(unsound), "{unsound}");
        }
        let mut headers = HeaderMap::new();
        headers.append("traceparent", format!("00-{trace}-{parent}-01").parse().unwrap());
        assert!(Headers(&headers).get("traceparent").is_some());
        headers.append("traceparent", format!("00-{trace}-{parent}-00").parse().unwrap());
        assert!(Headers(&headers).get("traceparent").is_none());
    }
}

//! Calls from pages of other origins: the origins allowed, and the preflights that browsers send.

use std::time::Duration;

use axum::extract::{Extension, Request};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::arrival::Arrival;
use crate::config::ANY_ORIGIN;
use crate::problem::Problem;
use crate::routes::{CHECKS, is_aside};

/// Headers that a page may send beside those that browsers always allow.
const REQUEST_HEADERS: [HeaderName; 5] = [
    HeaderName::from_static("app_id"),
    HeaderName::from_static("app_key"),
    HeaderName::from_static("app-id"),
    HeaderName::from_static("app-key"),
    header::CONTENT_TYPE,
];

/// Response headers that a page may read beside those that browsers always allow.
const RESPONSE_HEADERS: [HeaderName; 2] =
    [HeaderName::from_static("x-request-id"), header::RETRY_AFTER];

/// The time for which a browser may cache a preflight. Chromium caps it at two hours.
const MAX_AGE: Duration = Duration::from_hours(1);

/// Responds to preflights, and marks responses for pages of `origins`. Without origins there is no
/// layer, and a preflight gets 405.
pub(crate) fn layer(origins: &[String]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let allowed = if origins.iter().any(|origin| origin == ANY_ORIGIN) {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|o| HeaderValue::from_str(o).ok()))
    };
    let layer = CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::POST])
        .allow_headers(REQUEST_HEADERS)
        .expose_headers(RESPONSE_HEADERS)
        .max_age(MAX_AGE);
    Some(layer)
}

/// Refuses an `OPTIONS` that is no preflight, or whose path does not exist. The layer would accept
/// both as preflights.
pub(crate) async fn refuse_other_options(
    Extension(arrival): Extension<Arrival>,
    request: Request,
    next: Next,
) -> Response {
    if request.method() != Method::OPTIONS {
        return next.run(request).await;
    }
    let names = [header::ORIGIN, header::ACCESS_CONTROL_REQUEST_METHOD];
    let is_preflight = names.iter().all(|name| request.headers().contains_key(name));
    let allowed = match request.uri().path() {
        path if CHECKS.contains(&path) => "POST",
        path if is_aside(path) => "GET,HEAD",
        _ => return Problem::NotFound.respond(arrival),
    };
    if is_preflight && allowed == "POST" {
        return next.run(request).await;
    }
    let mut response = Problem::MethodNotAllowed.respond(arrival);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

//! Browsers on pages of other origins: who of them may call, and the preflight that they send first.

use std::time::Duration;

use axum::extract::{Extension, Request};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::envelope::Arrival;
use crate::problem::Problem;
use crate::router::{PATHS, is_aside};

/// What a page may send beside what browsers always let it.
const REQUEST_HEADERS: [HeaderName; 5] = [
    HeaderName::from_static("app_id"),
    HeaderName::from_static("app_key"),
    HeaderName::from_static("app-id"),
    HeaderName::from_static("app-key"),
    header::CONTENT_TYPE,
];

/// What it may read of an answer beside its body.
const RESPONSE_HEADERS: [HeaderName; 2] =
    [HeaderName::from_static("x-request-id"), header::RETRY_AFTER];

/// How long a browser may remember a preflight: Chromium forgets it after two hours anyway.
const MAX_AGE: Duration = Duration::from_hours(1);

/// Every origin, in [`Config::cors_allowed_origins`](crate::Config).
pub(crate) const ANY: &str = "*";

/// Answers preflights and marks answers for pages of `origins`. None of them: no layer, and a preflight is
/// a method like any other that is not answered.
pub(crate) fn layer(origins: &[String]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let allowed = if origins.iter().any(|origin| origin == ANY) {
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

/// Refuses an `OPTIONS` that is no preflight of a path that there is: the layer would answer it as if it
/// were one.
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
        path if PATHS.contains(&path) => "POST",
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

/// Whether a browser could send this as an `Origin`: a scheme and a host, no path, and no port that is
/// the scheme's own.
pub(crate) fn is_origin(text: &str) -> bool {
    let host = match text.split_once("://") {
        Some(("https", host)) if !host.ends_with(":443") => Some(host),
        Some(("http", host)) if !host.ends_with(":80") => Some(host),
        _ => None,
    };
    let is_host = |host: &str| {
        let is_of_host = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.:[]".contains(&byte)
        };
        !host.is_empty() && host.bytes().all(is_of_host)
    };
    text == ANY || host.is_some_and(is_host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_browser_would_send_is_no_origin() {
        for good in ["*", "https://app.example", "http://localhost:3000", "http://[::1]:8080"] {
            assert!(is_origin(good), "{good}");
        }
        for bad in [
            "",
            "app.example",
            "https://",
            "https://app.example/",
            "https://App.example",
            "https://*.example",
            "null",
            "ftp://app.example",
            "https://a b",
            "https://app.example:443",
            "http://app.example:80",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}

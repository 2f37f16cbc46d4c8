//! Pages for people, out of the binary itself: no other server is asked for anything.

use std::borrow::Cow;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::IntoResponse;
use axum::routing::get;

/// One file of a page.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub path: &'static str,
    pub media_type: &'static str,
    pub body: Cow<'static, str>,
}

impl Page {
    pub(crate) const fn html(path: &'static str, body: &'static str) -> Self {
        Self { path, media_type: "text/html; charset=utf-8", body: Cow::Borrowed(body) }
    }

    pub(crate) const fn css(path: &'static str, body: &'static str) -> Self {
        Self { path, media_type: "text/css; charset=utf-8", body: Cow::Borrowed(body) }
    }

    pub(crate) const fn js(path: &'static str, body: &'static str) -> Self {
        Self { path, media_type: "text/javascript; charset=utf-8", body: Cow::Borrowed(body) }
    }

    pub(crate) const fn svg(path: &'static str, body: &'static str) -> Self {
        Self { path, media_type: "image/svg+xml", body: Cow::Borrowed(body) }
    }
}

/// What a page may do: load from this origin, show pictures that it has itself, ask this service. No script or style
/// that is written into a page runs, and none makes HTML of text (CSP level 3, Trusted Types).
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' blob:; media-src 'self' blob:; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
     trusted-types 'none'";

/// Everything else that browsers can be told not to do.
const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static(
            "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
        ),
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// A route for each of `pages`.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(
    pages: impl IntoIterator<Item = Page>,
) -> Router<S> {
    pages.into_iter().fold(Router::new(), |router, Page { path, media_type, body }| {
        let media_type = HeaderValue::from_static(media_type);
        router.route(
            path,
            get(async move || {
                (HEADERS, [(header::CONTENT_TYPE, media_type)], body).into_response()
            }),
        )
    })
}

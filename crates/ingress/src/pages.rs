//! Pages for people. Every file is in the binary, and loads from this origin only.

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderName, HeaderValue, header};
use axum::routing::get;

/// A file of a page.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub path: &'static str,
    pub body: Bytes,
}

impl Page {
    pub(crate) const fn new(path: &'static str, body: &'static str) -> Self {
        Self { path, body: Bytes::from_static(body.as_bytes()) }
    }

    /// The media type of the path's extension; HTML without one.
    fn media_type(&self) -> HeaderValue {
        HeaderValue::from_static(match self.path.rsplit_once('.') {
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "svg")) => "image/svg+xml",
            Some((_, "json")) => "application/json",
            _ => "text/html; charset=utf-8",
        })
    }
}

/// A page loads from this origin, shows pictures that it made itself, and calls this service. No
/// inline script or style runs, and no script makes HTML of text (CSP level 3, Trusted Types).
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' blob:; media-src 'self' blob:; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
     trusted-types 'none'";

/// Further restrictions for browsers.
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
    pages.into_iter().fold(Router::new(), |router, page| {
        let media_type = page.media_type();
        let Page { path, body } = page;
        router.route(path, get(async move || (HEADERS, [(header::CONTENT_TYPE, media_type)], body)))
    })
}

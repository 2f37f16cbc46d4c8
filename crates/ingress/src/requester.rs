//! The app of a request, and the id that a proxy gave it, for the log and traces.

use std::sync::{Arc, OnceLock};

use axum::http::HeaderMap;
use tracing::Span;

use crate::arrival::REQUEST_ID;

/// Most characters of an app's id in the log and traces.
const MAX_APP_ID: usize = 100;

/// Longest id of a proxy. Envoy's has 36 characters, nginx' 32, and a ULID with a prefix 40.
const MAX_PROXY_ID: usize = 64;

/// The app of a request, set once its key is verified. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Requester(Arc<OnceLock<String>>);

impl Requester {
    /// Notes the app of a verified key, also on the current span.
    pub(crate) fn note(&self, app_id: &str) {
        let app_id: String = app_id.chars().take(MAX_APP_ID).collect();
        Span::current().record("livegate.app_id", &app_id);
        let _ = self.0.set(app_id);
    }

    /// The app's id.
    pub(crate) fn app_id(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

/// The `X-Request-ID` that a proxy, or else the caller, has sent, cut to [`MAX_PROXY_ID`]
/// characters. None if it holds anything but visible ASCII.
pub(crate) fn proxy_id(headers: &HeaderMap) -> Option<&str> {
    let id = headers.get(REQUEST_ID)?.as_bytes();
    let id = std::str::from_utf8(&id[..id.len().min(MAX_PROXY_ID)]).ok()?;
    (!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic())).then_some(id)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn an_id_of_a_proxy_is_visible_ascii_and_cut() {
        let read = |value: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
            proxy_id(&headers).map(str::to_owned)
        };
        assert_eq!(read(b"a-b_C.1/2=").as_deref(), Some("a-b_C.1/2="));
        assert_eq!(read(&[b'x'; 100]), Some("x".repeat(64)));
        for refused in [&b""[..], b"a b", b"a\tb", "\u{e9}".as_bytes(), b"\xff"] {
            assert_eq!(read(refused), None, "{refused:?}");
        }
        assert_eq!(proxy_id(&HeaderMap::new()), None);
    }
}

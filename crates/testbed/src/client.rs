//! An HTTP client as callers of the service have one.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Longest wait for one answer.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The body of a request, and its media type.
#[derive(Debug, Clone)]
pub struct Body {
    media_type: &'static str,
    bytes: Vec<u8>,
}

impl Body {
    /// Bytes of any media type.
    #[must_use]
    pub fn new(media_type: &'static str, bytes: &[u8]) -> Self {
        Self { media_type, bytes: bytes.to_vec() }
    }

    /// A form with the picture as the file `selfie`, as `curl -F` makes it.
    #[must_use]
    pub fn form(picture: &[u8]) -> Self {
        Self::parts(&[("selfie\"; filename=\"s", picture)])
    }

    /// The same, with a `threshold` before it.
    #[must_use]
    pub fn form_with_threshold(picture: &[u8], threshold: &str) -> Self {
        let threshold = ("threshold", threshold.as_bytes());
        Self::parts(&[threshold, ("selfie\"; filename=\"s", picture)])
    }

    /// A form with these parts, by name, without file names.
    #[must_use]
    pub fn parts(parts: &[(&str, &[u8])]) -> Self {
        let mut bytes = Vec::new();
        for (name, content) in parts {
            let head = format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
            bytes.extend([head.as_bytes(), content, b"\r\n"].concat());
        }
        bytes.extend(b"--B--\r\n");
        Self { media_type: "multipart/form-data; boundary=B", bytes }
    }

    /// JSON with the picture in base64.
    #[must_use]
    pub fn json(picture: &[u8]) -> Self {
        let text = format!("{{\"selfie\":\"{}\"}}", base64_of(picture));
        Self { media_type: "application/json", bytes: text.into_bytes() }
    }

    /// The value of `Content-Type`.
    #[must_use]
    pub fn media_type(&self) -> &'static str {
        self.media_type
    }

    /// The bytes that go over the wire.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// `bytes` in base64, padded.
#[must_use]
pub fn base64_of(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// A response, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// `X-Request-Id`; empty where the response has none.
    pub request_id: String,
    /// The body, as text.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("the body is JSON")
    }

    /// The status with the error's code (`415 unsupported_image`), or else with `response_code`
    /// (`200 0`).
    #[must_use]
    pub fn outcome(&self) -> String {
        outcome(self.status, &self.json())
    }
}

/// [`Answer::outcome`] of a status and a body that were read in another way.
#[must_use]
pub fn outcome(status: u16, body: &Value) -> String {
    match body["error"]["code"].as_str() {
        Some(code) => format!("{status} {code}"),
        None => format!("{status} {}", body["response_code"]),
    }
}

/// Connections to one or more services, kept between requests.
#[derive(Debug, Clone)]
pub struct Client(ureq::Agent);

impl Default for Client {
    fn default() -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        Self(config.timeout_global(Some(TIMEOUT)).build().into())
    }
}

impl Client {
    /// Asks for `url`.
    ///
    /// # Errors
    /// When no whole response comes. An error status is a response.
    pub fn get(&self, url: &str) -> Result<Answer, ureq::Error> {
        read(self.0.get(url).call()?)
    }

    /// Sends `body` to `url` with these headers.
    ///
    /// # Errors
    /// When no whole response comes. An error status is a response.
    pub fn post(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: &Body,
    ) -> Result<Answer, ureq::Error> {
        let mut request = self.0.post(url).content_type(body.media_type);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(request.send(&body.bytes[..])?)
    }
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> Result<Answer, ureq::Error> {
    let request_id = response.headers().get("x-request-id").map(|id| id.to_str());
    let request_id = request_id.and_then(Result::ok).unwrap_or_default().to_owned();
    let status = response.status().as_u16();
    Ok(Answer { status, request_id, body: response.body_mut().read_to_string()? })
}

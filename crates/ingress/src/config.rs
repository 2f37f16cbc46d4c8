//! Settings of the service. The first paragraph of a field's comment is what operators read.

use std::path::PathBuf;

use liveness::{Bar, InvalidSetting, SecurityLevel, Terms, Threshold};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_repr::{Deserialize_repr, Serialize_repr};
use smart_default::SmartDefault;

use crate::address::ListenAddress;

/// The HTTP service for callers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Maximum size of a request body, in bytes. Larger bodies are answered 413 `body_too_large`.
    #[schemars(range(min = 1))]
    #[default(20 << 20)]
    pub max_body_bytes: usize,
    /// Maximum number of requests held at a time, waiting ones included. Above it the app that
    /// holds the most gives way: one of its requests is answered 503 `overloaded`.
    #[schemars(range(min = 1, max = 100_000))]
    #[default = 64]
    pub max_in_flight: usize,
    /// Maximum size of all request bodies held at a time, and of the memory for decoding costly
    /// pictures, in bytes; not less than `ingress.max_body_bytes`. Above it the app that holds the
    /// most gives way: one of its requests is answered 503 `overloaded`. Default: a quarter of the
    /// process's memory, at most 512 MiB.
    #[schemars(example = 134_217_728)]
    pub max_bytes_in_flight: Option<usize>,
    /// Maximum number of open connections. For a further one, the connection that has been silent
    /// for the longest time is closed.
    #[schemars(range(min = 1, max = 1_000_000))]
    #[default = 1024]
    pub max_connections: usize,
    /// Time limit for a TLS handshake, and for the head of a request, in milliseconds. Then the
    /// connection is closed.
    #[schemars(range(min = 1, max = HOUR_MS))]
    #[default = 10_000]
    pub header_timeout_ms: u64,
    /// Maximum pause between two parts of a body, in milliseconds. Then the request is answered 408
    /// `request_timeout`.
    #[schemars(range(min = 1, max = HOUR_MS))]
    #[default = 5_000]
    pub body_timeout_ms: u64,
    /// Minimum rate of a body in the mean, in bytes a second, looked at after
    /// `ingress.body_timeout_ms`. Below it the request is answered 408 `request_timeout`.
    #[schemars(range(max = 1_000_000))]
    #[default = 1_024]
    pub min_body_bytes_per_s: u64,
    /// Maximum CPU time for one picture, in milliseconds. Above it: 422 `image_too_costly`.
    #[schemars(range(min = 1, max = HOUR_MS))]
    #[default = 500]
    pub max_picture_cpu_ms: u64,
    /// How long a connection is kept without a request, in milliseconds. Set it longer than the
    /// proxy in front keeps its connections.
    ///
    /// nginx and Envoy keep theirs for 60 s. If this side closed first, it could close a connection
    /// on which the proxy is about to send.
    #[schemars(range(min = 1, max = HOUR_MS))]
    #[default = 75_000]
    pub idle_timeout_ms: u64,
    /// Time limit from a request's head to its answer, in milliseconds. Then the request is
    /// answered 504 `deadline_exceeded`.
    #[schemars(range(min = 1, max = HOUR_MS))]
    #[default = 10_000]
    pub deadline_ms: u64,
    /// How long requests are still taken after a shutdown begins, in milliseconds. `/readyz`
    /// already answers 503, so that a load balancer can notice.
    #[schemars(range(max = HOUR_MS))]
    #[default = 1_000]
    pub shutdown_delay_ms: u64,
    /// How long the requests that are then held may take to finish, in milliseconds.
    #[schemars(range(max = HOUR_MS))]
    #[default = 15_000]
    pub shutdown_grace_ms: u64,
    /// Certificate of the listener for callers. Without one, it speaks plain HTTP.
    pub tls: Tls,
    /// Score from which a selfie is live, for requests that bring no threshold.
    #[schemars(with = "f64", range(min = 0.0, max = 1.0))]
    pub threshold: Threshold,
    /// Security level whose threshold in the pack is used instead of `ingress.threshold`. Default:
    /// none.
    #[schemars(example = SecurityLevel::Standard)]
    pub security_level: Option<SecurityLevel>,
    /// Values of `response_code` in answers. All three must differ.
    pub response_codes: ResponseCodes,
    /// Minimum length of a picture's shorter side, in pixels. Below it: `IMAGE_TOO_SMALL`.
    ///
    /// Kairos documents 300 for v0.2. Clients of v0.1 in the wild send 300 too.
    #[default(Terms::default().min_picture_side_px)]
    pub min_picture_side_px: usize,
    /// The same minimum for `/v0.1` alone, in pixels. Default: `ingress.min_picture_side_px`.
    #[schemars(example = 480)]
    pub v0_1_min_picture_side_px: Option<usize>,
    /// Maximum number of pictures in one `POST /v1/liveness/batch`. They form one body, so
    /// `ingress.max_body_bytes` limits their sum.
    #[schemars(range(min = 1, max = 1000))]
    #[default = 16]
    pub max_batch: usize,
    /// Status of a request that comes too fast. 403 is for clients that know no other refusal.
    #[schemars(with = "u16", extend("enum" = [429, 403]))]
    pub rate_limited_status: RateLimitedStatus,
    /// Origins of the web pages that may call from a browser, such as `https://app.example`. `*`
    /// allows every origin.
    pub cors_allowed_origins: Vec<String>,
    /// Names the app of each request, once its key is verified, in the log and in traces.
    #[default = true]
    pub log_app_ids: bool,
    /// Serves `/console`, a page to try the service on. The page needs credentials, as every client
    /// does. `serve --demo` switches it on.
    pub console: bool,
    /// Adds `Server-Timing` to answers: how long each step took. It tells callers how busy the
    /// service is.
    pub server_timing: bool,
}

impl Config {
    /// What scores are held against where a request does not say.
    #[must_use]
    pub fn bar(&self) -> Bar {
        self.security_level.map_or(Bar::Threshold(self.threshold), Bar::Level)
    }

    /// Checks that the settings agree with each other. The range of each is in its schema.
    ///
    /// # Errors
    /// The first setting that does not fit the others.
    pub fn validate(&self) -> Result<(), InvalidSetting> {
        let ResponseCodes { live, not_live, not_assessed } = self.response_codes;
        InvalidSetting::unless(
            live != not_live && live != not_assessed && not_live != not_assessed,
            "ingress.response_codes",
            "three different numbers: an attack must never read as live",
        )?;
        InvalidSetting::unless(
            self.security_level.is_none() || self.threshold == Threshold::default(),
            "ingress.threshold",
            "left out where `ingress.security_level` is set",
        )?;
        InvalidSetting::unless(
            self.max_bytes_in_flight.is_none_or(|bytes| bytes >= self.max_body_bytes),
            "ingress.max_bytes_in_flight",
            "at least `ingress.max_body_bytes`, or left out",
        )?;
        self.tls.validate("ingress.tls.key")?;
        InvalidSetting::unless(
            self.cors_allowed_origins.iter().all(|origin| is_origin(origin)),
            "ingress.cors_allowed_origins",
            "a list of origins as browsers send them, https://HOST or http://HOST:PORT, or of \"*\"",
        )
    }
}

/// Every origin, in `cors_allowed_origins`.
pub(crate) const ANY_ORIGIN: &str = "*";

/// True if a browser can send `text` as an `Origin`: scheme and host, no path, and no port that is
/// the scheme's default.
fn is_origin(text: &str) -> bool {
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
    text == ANY_ORIGIN || host.is_some_and(is_host)
}

/// One hour, the longest time that a setting may name.
const HOUR_MS: u64 = 3_600_000;

/// A certificate and its key. Changed files are loaded within seconds, and at SIGHUP.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// PEM file with the certificate and its intermediate certificates. Changed files are loaded
    /// within seconds, and at SIGHUP. Default: none, and plain HTTP.
    #[schemars(example = &"/etc/livegate/tls.crt")]
    pub certificate: Option<PathBuf>,
    /// PEM file with the private key of the certificate. Default: none.
    #[schemars(example = &"/etc/livegate/tls.key")]
    pub key: Option<PathBuf>,
}

impl Tls {
    fn validate(&self, key: &'static str) -> Result<(), InvalidSetting> {
        let is_whole = self.certificate.is_some() == self.key.is_some();
        InvalidSetting::unless(is_whole, key, "set where `certificate` is, and only there")
    }
}

/// The HTTP listener for operators: health, version, metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AdminConfig {
    /// Address of the listener for operators, written as `listen`. Default: no such listener.
    #[schemars(with = "Option<String>", example = &"127.0.0.1:9464")]
    pub listen: Option<ListenAddress>,
    /// Counts requests by app id in the metric `livegate_app_requests_total`.
    pub app_ids: bool,
    /// Certificate of the listener for operators. Without one, it speaks plain HTTP.
    pub tls: Tls,
    /// PEM file of the authorities that must have signed the certificate of each client. Default:
    /// clients need no certificate.
    #[schemars(example = &"/etc/livegate/admin-ca.crt")]
    pub client_ca: Option<PathBuf>,
}

impl AdminConfig {
    /// Checks that the settings agree with each other.
    ///
    /// # Errors
    /// The first setting that does not fit the others.
    pub fn validate(&self) -> Result<(), InvalidSetting> {
        self.tls.validate("admin.tls.key")?;
        InvalidSetting::unless(
            self.client_ca.is_none() || self.tls.certificate.is_some(),
            "admin.client_ca",
            "left out where there is no `admin.tls.certificate`",
        )
    }
}

/// Status of a request that comes too fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize_repr, Deserialize_repr)]
#[repr(u16)]
pub enum RateLimitedStatus {
    /// 429, HTTP's status for it (RFC 6585).
    #[default]
    TooManyRequests = 429,
    /// 403, for clients that know no other refusal of limits.
    Forbidden = 403,
}

/// Values of `response_code` in answers. Kairos shows the field and does not document it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct ResponseCodes {
    /// `response_code` of a selfie whose score reaches the threshold.
    #[default = 0]
    pub live: i64,
    /// `response_code` of a selfie whose score is below the threshold.
    #[default = 1]
    pub not_live: i64,
    /// `response_code` of a picture without a score.
    #[default = 2]
    pub not_assessed: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        let refused = |change: &dyn Fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.validate().unwrap_err().key
        };
        assert_eq!(Config::default().validate(), Ok(()));
        assert_eq!(refused(&|c| c.response_codes.not_live = 0), "ingress.response_codes");
        assert_eq!(refused(&|c| c.response_codes.not_assessed = 0), "ingress.response_codes");
        assert_eq!(refused(&|c| c.max_bytes_in_flight = Some(1)), "ingress.max_bytes_in_flight");
        let origins = refused(&|c| c.cors_allowed_origins = vec!["app.example".into()]);
        assert_eq!(origins, "ingress.cors_allowed_origins");
    }

    #[test]
    fn an_origin_is_one_that_a_browser_can_send() {
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

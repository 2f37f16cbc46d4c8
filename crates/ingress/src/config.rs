//! What may be set about the service.

use std::net::SocketAddr;
use std::path::PathBuf;

use liveness::{Bar, InvalidSetting, SecurityLevel, Threshold};
use serde::{Deserialize, Serialize};

use crate::cors;

/// What may be set about the service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Largest body taken, bytes.
    pub max_body_bytes: usize,
    /// Most requests held at a time, those that wait included; one more is answered 503.
    pub max_in_flight: usize,
    /// Most bytes of bodies held at a time; a request whose body does not fit is answered 503. About twice
    /// as much may be taken, as a body and the picture text in it stands for may be there at once. Without a
    /// number, a quarter of the memory that the process may use, and 256 MiB at most.
    pub max_bytes_in_flight: Option<usize>,
    /// Most connections held at a time; more wait in the system's queue.
    pub max_connections: usize,
    /// Longest time that a TLS handshake, or a request's head, may take to come, milliseconds; then the
    /// connection is closed.
    pub header_timeout_ms: u64,
    /// Longest time in which nothing of a body comes, milliseconds; then the request is answered 408.
    pub body_timeout_ms: u64,
    /// Longest time that a connection is kept without a request, milliseconds.
    pub idle_timeout_ms: u64,
    /// Longest time from a request's head to its answer, milliseconds; then it is answered 504.
    pub deadline_ms: u64,
    /// How long requests are still taken at shutdown, milliseconds, while `/readyz` already says no: a load
    /// balancer needs that long to notice.
    pub shutdown_delay_ms: u64,
    /// Longest time that held requests are given after that, milliseconds.
    pub shutdown_grace_ms: u64,
    /// The certificate that callers are shown; without one, HTTP in the clear.
    pub tls: Tls,
    /// Used for requests that bring no threshold.
    pub threshold: Threshold,
    /// Used instead of that number: the pack's threshold for this level.
    pub security_level: Option<SecurityLevel>,
    /// The numbers that `response_code` takes.
    pub response_codes: ResponseCodes,
    /// Shortest shorter side of a picture that is scored, pixels.
    pub min_picture_side_px: usize,
    /// The same for `/v0.1` alone.
    pub v0_1_min_picture_side_px: Option<usize>,
    /// Most pictures of one batch.
    pub max_batch: usize,
    /// The status of a request that comes too fast.
    pub rate_limited_status: RateLimitedStatus,
    /// Origins of the pages that browsers may call from, as in `https://app.example`; `*` is all of them.
    pub cors_allowed_origins: Vec<String>,
    /// Whether `/console` is there, a page to try the service on. It needs credentials as any client does.
    pub console: bool,
    /// Whether answers say in `Server-Timing` how long each step took. It tells a caller how busy the service is.
    pub server_timing: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_body_bytes: 20 << 20,
            max_in_flight: 64,
            max_bytes_in_flight: None,
            max_connections: 1024,
            header_timeout_ms: 10_000,
            body_timeout_ms: 5_000,
            // Longer than nginx (60 s) and Envoy (60 s) keep theirs, so that it is never this side that closes
            // a connection on which a proxy is about to send.
            idle_timeout_ms: 75_000,
            deadline_ms: 10_000,
            shutdown_delay_ms: 1_000,
            shutdown_grace_ms: 15_000,
            tls: Tls::default(),
            threshold: Threshold::default(),
            security_level: None,
            response_codes: ResponseCodes::default(),
            // Kairos documents 300 for v0.2; clients of v0.1 in the wild send 300 too.
            min_picture_side_px: 300,
            v0_1_min_picture_side_px: None,
            // Of 1 MB each they fit a body.
            max_batch: 16,
            rate_limited_status: RateLimitedStatus::default(),
            cors_allowed_origins: Vec::new(),
            console: false,
            server_timing: false,
        }
    }
}

impl Config {
    /// What scores are held against where a request does not say.
    #[must_use]
    pub fn bar(&self) -> Bar {
        self.security_level.map_or(Bar::Threshold(self.threshold), Bar::Level)
    }

    /// Whether every setting can be what it is set to.
    ///
    /// # Errors
    /// The first that cannot.
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
        InvalidSetting::unless(self.max_body_bytes > 0, "ingress.max_body_bytes", "above 0")?;
        InvalidSetting::unless(
            (1..=100_000).contains(&self.max_in_flight),
            "ingress.max_in_flight",
            "from 1 to 100000",
        )?;
        InvalidSetting::unless(
            self.max_bytes_in_flight.is_none_or(|bytes| bytes >= self.max_body_bytes),
            "ingress.max_bytes_in_flight",
            "at least `ingress.max_body_bytes`, or left out",
        )?;
        InvalidSetting::unless(
            (1..=1000).contains(&self.max_batch),
            "ingress.max_batch",
            "from 1 to 1000",
        )?;
        InvalidSetting::unless(
            (1..=1_000_000).contains(&self.max_connections),
            "ingress.max_connections",
            "from 1 to 1000000",
        )?;
        for (value, key) in [
            (self.header_timeout_ms, "ingress.header_timeout_ms"),
            (self.body_timeout_ms, "ingress.body_timeout_ms"),
            (self.idle_timeout_ms, "ingress.idle_timeout_ms"),
            (self.deadline_ms, "ingress.deadline_ms"),
        ] {
            let is_sound = (1..=LONGEST_MS).contains(&value);
            InvalidSetting::unless(is_sound, key, "from 1 to 3600000")?;
        }
        for (value, key) in [
            (self.shutdown_delay_ms, "ingress.shutdown_delay_ms"),
            (self.shutdown_grace_ms, "ingress.shutdown_grace_ms"),
        ] {
            InvalidSetting::unless(value <= LONGEST_MS, key, "at most 3600000")?;
        }
        self.tls.validate("ingress.tls.key")?;
        InvalidSetting::unless(
            self.cors_allowed_origins.iter().all(|origin| cors::is_origin(origin)),
            "ingress.cors_allowed_origins",
            "a list of origins as browsers send them, https://HOST or http://HOST:PORT, or of \"*\"",
        )
    }
}

/// An hour: nothing here is waited for longer.
const LONGEST_MS: u64 = 3_600_000;

/// A certificate and its key. Both files are looked at again every few seconds and at SIGHUP.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// The certificate, and those between it and its root, PEM.
    pub certificate: Option<PathBuf>,
    /// Its private key, PEM.
    pub key: Option<PathBuf>,
}

impl Tls {
    fn validate(&self, key: &'static str) -> Result<(), InvalidSetting> {
        let is_whole = self.certificate.is_some() == self.key.is_some();
        InvalidSetting::unless(is_whole, key, "set where `certificate` is, and only there")
    }
}

/// The listener for those who run the service: health, version, metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminConfig {
    /// Address to listen on; without one there is no such listener.
    pub listen: Option<SocketAddr>,
    /// Whether metrics tell apps apart, by their ids.
    pub app_ids: bool,
    /// The certificate that those who ask are shown; without one, HTTP in the clear.
    pub tls: Tls,
    /// The authorities (PEM) one of which must have signed the certificate of whoever asks; without one,
    /// anyone who reaches the address may.
    pub client_ca: Option<PathBuf>,
}

impl AdminConfig {
    /// Whether every setting can be what it is set to.
    ///
    /// # Errors
    /// The first that cannot.
    pub fn validate(&self) -> Result<(), InvalidSetting> {
        self.tls.validate("admin.tls.key")?;
        InvalidSetting::unless(
            self.client_ca.is_none() || self.tls.certificate.is_some(),
            "admin.client_ca",
            "left out where there is no `admin.tls.certificate`",
        )
    }
}

/// The status of a request that comes too fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub enum RateLimitedStatus {
    /// 429, what HTTP has for it (RFC 6585).
    #[default]
    TooManyRequests,
    /// 403, for clients that know no other refusal of limits.
    Forbidden,
}

/// A number is no status for this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`rate_limited_status` is 429 or 403")]
pub struct InvalidStatus;

impl TryFrom<u16> for RateLimitedStatus {
    type Error = InvalidStatus;

    fn try_from(status: u16) -> Result<Self, InvalidStatus> {
        match status {
            429 => Ok(Self::TooManyRequests),
            403 => Ok(Self::Forbidden),
            _ => Err(InvalidStatus),
        }
    }
}

impl From<RateLimitedStatus> for u16 {
    fn from(status: RateLimitedStatus) -> Self {
        match status {
            RateLimitedStatus::TooManyRequests => 429,
            RateLimitedStatus::Forbidden => 403,
        }
    }
}

/// The numbers that `response_code` takes. Kairos shows the field and does not document it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResponseCodes {
    /// The score reaches the threshold.
    pub live: i64,
    /// It does not.
    pub not_live: i64,
    /// There is no score.
    pub not_assessed: i64,
}

impl Default for ResponseCodes {
    fn default() -> Self {
        Self { live: 0, not_live: 1, not_assessed: 2 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_let_attacks_pass_or_stop_everyone_is_refused() {
        let refused = |change: &dyn Fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.validate().unwrap_err().key
        };
        assert_eq!(Config::default().validate(), Ok(()));
        assert_eq!(refused(&|c| c.response_codes.not_live = 0), "ingress.response_codes");
        assert_eq!(refused(&|c| c.response_codes.not_assessed = 0), "ingress.response_codes");
        assert_eq!(refused(&|c| c.max_in_flight = 0), "ingress.max_in_flight");
        assert_eq!(refused(&|c| c.max_in_flight = usize::MAX), "ingress.max_in_flight");
        assert_eq!(refused(&|c| c.max_body_bytes = 0), "ingress.max_body_bytes");
        assert_eq!(refused(&|c| c.deadline_ms = 0), "ingress.deadline_ms");
        let origins = refused(&|c| c.cors_allowed_origins = vec!["app.example".into()]);
        assert_eq!(origins, "ingress.cors_allowed_origins");
    }
}

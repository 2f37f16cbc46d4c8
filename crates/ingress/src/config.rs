//! What may be set about the service.

use liveness::Threshold;
use serde::{Deserialize, Serialize};

use crate::credentials::Credential;

/// What may be set about the service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Largest body taken, bytes.
    pub max_body_bytes: usize,
    /// Most requests held at a time, those that wait included; one more is answered 503. Together
    /// with `max_body_bytes` this bounds the memory that uploads can take.
    pub max_in_flight: usize,
    /// Longest time from a request's head to its answer, milliseconds; then it is answered 504.
    pub deadline_ms: u64,
    /// Longest time that held requests are given at shutdown, milliseconds.
    pub shutdown_grace_ms: u64,
    /// Used for requests that bring no threshold.
    pub threshold: Threshold,
    /// The numbers that `response_code` takes.
    pub response_codes: ResponseCodes,
    /// Shortest shorter side of a picture that is scored, pixels.
    pub min_picture_side_px: usize,
    /// The same for `/v0.1` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub v0_1_min_picture_side_px: Option<usize>,
    /// Who may call.
    pub credentials: Vec<Credential>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_body_bytes: 20 << 20,
            max_in_flight: 64,
            deadline_ms: 10_000,
            shutdown_grace_ms: 15_000,
            threshold: Threshold::default(),
            response_codes: ResponseCodes::default(),
            // Kairos documents 300 for v0.2; clients of v0.1 in the wild send 300 too.
            min_picture_side_px: 300,
            v0_1_min_picture_side_px: None,
            credentials: Vec::new(),
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

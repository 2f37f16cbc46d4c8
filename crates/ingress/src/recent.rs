//! The last requests that were not answered with 200, for the operator's page. Nothing that a caller chose is kept, no
//! path, no app, no text and nothing of a picture: only what metrics count, and the name that the log has it under.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use serde::Serialize;
use uuid::Uuid;

use crate::envelope::{Arrival, ContractTime};

/// As many as a page shows; those before are in the log.
const KEPT: usize = 50;

/// One of them.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Refusal {
    requested_at: ContractTime,
    request_id: Uuid,
    route: &'static str,
    status: u16,
    code: &'static str,
    duration_ms: f64,
}

/// The last of them, the newest first.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<VecDeque<Refusal>>);

impl Recent {
    /// One more; the oldest goes.
    pub(crate) fn note(
        &self,
        arrival: Arrival,
        route: &'static str,
        status: StatusCode,
        code: &'static str,
        duration: Duration,
    ) {
        let refusal = Refusal {
            requested_at: ContractTime(arrival.at),
            request_id: arrival.id,
            route,
            status: status.as_u16(),
            code,
            duration_ms: (duration.as_secs_f64() * 1e6).round() / 1e3,
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.truncate(KEPT - 1);
        kept.push_front(refusal);
    }

    /// A copy, the newest first.
    pub(crate) fn list(&self) -> Vec<Refusal> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().copied().collect()
    }
}

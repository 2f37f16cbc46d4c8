//! The last requests that got another status than 200, for the operator's page. Nothing that a
//! caller chose is kept: no path, app, text or picture.

use std::collections::VecDeque;

use parking_lot::Mutex;
use serde::Serialize;
use uuid::Uuid;

use crate::arrival::ContractTime;

/// The rows of the page. The log has earlier ones.
const KEPT: usize = 50;

/// A request with another status than 200.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Refusal {
    pub requested_at: ContractTime,
    pub request_id: Uuid,
    pub route: &'static str,
    pub status: u16,
    pub code: &'static str,
    pub duration_ms: f64,
}

/// The last [`KEPT`] refusals, the newest first.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<VecDeque<Refusal>>);

impl Recent {
    pub(crate) fn add(&self, refusal: Refusal) {
        let mut kept = self.0.lock();
        kept.truncate(KEPT - 1);
        kept.push_front(refusal);
    }

    /// A copy, the newest first.
    pub(crate) fn list(&self) -> Vec<Refusal> {
        self.0.lock().iter().copied().collect()
    }
}

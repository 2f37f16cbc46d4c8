//! A bound on the requests held at a time, kept before anything else happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{Extension, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tokio::sync::Semaphore;

use crate::envelope::Arrival;
use crate::problem::Problem;

/// Permits for requests, and whether any more are given.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    permits: Arc<Semaphore>,
    closed: Arc<AtomicBool>,
}

impl Admission {
    pub(crate) fn new(max_in_flight: usize) -> Self {
        let permits = Arc::new(Semaphore::new(max_in_flight));
        Self { permits, closed: Arc::default() }
    }

    /// From now on every request is refused: the service is on its way out.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }
}

/// Holds a permit for as long as the request is being answered, or refuses it with its body unread.
pub(crate) async fn admit(
    State(admission): State<Admission>,
    Extension(arrival): Extension<Arrival>,
    request: Request,
    next: Next,
) -> Response {
    if admission.closed.load(Ordering::Relaxed) {
        return Problem::ShuttingDown.respond(arrival);
    }
    let Ok(_permit) = admission.permits.try_acquire() else {
        return Problem::Overloaded.respond(arrival);
    };
    next.run(request).await
}

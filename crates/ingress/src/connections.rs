//! The places for connections of one listener.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places for connections of one listener.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    permits: Arc<Semaphore>,
    pub max: usize,
}

impl Connections {
    pub(crate) fn new(max: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(max)), max }
    }

    /// Waits for a free place, which is taken until the permit is dropped.
    pub(crate) async fn take(&self) -> OwnedSemaphorePermit {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        permit.expect("the semaphore is never closed")
    }

    /// True while fewer than a fifth of the places are free.
    pub(crate) fn is_crowded(&self) -> bool {
        self.permits.available_permits() * 5 < self.max
    }

    /// The number of places taken.
    pub(crate) fn count(&self) -> usize {
        self.max - self.permits.available_permits()
    }
}

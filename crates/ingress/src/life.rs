//! The stages of the service's life, as a channel: one side sets the stage, the other follows it.

use tokio::sync::watch;

/// A stage. Each is followed by the next one only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Requests are answered.
    Serving,
    /// Requests are answered. `/readyz` says not ready, and responses ask callers to reconnect.
    Leaving,
    /// No new connections. Requests on open connections are still answered, so that none is lost
    /// that a load balancer has just sent.
    Closed,
    /// New requests are refused, held ones finished.
    Refusing,
}

/// Follows the service's life.
#[derive(Debug, Clone)]
pub(crate) struct Life(watch::Receiver<Stage>);

/// Both sides of a life that has just begun.
pub(crate) fn begin() -> (watch::Sender<Stage>, Life) {
    let (teller, life) = watch::channel(Stage::Serving);
    (teller, Life(life))
}

impl Life {
    pub(crate) fn stage(&self) -> Stage {
        *self.0.borrow()
    }

    /// Waits until `stage` is reached, or the teller is gone.
    pub(crate) async fn reaches(mut self, stage: Stage) {
        let _ = self.0.wait_for(|now| *now >= stage).await;
    }
}

//! The stages of the service's life, and its two sides: whoever says that it ends, and all who go by that.

use tokio::sync::watch;

/// Where the service is in its life. It only ever goes on to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Requests are answered.
    Serving,
    /// They still are, but load balancers are told to send them elsewhere, and callers to come back over a
    /// new connection.
    Leaving,
    /// Nobody can connect any more. What is on its way over connections that there are is still answered, so that no
    /// request is lost to a load balancer that has just chosen this one.
    Closed,
    /// New ones are refused, held ones finished.
    Refusing,
}

/// Follows the service's life.
#[derive(Debug, Clone)]
pub(crate) struct Life(watch::Receiver<Stage>);

/// Tells the service's life.
#[derive(Debug)]
pub(crate) struct LifeTeller(watch::Sender<Stage>);

/// A life that has just begun.
pub(crate) fn begin() -> (LifeTeller, Life) {
    let (teller, life) = watch::channel(Stage::Serving);
    (LifeTeller(teller), Life(life))
}

impl LifeTeller {
    pub(crate) fn tell(&self, stage: Stage) {
        // Nobody may be left who goes by it.
        let _ = self.0.send(stage);
    }
}

impl Life {
    pub(crate) fn stage(&self) -> Stage {
        *self.0.borrow()
    }

    /// Comes back when `stage` is reached, or nobody is left who could tell.
    pub(crate) async fn reaches(mut self, stage: Stage) {
        let _ = self.0.wait_for(|now| *now >= stage).await;
    }
}

//! Signals to a running process: end, or read the certificates again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ingress::Signal;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// The signals that the process listens to. Until [`Signals::receive`] is called, a signal to end
/// ends the process at once: the kernel ignores it for the first process of a container unless that
/// listens.
#[derive(Debug)]
pub struct Signals {
    receiver: UnboundedReceiver<Signal>,
    is_received: Arc<AtomicBool>,
}

impl Signals {
    /// The signals from now on. None ends the process by itself any more.
    #[must_use]
    pub fn receive(self) -> UnboundedReceiver<Signal> {
        self.is_received.store(true, Ordering::Relaxed);
        self.receiver
    }

    /// Listens to SIGTERM and SIGINT (end), and to SIGHUP (read certificates again) unless the
    /// terminal sends that when it closes. Call it inside an async runtime.
    ///
    /// # Errors
    /// When the system does not let the process listen.
    #[cfg(unix)]
    pub fn listen(hangup_is_of_the_terminal: bool) -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let (send, receiver) = unbounded_channel();
        let is_received = Arc::new(AtomicBool::new(false));
        let mut kinds =
            vec![(SignalKind::terminate(), Signal::End), (SignalKind::interrupt(), Signal::End)];
        if !hangup_is_of_the_terminal {
            kinds.push((SignalKind::hangup(), Signal::Reload));
        }
        for (kind, meaning) in kinds {
            let (mut signal, send) = (signal(kind)?, send.clone());
            let is_received = Arc::clone(&is_received);
            tokio::spawn(async move {
                while signal.recv().await.is_some() {
                    if meaning == Signal::End && !is_received.load(Ordering::Relaxed) {
                        end_now(kind);
                    }
                    if send.send(meaning).is_err() {
                        break;
                    }
                }
            });
        }
        Ok(Self { receiver, is_received })
    }

    /// Listens to Ctrl-C (end). Call it inside an async runtime.
    ///
    /// # Errors
    /// Never on this system.
    #[cfg(not(unix))]
    pub fn listen(_: bool) -> std::io::Result<Self> {
        let (send, receiver) = unbounded_channel();
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() && send.send(Signal::End).is_ok() {}
        });
        Ok(Self { receiver, is_received: Arc::default() })
    }
}

/// Ends the process with the exit code that shells give to a signal. Nothing has begun that would
/// have to be finished.
#[cfg(unix)]
#[expect(clippy::exit, reason = "the main thread is loading, and does not listen")]
fn end_now(kind: tokio::signal::unix::SignalKind) -> ! {
    std::process::exit(128 + kind.as_raw_value())
}

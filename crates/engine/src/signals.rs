//! Signals to a running process: end, or read the certificates again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(unix)]
use crate::exit;
use ingress::Signal;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// The signals that the process listens to. Until [`Signals::receive`] is called, a signal to end
/// ends the process at once, also while another thread loads models: the kernel ignores it for the
/// first process of a container unless that listens.
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
    /// terminal sends that when it closes. Call it inside an async runtime. `before_end` is called
    /// before a signal ends the process at once.
    ///
    /// # Errors
    /// When the system does not let the process listen.
    #[cfg(unix)]
    pub fn listen(
        hangup_is_of_the_terminal: bool,
        before_end: impl Fn() + Clone + Send + 'static,
    ) -> std::io::Result<Self> {
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
            let (is_received, before_end) = (Arc::clone(&is_received), before_end.clone());
            tokio::spawn(async move {
                while signal.recv().await.is_some() {
                    if meaning == Signal::End && !is_received.load(Ordering::Relaxed) {
                        before_end();
                        // The exit code that shells give to a signal.
                        exit::end(128 + kind.as_raw_value() as u8);
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
    pub fn listen(_: bool, _: impl Fn()) -> std::io::Result<Self> {
        let (send, receiver) = unbounded_channel();
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() && send.send(Signal::End).is_ok() {}
        });
        Ok(Self { receiver, is_received: Arc::default() })
    }
}

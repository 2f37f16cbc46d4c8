//! What a running process is told from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ingress::Signal;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Signals that are listened to. Until somebody [goes by](Self::go_by) them, one that asks for the end ends the process
/// at once: the first process of a container is not ended by a signal that it does not listen to.
#[derive(Debug)]
pub(crate) struct Signals {
    told: UnboundedReceiver<Signal>,
    somebody_goes_by_them: Arc<AtomicBool>,
}

impl Signals {
    /// What comes from now on.
    pub(crate) fn go_by(self) -> UnboundedReceiver<Signal> {
        self.somebody_goes_by_them.store(true, Ordering::Relaxed);
        self.told
    }

    /// Listens to SIGTERM and SIGINT, which ask for the end, and to SIGHUP, which asks to read certificates again, where
    /// it is not the end of the terminal that this was started from. Inside a runtime.
    #[cfg(unix)]
    pub(crate) fn listen(hangup_is_of_the_terminal: bool) -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let (tell, told) = unbounded_channel();
        let somebody_goes_by_them = Arc::new(AtomicBool::new(false));
        let mut kinds =
            vec![(SignalKind::terminate(), Signal::End), (SignalKind::interrupt(), Signal::End)];
        if !hangup_is_of_the_terminal {
            kinds.push((SignalKind::hangup(), Signal::Reload));
        }
        for (kind, what) in kinds {
            let (mut signal, tell) = (signal(kind)?, tell.clone());
            let is_heard = Arc::clone(&somebody_goes_by_them);
            tokio::spawn(async move {
                while signal.recv().await.is_some() {
                    if what == Signal::End && !is_heard.load(Ordering::Relaxed) {
                        end_now(kind);
                    }
                    if tell.send(what).is_err() {
                        break;
                    }
                }
            });
        }
        Ok(Self { told, somebody_goes_by_them })
    }

    /// Listens to Ctrl-C, which asks for the end. Inside a runtime.
    #[cfg(not(unix))]
    pub(crate) fn listen(_: bool) -> std::io::Result<Self> {
        let (tell, told) = unbounded_channel();
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() && tell.send(Signal::End).is_ok() {}
        });
        Ok(Self { told, somebody_goes_by_them: Arc::default() })
    }
}

/// As the signal would have ended it: nothing has begun that would have to be finished.
#[cfg(unix)]
#[expect(clippy::exit, reason = "the main thread is loading, and would not hear of it")]
fn end_now(kind: tokio::signal::unix::SignalKind) -> ! {
    // As shells tell of it.
    std::process::exit(128 + kind.as_raw_value())
}

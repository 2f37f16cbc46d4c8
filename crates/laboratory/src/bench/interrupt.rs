//! An interrupt of the run: the service that it has started must not outlive it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, ensure};
use engine::signals::Signals;

/// Whether this process was asked to end.
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on, no signal ends the process by itself.
    pub(super) fn listen() -> anyhow::Result<Self> {
        let is_interrupted = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&is_interrupted);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("signals cannot be listened to")?;
        let signals = runtime.block_on(async { Signals::listen(true, || ()) });
        let mut signals = signals.context("signals cannot be listened to")?.receive();
        // The thread ends with the process.
        std::thread::spawn(move || {
            runtime.block_on(signals.recv());
            flag.store(true, Ordering::Relaxed);
        });
        Ok(Self(is_interrupted))
    }

    /// An error after the signal.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        ensure!(!self.0.load(Ordering::Relaxed), "interrupted");
        Ok(())
    }
}

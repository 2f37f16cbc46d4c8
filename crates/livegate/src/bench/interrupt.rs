//! Being asked to end before the end: the service must not be left behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, bail};

use crate::signals::Signals;

/// Whether this process was asked to end.
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From here on a signal ends nothing by itself.
    pub(super) fn listen() -> anyhow::Result<Self> {
        let has_come = Arc::new(AtomicBool::new(false));
        let comes = Arc::clone(&has_come);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("signals cannot be listened to")?;
        let mut signals = {
            let _inside = runtime.enter();
            Signals::listen(true).context("signals cannot be listened to")?.go_by()
        };
        // Ends with the process.
        std::thread::spawn(move || {
            runtime.block_on(signals.recv());
            comes.store(true, Ordering::Relaxed);
        });
        Ok(Self(has_come))
    }

    /// An error once the signal has come.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        if self.0.load(Ordering::Relaxed) {
            bail!("interrupted");
        }
        Ok(())
    }
}

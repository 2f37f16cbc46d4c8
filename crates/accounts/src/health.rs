//! How the store and its thread are.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How the store and its thread were a moment ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// Whether the thread that has the store to itself is running. Once it is not, after a panic or after
    /// [`Accounts::close`](crate::Accounts::close), every request is refused for good.
    pub is_alive: bool,
    /// Whether the store could be read and written to when that was last tried. It is tried with every request, five
    /// times a second at least; while a try hangs (`timeout_ms` with Valkey) this is still what was so before.
    pub is_up: bool,
    /// How often the store failed since the start. While it is away each try counts, five a second at most.
    pub errors: u64,
}

impl Health {
    /// Whether requests are let in and counted as they should be.
    #[must_use]
    pub fn is_good(self) -> bool {
        self.is_alive && self.is_up
    }
}

/// The same while it changes.
#[derive(Debug)]
pub(crate) struct Vitals {
    pub is_alive: AtomicBool,
    pub is_up: AtomicBool,
    pub errors: AtomicU64,
}

impl Default for Vitals {
    fn default() -> Self {
        let [is_alive, is_up] = [true; 2].map(AtomicBool::new);
        Self { is_alive, is_up, errors: AtomicU64::new(0) }
    }
}

impl Vitals {
    pub(crate) fn read(&self) -> Health {
        Health {
            is_alive: self.is_alive.load(Ordering::Relaxed),
            is_up: self.is_up.load(Ordering::Relaxed),
            errors: self.errors.load(Ordering::Relaxed),
        }
    }
}

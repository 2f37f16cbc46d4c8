//! The state of the store and its thread.

/// The state of the store and its thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// True if the thread that owns the store is running. It ends with a panic or with
    /// [`Accounts::close`](crate::Accounts::close); from then on every request is refused.
    pub is_alive: bool,
    /// True if the store could be read and written at the last try. Every request is a try; reading
    /// is tried at least five times a second, and writing every five seconds. After a write that
    /// the store refused, writing must have succeeded for five seconds. While a try hangs
    /// (`timeout_ms` with Valkey), this keeps the previous state.
    pub is_up: bool,
    /// Failures of the store since the start. While it is away each try counts, five a second at
    /// most.
    pub errors: u64,
}

impl Health {
    /// True if limits apply and requests are counted.
    #[must_use]
    pub fn is_good(self) -> bool {
        self.is_alive && self.is_up
    }
}

/// What the thread tells of itself.
#[derive(Debug)]
pub(crate) struct Report {
    pub health: Health,
    /// Why the store cannot be used, in short; `None` while it can.
    pub trouble: Option<String>,
}

//! The names of the server's keys.

use crate::key::KeyDigest;
use crate::store::Settlement;

/// The names of the server's keys, which all begin with a prefix.
#[derive(Clone)]
pub(super) struct Keys {
    pub(super) prefix: String,
}

impl Keys {
    pub(super) fn named(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    pub(super) fn outbox(&self, settlement: &Settlement) -> String {
        self.of_app("outbox", settlement.process)
    }

    pub(super) fn of_app(&self, name: &str, id: impl std::fmt::Display) -> String {
        format!("{}{name}:{id}", self.prefix)
    }
}

/// A key's field in `key_used`. Ids have no blanks.
pub(super) fn use_of(app_id: &str, digest: &KeyDigest) -> String {
    format!("{app_id} {}", digest.to_hex())
}

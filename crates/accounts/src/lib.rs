//! Identifies callers, holds and counts their quota, and keeps their accounts.
//!
//! ```text
//! id, key -> identify -> Caller -> hold -> Hold -> count      answered 200
//!             (memory)            (store)       -> drop       anything else
//! ```
//!
//! A service works with [`Accounts`]. It identifies callers from memory in constant time, holds
//! quota for a request in the store, and counts the request when it was answered. A [`Store`] keeps
//! the accounts, and an operator's commands change them there: a SQLite file, or a Valkey or Redis
//! server that several machines share. A change acts on running services within a second.
//!
//! # Counting
//! A request counts if it was answered 200, on the day (UTC) of its arrival. One request of the
//! app's quota is held until then, so several requests and processes never overdraw a quota. A
//! request that ends otherwise gives its quota back, but not its token of the rate.
//!
//! There are two exceptions. While the store is away, requests may be served without a hold, if so
//! configured. A request may also be under way when the store goes away for longer than the lease
//! of its hold. Both are counted when the store is back, even if other requests have used the quota
//! meanwhile.
//!
//! # Crashes
//! A killed process loses the counts of its last fifth of a second. Its holds end with their lease,
//! five minutes after the request's deadline. A machine that loses power loses the counts of its
//! last second: SQLite's file reaches the disk twice a second, and a server's with `appendfsync
//! everysec`. A change to an app is reported as done once it is on the disk.
//!
//! This crate knows no HTTP and no picture.

mod accounts;
mod app;
mod config;
mod directory;
mod fault;
mod health;
mod key;
mod ledger;
mod limits;
mod open;
mod orders;
mod sqlite;
mod store;
mod valkey;

pub use accounts::{Accounts, Denial, Hold};
pub use app::{ActiveKey, App, EditError};
pub use config::{
    Backend, Config, ConfigError, REDACTED, ValkeyConfig, ValkeyTls, WhenUnavailable,
};
pub use directory::Caller;
pub use fault::ServerFault;
pub use health::Health;
pub use key::{InvalidKey, Key, KeyDigest};
pub use limits::{InvalidLimits, Limits, Rate};
pub use open::{open, open_in_memory};
pub use store::{Edit, Entry, LimitReached, Settlement, Store, StoreError, Usage, Version};

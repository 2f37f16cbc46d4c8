//! Who may call, how much, and how much they did.
//!
//! ```text
//! id, key -> identify -> Caller -> admit -> Hold -> count      answered 200
//!             (memory)              (store)      -> drop       anything else
//! ```
//!
//! [`Accounts`] is what a service works with. It identifies callers from memory in constant time, asks the
//! store whether a request may go on, and counts it when it was answered. [`Store`] is where accounts are
//! kept and what an operator's commands change: a SQLite file, or a Valkey or Redis server that several
//! machines share. A change acts on running services within a second.
//!
//! # What is counted
//! A request that was let in and answered 200, on the day (UTC) on which it came. While it is being
//! answered, one of the app's quota is held for it, so that a quota is not overdrawn, however many
//! requests and processes there are; one that ends otherwise gives it back. The token of the rate is gone
//! either way. (Not held are requests that are served while the store is away, where that is so configured,
//! and those that were under way when it went away for longer than their lease: these are counted when it
//! is back, even if others have had their place.)
//!
//! # What a crash costs
//! A process that is killed loses the counts of its last fifth of a second; holds of requests it had are
//! given back when their lease ends, five minutes after the request's deadline. A machine that loses power
//! loses those of a second at most: with SQLite the disk catches up twice a second, a server does so by
//! `appendfsync everysec`. A change to an app is reported as done when it is on the disk.
//!
//! What it does not do: it knows no HTTP and no picture.

mod accounts;
mod app;
mod config;
mod directory;
mod health;
mod key;
mod ledger;
mod limits;
mod sqlite;
mod store;
mod valkey;

pub use accounts::{Accounts, Denial, Hold};
pub use app::{ActiveKey, App, EditError};
pub use config::{Backend, Config, ConfigError, REDACTED, ValkeyConfig, WhenUnavailable};
pub use directory::Caller;
pub use health::Health;
pub use key::{InvalidKey, Key, KeyDigest};
pub use limits::{InvalidLimits, Limits, Rate};
pub use store::{
    Edit, Entry, LimitReached, Settlement, Store, StoreError, Usage, open, open_in_memory,
};

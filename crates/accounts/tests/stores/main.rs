//! The accounts stores.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod each;
mod file;
mod server;

use std::num::NonZeroU32;

use accounts::{
    App, Backend, Config, Entry, Key, LimitReached, Limits, Rate, Settlement, Store, ValkeyConfig,
};
use testbed::valkey::ValkeyServer;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// Runs `test` on every kind of store. The function that `test` gets opens the same store each
/// time.
fn on_each_store(test: impl Fn(&dyn Fn() -> Box<dyn Store>)) {
    let directory = tempfile::tempdir().unwrap();
    let file = Config { database: directory.path().join("new/accounts.db"), ..Config::default() };
    test(&|| accounts::open(&file).unwrap());
    if let Some(server) = ValkeyServer::start(&[]) {
        let valkey = ValkeyConfig { url: server.url(), ..ValkeyConfig::default() };
        let shared = Config { backend: Backend::Valkey, valkey, ..Config::default() };
        test(&|| accounts::open(&shared).unwrap());
    }
}

fn app(id: &str) -> App {
    App::new(id, "a label", Limits::default(), &Key::generate()).unwrap()
}

fn rate(per_minute: u32, burst: u32) -> Rate {
    let number = |n| NonZeroU32::new(n).unwrap();
    Rate { per_minute: number(per_minute), burst: number(burst) }
}

fn entry(app_id: &str, limits: Limits, at: OffsetDateTime) -> Entry {
    let (app_id, lease_ends_at) = (app_id.into(), at + Duration::minutes(5));
    Entry { hold: Uuid::new_v4(), app_id, limits, at, lease_ends_at }
}

fn settlement(sequence: u64) -> Settlement {
    Settlement {
        process: Uuid::from_u128(7),
        sequence,
        counts: Vec::new(),
        released: Vec::new(),
        used_keys: Vec::new(),
    }
}

/// The settlement of a process that has nothing to settle.
fn empty_settlement() -> Settlement {
    Settlement { process: Uuid::new_v4(), ..settlement(1) }
}

/// Holds quota for one request, or returns the limit that refuses it.
fn hold(store: &mut dyn Store, entry: &Entry) -> Result<(), LimitReached> {
    store.post(&empty_settlement(), std::slice::from_ref(entry)).unwrap()[0]
}

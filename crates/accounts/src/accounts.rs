//! Identifies callers, and holds and counts their quota.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crossbeam_channel::bounded;
use time::OffsetDateTime;
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

use crate::config::WhenUnavailable;
use crate::directory::{Caller, Directory};
use crate::health::{Health, Report};
use crate::ledger::Ledger;
use crate::orders::{self, Order, Orders};
use crate::store::{Entry, LimitReached, Store, StoreError};

/// Minimum time after which a hold ends by itself, because its process is lost. Stores are rarely
/// away for longer, so most holds are settled when the store is back.
const MIN_LEASE: Duration = Duration::from_mins(5);

/// Maximum uses of keys that wait for a store that is away. Further uses are not recorded.
const MAX_USES_WAITING: usize = 10_000;

/// Identifies callers, and holds and counts their quota.
#[derive(Debug)]
pub struct Accounts {
    directory: Arc<RwLock<Directory>>,
    orders: Orders,
    lease: Duration,
    when_unavailable: WhenUnavailable,
    report: watch::Receiver<Report>,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// The app is disabled.
    Disabled,
    /// A limit is reached.
    Limit(LimitReached),
    /// The store is away, and the configuration refuses requests meanwhile.
    Unavailable,
}

/// The quota that is held for a request. [`Hold::count`] counts the request; dropping the hold
/// gives the quota back.
#[derive(Debug)]
#[must_use = "dropping the hold gives the quota back"]
pub struct Hold {
    app_id: Arc<str>,
    /// The hold's id in the store; `None` for a request that is served while the store is away.
    id: Option<Uuid>,
    arrived_at: OffsetDateTime,
    is_counted: bool,
    orders: Orders,
}

impl Accounts {
    /// Reads every app, and starts the thread that owns the store. `deadline` is the longest time
    /// that a request may take.
    ///
    /// # Errors
    /// When the store cannot be read, or cannot be written to.
    pub fn start(
        mut store: Box<dyn Store>,
        when_unavailable: WhenUnavailable,
        deadline: Duration,
    ) -> Result<Self, StoreError> {
        store.give_id()?;
        store.probe(0)?;
        // In this order, the next look notices a change that comes in between.
        let version = store.version()?;
        let directory = Arc::new(RwLock::new(Directory::new(&store.apps()?)));
        let (orders, received) = orders::queue();
        let health = Health { is_alive: true, is_up: true, errors: 0 };
        let (sender, report) = watch::channel(Report { health, trouble: None });
        let ledger = Ledger::new(store, version, Arc::clone(&directory), sender, when_unavailable);
        std::thread::Builder::new()
            .name("accounts".into())
            .spawn(move || {
                let kept = catch_unwind(AssertUnwindSafe(move || ledger.keep(&received)));
                if kept.is_err() {
                    tracing::error!(
                        "the thread for accounts panicked: every request is refused until the \
                         service is started again"
                    );
                }
            })
            .map_err(StoreError::Thread)?;
        let lease = deadline + MIN_LEASE;
        Ok(Self { directory, orders, lease, when_unavailable, report })
    }

    /// The caller with this id and this key. An unknown id and a wrong key take the same time.
    #[must_use]
    pub fn identify(&self, id: &[u8], key: &[u8]) -> Option<Caller> {
        self.directory.read().unwrap_or_else(PoisonError::into_inner).identify(id, key)
    }

    /// Holds one request of the caller's quota until the [`Hold`] ends.
    ///
    /// # Errors
    /// [`Denial`], when the request is refused.
    pub async fn hold(&self, caller: &Caller) -> Result<Hold, Denial> {
        let at = OffsetDateTime::now_utc();
        let Caller { app_id, key, .. } = caller;
        // The thread may wait for a store that hangs. Requests do not wait with it.
        let is_up = self.report.borrow().health.is_up;
        if !caller.enabled || !is_up {
            if self.orders.len() < MAX_USES_WAITING {
                let used = Order::Used { app_id: Arc::clone(app_id), key: *key, at };
                self.orders.send(used).map_err(|_| Denial::Unavailable)?;
            }
            return if caller.enabled {
                self.without_store(app_id, at)
            } else {
                Err(Denial::Disabled)
            };
        }
        let id = Uuid::new_v4();
        let entry = Entry {
            hold: id,
            app_id: Arc::clone(app_id),
            limits: caller.limits,
            at,
            lease_ends_at: at + self.lease,
        };
        // The hold gives the quota back even if the caller hangs up before the outcome is there.
        let mut hold = self.new_hold(app_id, Some(id), at);
        let (outcome, received) = oneshot::channel();
        let is_sent = self.orders.send(Order::Hold { entry, key: *key, outcome }).is_ok();
        let outcome = if is_sent { received.await.ok() } else { None };
        if outcome != Some(Some(Ok(()))) {
            // No quota is held, or the thread releases it.
            hold.id = None;
        }
        match outcome {
            Some(Some(Ok(()))) => Ok(hold),
            Some(Some(Err(limit))) => Err(Denial::Limit(limit)),
            Some(None) => self.without_store(app_id, at),
            // The thread is closed or has panicked, so nothing would count the request.
            None => Err(Denial::Unavailable),
        }
    }

    /// The state of the store and its thread. It does not ask the store.
    #[must_use]
    pub fn health(&self) -> Health {
        // The thread's end drops the sender.
        Health { is_alive: self.report.has_changed().is_ok(), ..self.report.borrow().health }
    }

    /// Why the store cannot be used, in a few words without host, path or user. `None` while it
    /// can be used.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.report.borrow().trouble.clone()
    }

    /// True if requests are served at the moment. The configuration decides it while the store is
    /// away.
    #[must_use]
    pub fn lets_in(&self) -> bool {
        let health = self.health();
        health.is_alive && (health.is_up || self.when_unavailable == WhenUnavailable::Serve)
    }

    /// Serves or refuses a request while the store is away, as configured.
    fn without_store(&self, app_id: &Arc<str>, arrived_at: OffsetDateTime) -> Result<Hold, Denial> {
        match self.when_unavailable {
            WhenUnavailable::Refuse => Err(Denial::Unavailable),
            WhenUnavailable::Serve => Ok(self.new_hold(app_id, None, arrived_at)),
        }
    }

    fn new_hold(&self, app_id: &Arc<str>, id: Option<Uuid>, arrived_at: OffsetDateTime) -> Hold {
        let (app_id, orders) = (Arc::clone(app_id), self.orders.clone());
        Hold { app_id, id, arrived_at, is_counted: false, orders }
    }

    /// Settles all ended requests, and closes the store. Every request is refused from then on.
    pub fn close(&self) {
        let (done, is_done) = bounded(0);
        if self.orders.send(Order::Close(done)).is_ok() {
            // Returns when the thread has dropped the sender, also after a panic.
            let _ = is_done.recv();
        }
    }
}

impl Drop for Accounts {
    fn drop(&mut self) {
        self.close();
    }
}

impl Hold {
    /// Counts the request and ends the hold.
    pub fn count(mut self) {
        self.is_counted = true;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.id.is_some() || self.is_counted {
            let app_id = Arc::clone(&self.app_id);
            let day = self.arrived_at.date();
            let is_counted = self.is_counted;
            // After `close` the lease ends the hold.
            let _ = self.orders.send(Order::End { app_id, hold: self.id, day, is_counted });
        }
    }
}

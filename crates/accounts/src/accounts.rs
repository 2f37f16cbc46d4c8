//! Accounts in use: who is calling, and whether they may go on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crossbeam_channel::{Sender, bounded, unbounded};
use time::OffsetDateTime;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::config::WhenUnavailable;
use crate::directory::{Caller, Directory};
use crate::health::{Health, Vitals};
use crate::ledger::{Ledger, Order};
use crate::store::{Entry, LimitReached, Store, StoreError};

/// How long a request is held at least before it is taken for lost with its process. Longer than stores
/// are away for as a rule: what was held when one went away is settled when it is back.
const MIN_LEASE: Duration = Duration::from_mins(5);

/// The most uses of keys that wait to be recorded while the store is away; more are not.
const MAX_USES_WAITING: usize = 10_000;

/// Accounts in use: who is calling, and whether they may go on.
#[derive(Debug)]
pub struct Accounts {
    directory: Arc<RwLock<Directory>>,
    orders: Sender<Order>,
    lease: Duration,
    when_unavailable: WhenUnavailable,
    /// As far as the thread knows.
    vitals: Arc<Vitals>,
}

/// Why a caller is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// The app is disabled.
    Disabled,
    /// A limit is reached.
    Limit(LimitReached),
    /// The store cannot be asked, and the configuration says to refuse then.
    Unavailable,
}

/// A request that was let in. It is counted if [`Hold::count`] is called, and not if it is dropped.
#[derive(Debug)]
#[must_use = "a request that is not counted is given back"]
pub struct Hold {
    app_id: Arc<str>,
    /// In the store, if it was asked.
    id: Option<Uuid>,
    came_at: OffsetDateTime,
    is_counted: bool,
    orders: Sender<Order>,
}

impl Accounts {
    /// Reads every app and begins to let requests in. A request that takes longer than `deadline` has
    /// been given up by then.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn start(
        mut store: Box<dyn Store>,
        when_unavailable: WhenUnavailable,
        deadline: Duration,
    ) -> Result<Self, StoreError> {
        // In this order: what changes in between is seen at the next look.
        let version = store.version()?;
        let directory = Arc::new(RwLock::new(Directory::new(&store.apps()?)));
        let (orders, received) = unbounded();
        let vitals = Arc::new(Vitals::default());
        let ledger = Ledger::new(
            store,
            version,
            Arc::clone(&directory),
            Arc::clone(&vitals),
            when_unavailable,
        );
        let of_thread = Arc::clone(&vitals);
        std::thread::Builder::new()
            .name("accounts".into())
            .spawn(move || {
                let kept = catch_unwind(AssertUnwindSafe(move || ledger.keep(&received)));
                if kept.is_err() {
                    of_thread.is_alive.store(false, Ordering::Relaxed);
                    tracing::error!(
                        "the thread for accounts panicked: every request is refused until the \
                         service is started again"
                    );
                }
            })
            .map_err(StoreError::Thread)?;
        let lease = deadline + MIN_LEASE;
        Ok(Self { directory, orders, lease, when_unavailable, vitals })
    }

    /// Whoever presents this id and this key. In the same time whether the id is unknown or the key wrong.
    #[must_use]
    pub fn identify(&self, id: &[u8], key: &[u8]) -> Option<Caller> {
        self.directory.read().unwrap_or_else(PoisonError::into_inner).identify(id, key)
    }

    /// Lets a request of `caller` in, and holds one of its quota until the [`Hold`] is over.
    ///
    /// # Errors
    /// When it may not go on.
    pub async fn admit(&self, caller: &Caller) -> Result<Hold, Denial> {
        let at = OffsetDateTime::now_utc();
        let Caller { app_id, key, .. } = caller;
        // The thread may be waiting for a store that does not answer; nobody need wait with it.
        let is_up = self.vitals.is_up.load(Ordering::Relaxed);
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
        // From here on the hold ends, whether the answer is waited for or not.
        let mut hold = self.hold(app_id, Some(id), at);
        let (answer, answered) = oneshot::channel();
        // Closed, or its thread has panicked: nobody would count what is let in.
        let is_asked = self.orders.send(Order::Enter { entry, key: *key, answer }).is_ok();
        let answer = if is_asked { answered.await.ok() } else { None };
        if answer != Some(Ok(())) {
            // What was not let in need not be given back, or the thread has seen to it.
            hold.id = None;
        }
        match answer {
            Some(Ok(())) => Ok(hold),
            Some(Err(Denial::Unavailable)) => self.without_store(app_id, at),
            Some(Err(denial)) => Err(denial),
            None => Err(Denial::Unavailable),
        }
    }

    /// Whether requests can be let in and counted at the moment. Reads three numbers, and waits for nothing.
    #[must_use]
    pub fn health(&self) -> Health {
        self.vitals.read()
    }

    /// Whether requests are let in at the moment, as things are configured: while the store is away they may be.
    #[must_use]
    pub fn lets_in(&self) -> bool {
        let health = self.health();
        health.is_alive && (health.is_up || self.when_unavailable == WhenUnavailable::Serve)
    }

    /// What becomes of a request while the store is away.
    fn without_store(&self, app_id: &Arc<str>, came_at: OffsetDateTime) -> Result<Hold, Denial> {
        match self.when_unavailable {
            WhenUnavailable::Refuse => Err(Denial::Unavailable),
            WhenUnavailable::Serve => Ok(self.hold(app_id, None, came_at)),
        }
    }

    fn hold(&self, app_id: &Arc<str>, id: Option<Uuid>, came_at: OffsetDateTime) -> Hold {
        let (app_id, orders) = (Arc::clone(app_id), self.orders.clone());
        Hold { app_id, id, came_at, is_counted: false, orders }
    }

    /// Settles all that is over, and closes the store. Every request is refused from then on.
    pub fn close(&self) {
        let (done, is_done) = bounded(0);
        if self.orders.send(Order::Close(done)).is_ok() {
            // Comes back when the thread has ended, with or without a word.
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
    /// Counts the request.
    pub fn count(mut self) {
        self.is_counted = true;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.id.is_some() || self.is_counted {
            let app_id = Arc::clone(&self.app_id);
            let day = self.came_at.date();
            let is_counted = self.is_counted;
            // Once closed, nobody is there to be told: the lease ends it.
            let _ = self.orders.send(Order::Over { app_id, hold: self.id, day, is_counted });
        }
    }
}

//! Letting requests in and counting them, while they are served.
//!
//! One thread has the store to itself. Requests that arrive while it is busy go into the next round
//! together, as one transaction or one round trip; what is over is settled with the round that comes
//! next, a fifth of a second later at most.

use std::collections::HashMap;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use time::{Date, OffsetDateTime};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::config::WhenUnavailable;
use crate::directory::{Caller, Directory};
use crate::key::KeyDigest;
use crate::store::{Entry, LimitReached, Settlement, Store, StoreError};

/// How often the store is asked whether apps have changed, and what is over is settled at the latest.
/// Five times in the second within which a change must act.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The most requests that one round lets in: more would make the first of them wait for the last.
const MAX_ROUND: usize = 256;

/// How long a request is held at least before it is taken for lost with its process. Longer than stores
/// are away for as a rule: what was held when one went away is settled when it is back.
const MIN_LEASE: Duration = Duration::from_mins(5);

/// Accounts in use: who is calling, and whether they may go on.
#[derive(Debug)]
pub struct Accounts {
    directory: Arc<RwLock<Arc<Directory>>>,
    orders: Sender<Order>,
    lease: Duration,
    when_unavailable: WhenUnavailable,
    /// Whether the store can be written to, as far as the thread knows.
    is_up: Arc<AtomicBool>,
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

#[derive(Debug)]
enum Order {
    Enter {
        entry: Entry,
        key: KeyDigest,
        answer: oneshot::Sender<Result<(), Denial>>,
    },
    /// A key was used, and the request goes no further.
    Used {
        app_id: Arc<str>,
        key: KeyDigest,
        at: OffsetDateTime,
    },
    Over {
        app_id: Arc<str>,
        hold: Option<Uuid>,
        day: Date,
        is_counted: bool,
    },
    Close(Sender<()>),
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
        let directory = Arc::new(RwLock::new(Arc::new(Directory::new(&store.apps()?))));
        let (orders, received) = unbounded();
        let is_up = Arc::new(AtomicBool::new(true));
        let ledger = Ledger {
            store,
            version,
            directory: Arc::clone(&directory),
            when_unavailable,
            is_up: Arc::clone(&is_up),
            process: Uuid::new_v4(),
            tally: Tally::default(),
            in_transit: None,
            sequence: 0,
        };
        std::thread::Builder::new()
            .name("accounts".into())
            .spawn(move || ledger.keep(&received))
            .map_err(StoreError::Thread)?;
        let lease = deadline + MIN_LEASE;
        Ok(Self { directory, orders, lease, when_unavailable, is_up })
    }

    /// Whoever presents this id and this key. In the same time whether the id is unknown or the key wrong.
    #[must_use]
    pub fn identify(&self, id: &[u8], key: &[u8]) -> Option<Caller> {
        let directory = self.directory.read().unwrap_or_else(PoisonError::into_inner);
        let directory = Arc::clone(&directory);
        directory.identify(id, key)
    }

    /// Lets a request of `caller` in, and holds one of its quota until the [`Hold`] is over.
    ///
    /// # Errors
    /// When it may not go on.
    pub async fn admit(&self, caller: &Caller) -> Result<Hold, Denial> {
        let at = OffsetDateTime::now_utc();
        let Caller { app_id, key, .. } = caller;
        if !caller.enabled || !self.is_up.load(Ordering::Relaxed) {
            // Once closed, nobody is there to be told.
            let _ = self.orders.send(Order::Used { app_id: Arc::clone(app_id), key: *key, at });
        }
        if !caller.enabled {
            return Err(Denial::Disabled);
        }
        // The thread may be waiting for a store that does not answer; nobody need wait with it.
        if !self.is_up.load(Ordering::Relaxed) {
            return self.without_store(app_id, at);
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
        let mut hold = Hold {
            app_id: Arc::clone(app_id),
            id: Some(id),
            came_at: at,
            is_counted: false,
            orders: self.orders.clone(),
        };
        let (answer, answered) = oneshot::channel();
        let asked = self.orders.send(Order::Enter { entry, key: *key, answer });
        let answer = match asked {
            Ok(()) => answered.await.unwrap_or(Err(Denial::Unavailable)),
            Err(_) => Err(Denial::Unavailable),
        };
        match answer {
            Ok(()) => Ok(hold),
            Err(denial) => {
                // What was not let in need not be given back, or the thread has seen to it.
                hold.id = None;
                if denial == Denial::Unavailable {
                    self.without_store(app_id, at)
                } else {
                    Err(denial)
                }
            }
        }
    }

    /// What becomes of a request while the store is away.
    fn without_store(&self, app_id: &Arc<str>, came_at: OffsetDateTime) -> Result<Hold, Denial> {
        match self.when_unavailable {
            WhenUnavailable::Refuse => Err(Denial::Unavailable),
            WhenUnavailable::Serve => Ok(Hold {
                app_id: Arc::clone(app_id),
                id: None,
                came_at,
                is_counted: false,
                orders: self.orders.clone(),
            }),
        }
    }

    /// Settles all that is over and ends. Requests are refused from then on.
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

/// A request that waits to be let in.
struct Waiting {
    entry: Entry,
    answer: oneshot::Sender<Result<(), Denial>>,
}

/// What is over and was not handed to the store yet.
#[derive(Debug, Default)]
struct Tally {
    counts: HashMap<(Arc<str>, Date), u64>,
    released: Vec<(Arc<str>, Uuid)>,
    used_keys: HashMap<(Arc<str>, KeyDigest), OffsetDateTime>,
}

impl Tally {
    fn use_key(&mut self, app_id: &Arc<str>, key: KeyDigest, at: OffsetDateTime) {
        self.used_keys.insert((Arc::clone(app_id), key), at);
    }

    fn is_empty(&self) -> bool {
        self.counts.is_empty() && self.released.is_empty() && self.used_keys.is_empty()
    }
}

struct Ledger {
    store: Box<dyn Store>,
    version: i64,
    directory: Arc<RwLock<Arc<Directory>>>,
    when_unavailable: WhenUnavailable,
    is_up: Arc<AtomicBool>,
    process: Uuid,
    tally: Tally,
    /// Handed to the store, and not known to have arrived: handed in again as it is.
    in_transit: Option<Settlement>,
    sequence: u64,
}

impl Ledger {
    fn keep(mut self, orders: &Receiver<Order>) {
        let mut next_look = Instant::now() + LOOK_EVERY;
        loop {
            let first = orders.recv_deadline(next_look).ok();
            let mut waiting = Vec::new();
            let mut close = None;
            for order in first.into_iter().chain(orders.try_iter().take(MAX_ROUND)) {
                match order {
                    Order::Enter { entry, key, answer } => {
                        self.tally.use_key(&entry.app_id, key, entry.at);
                        waiting.push(Waiting { entry, answer });
                    }
                    Order::Used { app_id, key, at } => self.tally.use_key(&app_id, key, at),
                    Order::Over { app_id, hold, day, is_counted } => {
                        if let Some(hold) = hold {
                            self.tally.released.push((Arc::clone(&app_id), hold));
                        }
                        if is_counted {
                            *self.tally.counts.entry((app_id, day)).or_default() += 1;
                        }
                    }
                    Order::Close(done) => close = Some(done),
                }
            }
            // Before a look, which may take long.
            if !waiting.is_empty() {
                self.round(waiting);
            }
            if Instant::now() >= next_look || close.is_some() {
                self.look();
                next_look = Instant::now() + LOOK_EVERY;
            }
            if let Some(done) = close {
                // What was in transit went first; this is the rest.
                self.settle();
                self.report_losses();
                self.is_up.store(false, Ordering::Relaxed);
                drop(done);
                return;
            }
        }
    }

    /// Sees whether the store is there and apps have changed, and settles what is over.
    fn look(&mut self) {
        let was_up = self.is_up.load(Ordering::Relaxed);
        let seen = self.store.version().and_then(|version| {
            if version != self.version || !was_up {
                let apps = self.store.apps()?;
                self.replace_directory(Directory::new(&apps));
                self.version = version;
            }
            Ok(())
        });
        match seen {
            Err(error) => self.lose(&error),
            Ok(()) if was_up => self.settle(),
            Ok(()) => {
                let late = self.unsettled();
                // A store that can be read and not written to is not back.
                if self.post(&[]).is_some() {
                    self.is_up.store(true, Ordering::Relaxed);
                    tracing::info!(late_requests = late, "the accounts store is back");
                }
            }
        }
    }

    fn replace_directory(&self, directory: Directory) {
        let mut directory = Arc::new(directory);
        let is_empty = directory.is_empty();
        // What it replaces may be large, and is dropped when nobody waits for it any more.
        let mut place = self.directory.write().unwrap_or_else(PoisonError::into_inner);
        mem::swap(&mut *place, &mut directory);
        drop(place);
        if is_empty && !directory.is_empty() {
            tracing::error!("there are no apps in the accounts store any more: nobody may call");
        }
    }

    /// Settles what is over, if anything is.
    fn settle(&mut self) {
        if self.in_transit.is_some() || !self.tally.is_empty() {
            self.post(&[]);
        }
    }

    /// Answers those who wait.
    fn round(&mut self, mut waiting: Vec<Waiting>) {
        // Whoever has given up by now may have said so in this very round, and must not enter after it.
        waiting.retain(|waiting| !waiting.answer.is_closed());
        let (entries, answers): (Vec<Entry>, Vec<_>) =
            waiting.into_iter().map(|waiting| (waiting.entry, waiting.answer)).unzip();
        let is_up = self.is_up.load(Ordering::Relaxed);
        let outcomes = if is_up { self.post(&entries) } else { None };
        let outcomes = outcomes.unwrap_or_default().into_iter().map(|o| o.map_err(Denial::Limit));
        let unanswered = std::iter::repeat(Err(Denial::Unavailable));
        for (answer, outcome) in answers.into_iter().zip(outcomes.chain(unanswered)) {
            // Whoever gives up from here on says that it is over in a later round.
            let _ = answer.send(outcome);
        }
    }

    /// What the store says, one answer an entry; none if it says nothing.
    fn post(&mut self, entries: &[Entry]) -> Option<Vec<Result<(), LimitReached>>> {
        let settlement = self.in_transit.take().unwrap_or_else(|| self.seal());
        match self.store.post(&settlement, entries) {
            Ok(outcomes) => Some(outcomes),
            Err(error) => {
                self.in_transit = Some(settlement);
                // The store may have let them in before it fell silent, and nobody else would say so.
                let lost = entries.iter().map(|entry| (Arc::clone(&entry.app_id), entry.hold));
                self.tally.released.extend(lost);
                self.lose(&error);
                None
            }
        }
    }

    /// The tally so far as a settlement, and an empty one for what follows.
    fn seal(&mut self) -> Settlement {
        let Tally { counts, released, used_keys } = mem::take(&mut self.tally);
        self.sequence += 1;
        Settlement {
            process: self.process,
            sequence: self.sequence,
            counts: counts.into_iter().map(|((app, day), requests)| (app, day, requests)).collect(),
            released,
            used_keys: used_keys.into_iter().map(|((app, key), at)| (app, key, at)).collect(),
        }
    }

    fn lose(&mut self, error: &StoreError) {
        if self.is_up.swap(false, Ordering::Relaxed) {
            let error: &dyn std::error::Error = error;
            let cause = std::iter::successors(Some(error), |error| error.source());
            let cause = cause.map(ToString::to_string).collect::<Vec<_>>().join(": ");
            let requests_are = match self.when_unavailable {
                WhenUnavailable::Refuse => "refused",
                WhenUnavailable::Serve => "served without limits, and counted later",
            };
            tracing::error!(cause, requests_are, "the accounts store cannot be used");
        }
    }

    /// Requests that were answered and are not in the store yet.
    fn unsettled(&self) -> u64 {
        let in_transit = self.in_transit.iter().flat_map(|settlement| &settlement.counts);
        in_transit.map(|(_, _, requests)| requests).chain(self.tally.counts.values()).sum()
    }

    fn report_losses(&self) {
        let requests = self.unsettled();
        if requests > 0 {
            tracing::error!(
                requests,
                "the accounts store is away at the end: these are not counted"
            );
        }
    }
}

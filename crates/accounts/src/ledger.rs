//! Letting in and counting, behind [`Accounts`](crate::Accounts).
//!
//! One thread has the store to itself. Requests that arrive while it is busy go into the next round
//! together, as one transaction or one round trip; what is over is settled with the round that comes
//! next, a fifth of a second later at most.

use std::collections::HashMap;
use std::mem;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use time::{Date, OffsetDateTime};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::accounts::Denial;
use crate::config::WhenUnavailable;
use crate::directory::Directory;
use crate::health::Vitals;
use crate::key::KeyDigest;
use crate::store::{Entry, LimitReached, Settlement, Store, StoreError};

/// How often the store is asked whether apps have changed, and what is over is settled at the latest.
/// Five times in the second within which a change must act.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The most orders that one round takes: more would make the first of them wait for the last.
const MAX_ROUND: usize = 256;

/// What the thread is asked and told.
#[derive(Debug)]
pub(crate) enum Order {
    /// A request wants to be let in.
    Enter { entry: Entry, key: KeyDigest, answer: Answer },
    /// A key was used, and the request goes no further.
    Used { app_id: Arc<str>, key: KeyDigest, at: OffsetDateTime },
    /// A request is over.
    Over { app_id: Arc<str>, hold: Option<Uuid>, day: Date, is_counted: bool },
    /// It is to settle everything and end; the sender is dropped when it has.
    Close(Sender<()>),
}

/// Where a request that wants to be let in waits for an answer.
type Answer = oneshot::Sender<Result<(), Denial>>;

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

/// The thread's own.
pub(crate) struct Ledger {
    store: Box<dyn Store>,
    version: i64,
    directory: Arc<RwLock<Directory>>,
    when_unavailable: WhenUnavailable,
    vitals: Arc<Vitals>,
    process: Uuid,
    tally: Tally,
    /// Handed to the store, and not known to have arrived: handed in again as it is.
    in_transit: Option<Settlement>,
    sequence: u64,
}

impl Ledger {
    /// `directory` is what the store held at `version`.
    pub(crate) fn new(
        store: Box<dyn Store>,
        version: i64,
        directory: Arc<RwLock<Directory>>,
        vitals: Arc<Vitals>,
        when_unavailable: WhenUnavailable,
    ) -> Self {
        Self {
            store,
            version,
            directory,
            when_unavailable,
            vitals,
            process: Uuid::new_v4(),
            tally: Tally::default(),
            in_transit: None,
            sequence: 0,
        }
    }

    /// Works until it is told to close.
    pub(crate) fn keep(mut self, orders: &Receiver<Order>) {
        let mut next_look = Instant::now() + LOOK_EVERY;
        loop {
            let first = orders.recv_deadline(next_look).ok();
            let mut waiting = Vec::new();
            let mut close = None;
            for order in first.into_iter().chain(orders.try_iter().take(MAX_ROUND - 1)) {
                match order {
                    Order::Enter { entry, key, answer } => {
                        self.tally.use_key(&entry.app_id, key, entry.at);
                        waiting.push((entry, answer));
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
                self.vitals.is_alive.store(false, Ordering::Relaxed);
                // With the store, and its files.
                drop(self);
                drop(done);
                return;
            }
        }
    }

    /// Sees whether the store is there and apps have changed, and settles what is over.
    fn look(&mut self) {
        let was_up = self.vitals.is_up.load(Ordering::Relaxed);
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
                    self.vitals.is_up.store(true, Ordering::Relaxed);
                    tracing::info!(late_requests = late, "the accounts store is back");
                }
            }
        }
    }

    fn replace_directory(&self, mut directory: Directory) {
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
    fn round(&mut self, mut waiting: Vec<(Entry, Answer)>) {
        // Whoever has given up by now may have said so in this very round, and must not enter after it.
        waiting.retain(|(_, answer)| !answer.is_closed());
        let (entries, answers): (Vec<Entry>, Vec<Answer>) = waiting.into_iter().unzip();
        let is_up = self.vitals.is_up.load(Ordering::Relaxed);
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
        self.vitals.errors.fetch_add(1, Ordering::Relaxed);
        if self.vitals.is_up.swap(false, Ordering::Relaxed) {
            let cause: &(dyn std::error::Error + 'static) = error;
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

//! The thread that owns the store, behind [`Accounts`](crate::Accounts).
//!
//! Requests that arrive while the store is busy go into the next round together: one transaction or
//! one round trip. Requests that have ended are settled with the next round, a fifth of a second
//! later at most.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use time::{Date, OffsetDateTime};
use tokio::sync::watch;
use uuid::Uuid;

use crate::config::WhenUnavailable;
use crate::directory::Directory;
use crate::health::Report;
use crate::key::KeyDigest;
use crate::orders::{Order, OutcomeSender, Received};
use crate::store::{Entry, LimitReached, Settlement, Store, StoreError, Version};

/// Interval of looking for changed apps and of settling. A change must act within a second.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Interval of proving that the store can be written to, while nothing is written.
const PROBE_EVERY: Duration = Duration::from_secs(5);

/// How long writing must succeed before a store that refused a write counts as usable. A store at
/// its limit (a disk or a memory that is nearly full) takes some writes and refuses others.
const STEADY_FOR: Duration = Duration::from_secs(5);

/// Size of the value that a store must take before it counts as usable again, bytes: more than a
/// round of 256 requests writes.
const PROBE_BYTES: usize = 64 << 10;

/// Maximum orders in one round. With more, the first of them would wait for the last.
const MAX_ROUND: usize = 256;

/// Ended requests that are not handed to the store yet.
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

/// The state of the thread.
pub(crate) struct Ledger {
    store: Box<dyn Store>,
    version: Version,
    /// Number of apps in the directory.
    apps: usize,
    directory: Arc<RwLock<Directory>>,
    when_unavailable: WhenUnavailable,
    /// The receivers see from its end that the thread has ended, also after a panic.
    report: watch::Sender<Report>,
    /// When a write last succeeded.
    written_at: Instant,
    /// While the store is away: since when writing succeeds, and how long it must.
    steady_since: Option<Instant>,
    steady_for: Duration,
    process: Uuid,
    tally: Tally,
    /// A settlement that may not have reached the store. It is posted again unchanged.
    in_transit: Option<Settlement>,
    sequence: u64,
}

impl Ledger {
    /// `directory` is the store's content at `version`.
    pub(crate) fn new(
        store: Box<dyn Store>,
        version: Version,
        directory: Arc<RwLock<Directory>>,
        report: watch::Sender<Report>,
        when_unavailable: WhenUnavailable,
    ) -> Self {
        let apps = directory.read().unwrap_or_else(PoisonError::into_inner).len();
        Self {
            store,
            version,
            apps,
            directory,
            when_unavailable,
            report,
            written_at: Instant::now(),
            steady_since: None,
            steady_for: Duration::ZERO,
            process: Uuid::new_v4(),
            tally: Tally::default(),
            in_transit: None,
            sequence: 0,
        }
    }

    /// Carries out orders until [`Order::Close`].
    pub(crate) fn keep(mut self, orders: &Received) {
        let mut next_look = Instant::now() + LOOK_EVERY;
        loop {
            let mut waiting = Vec::new();
            let mut close = None;
            for order in orders.next(next_look, MAX_ROUND) {
                match order {
                    Order::Hold { entry, key, outcome } => {
                        self.tally.use_key(&entry.app_id, key, entry.at);
                        waiting.push((entry, outcome));
                    }
                    Order::Used { app_id, key, at } => self.tally.use_key(&app_id, key, at),
                    Order::End { app_id, hold, day, is_counted } => {
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
            // Before the look, which may take long.
            if !waiting.is_empty() {
                self.round(waiting);
            }
            if Instant::now() >= next_look || close.is_some() {
                self.look();
                next_look = Instant::now() + LOOK_EVERY;
            }
            if let Some(done) = close {
                // The look has posted a settlement in transit; this posts the rest.
                self.settle();
                self.report_losses();
                // Closes the store, and its files, before the caller goes on.
                drop(self);
                drop(done);
                return;
            }
        }
    }

    fn is_up(&self) -> bool {
        self.report.borrow().health.is_up
    }

    /// Looks whether the store is there and whether apps have changed, and settles.
    fn look(&mut self) {
        let is_up = self.is_up();
        match self.read_changes() {
            Err(error) => self.lose(&error),
            Ok(()) if is_up => {
                self.settle();
                if self.is_up() && self.written_at.elapsed() >= PROBE_EVERY {
                    self.probe(0);
                }
            }
            Ok(()) => self.return_when_steady(),
        }
    }

    /// Reads the apps if they have changed. A store that has lost them is refused: its callers
    /// would be told that their keys are wrong.
    fn read_changes(&mut self) -> Result<(), StoreError> {
        let version = self.store.version()?;
        // A store that was away may have lost its last changes.
        if version == self.version && self.is_up() {
            return Ok(());
        }
        let apps = self.store.apps()?;
        // A store may be emptied in between. The next look tells.
        if self.store.version()? != version {
            return Ok(());
        }
        let is_same_store = version.store == self.version.store;
        if !is_same_store && apps.is_empty() && self.apps > 0 {
            return Err(StoreError::Emptied { apps: self.apps });
        }
        if !is_same_store {
            if version.store.is_none() {
                self.store.give_id()?;
                // The next look reads the id.
                return Ok(());
            }
            tracing::warn!(
                apps_before = self.apps,
                apps = apps.len(),
                "the accounts store is another one than before"
            );
        } else if apps.is_empty() && self.apps > 0 {
            tracing::error!("the accounts store has no apps any more: every request is refused");
        }
        self.replace_directory(Directory::new(&apps));
        (self.version, self.apps) = (version, apps.len());
        Ok(())
    }

    /// Counts the store as usable again when writing has succeeded for long enough.
    fn return_when_steady(&mut self) {
        if !self.probe(PROBE_BYTES) {
            return;
        }
        let since = *self.steady_since.get_or_insert_with(Instant::now);
        if since.elapsed() < self.steady_for {
            return;
        }
        let late = self.unsettled();
        // The room that the large value took is free for what is posted.
        if self.probe(0) && self.post(&[]).is_some() {
            self.steady_since = None;
            self.steady_for = Duration::ZERO;
            self.report.send_modify(|report| {
                report.health.is_up = true;
                report.trouble = None;
            });
            tracing::info!(late_requests = late, "the accounts store is back");
        }
    }

    /// Whether the store takes a write of so many bytes.
    fn probe(&mut self, bytes: usize) -> bool {
        let probed = self.store.probe(bytes);
        match &probed {
            Ok(()) => self.written_at = Instant::now(),
            Err(error) => self.lose_by_write(error),
        }
        probed.is_ok()
    }

    fn replace_directory(&self, mut directory: Directory) {
        // The old directory may be large. It is dropped at the end, when the lock is free again.
        let mut current = self.directory.write().unwrap_or_else(PoisonError::into_inner);
        mem::swap(&mut *current, &mut directory);
        drop(current);
    }

    /// Posts a settlement if there is something to settle.
    fn settle(&mut self) {
        if self.in_transit.is_some() || !self.tally.is_empty() {
            self.post(&[]);
        }
    }

    /// Posts one round, and sends each waiting request its outcome.
    fn round(&mut self, mut waiting: Vec<(Entry, OutcomeSender)>) {
        // A request that was given up may have sent its end in this round, and must not be held
        // after it.
        waiting.retain(|(_, outcome)| !outcome.is_closed());
        let (entries, senders): (Vec<Entry>, Vec<OutcomeSender>) = waiting.into_iter().unzip();
        let outcomes = if self.is_up() { self.post(&entries) } else { None };
        let mut outcomes = outcomes.unwrap_or_default().into_iter();
        for sender in senders {
            // A request that is given up from here on sends its end in a later round.
            let _ = sender.send(outcomes.next());
        }
    }

    /// The store's outcome for each entry, or `None` if the store fails.
    fn post(&mut self, entries: &[Entry]) -> Option<Vec<Result<(), LimitReached>>> {
        let settlement = self.in_transit.take().unwrap_or_else(|| self.seal());
        match self.store.post(&settlement, entries) {
            Ok(outcomes) => {
                self.written_at = Instant::now();
                Some(outcomes)
            }
            Err(error) => {
                self.in_transit = Some(settlement);
                // The store may hold quota for them already. Nothing else would release it.
                let lost = entries.iter().map(|entry| (Arc::clone(&entry.app_id), entry.hold));
                self.tally.released.extend(lost);
                self.lose_by_write(&error);
                None
            }
        }
    }

    /// Turns the tally into a settlement, and leaves an empty one.
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

    /// Counts the store as away. If it is there and refuses to be written to, it must be steady
    /// before it counts as usable.
    fn lose_by_write(&mut self, error: &StoreError) {
        if error.is_refusal() {
            self.steady_for = STEADY_FOR;
        }
        self.lose(error);
    }

    /// Counts the store as away, and logs each new cause once.
    fn lose(&mut self, error: &StoreError) {
        self.steady_since = None;
        let trouble = error.in_short();
        let is_new = self.report.borrow().trouble.as_ref() != Some(&trouble);
        self.report.send_modify(|report| {
            report.health.errors += 1;
            report.health.is_up = false;
            report.trouble = Some(trouble);
        });
        if is_new {
            let cause: &(dyn std::error::Error + 'static) = error;
            let requests_are = match self.when_unavailable {
                WhenUnavailable::Refuse => "refused",
                WhenUnavailable::Serve => "served without limits, and counted later",
            };
            tracing::error!(cause, requests_are, "the accounts store cannot be used");
        }
    }

    /// The number of answered requests that are not in the store yet.
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

//! Each app's share of the requests, and of the bytes, that are held at a time.
//!
//! The limits are for all apps together, and an app alone may use all of them. Where a limit is
//! reached, the app that holds the most gives way to one that holds less: one of its requests that
//! no worker has begun is answered 503. Apps are told apart by their verified credentials. Callers
//! without credentials hold nothing here.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// Places for requests, and bytes of their bodies and decoders.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    shares: Arc<Mutex<Shares>>,
    max_requests: usize,
    max_bytes: usize,
}

/// Neither are there as many bytes left, nor does another app hold more than this one would.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the requests under way take all the memory there is for them")]
pub(crate) struct NoRoom;

/// A request gets no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// All are taken, and no app holds at least two more than this one.
    AllTaken,
    /// The app holds as many as its own limit allows.
    AtItsLimit { limit: u32 },
}

/// The requests and bytes held now, and their limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    pub requests: usize,
    pub max_requests: usize,
    pub bytes: usize,
    pub max_bytes: usize,
}

#[derive(Debug, Default)]
struct Shares {
    requests: usize,
    bytes: usize,
    next_number: u64,
    /// Apps without a request are not in it.
    apps: HashMap<Arc<str>, Share>,
}

/// What one app holds.
#[derive(Debug, Default)]
struct Share {
    bytes: usize,
    /// By number, the newest last.
    places: BTreeMap<u64, Taken>,
}

#[derive(Debug)]
struct Taken {
    bytes: usize,
    /// True while a worker has a picture of it. Then it does not give way.
    is_in_work: bool,
    lost: CancellationToken,
}

/// A request's place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Admission,
    pub app_id: Arc<str>,
    /// When the request must be answered.
    pub deadline: Instant,
    number: u64,
    lost: CancellationToken,
}

impl Admission {
    pub(crate) fn new(max_requests: usize, max_bytes: usize) -> Self {
        Self { shares: Arc::default(), max_requests, max_bytes }
    }

    pub(crate) fn held(&self) -> Held {
        let shares = self.shares.lock();
        Held {
            requests: shares.requests,
            max_requests: self.max_requests,
            bytes: shares.bytes,
            max_bytes: self.max_bytes,
        }
    }

    /// A place for a request of this app, which may hold `limit` at most.
    ///
    /// # Errors
    /// If there is none for it.
    pub(crate) fn take(
        &self,
        app_id: &Arc<str>,
        limit: Option<NonZeroU32>,
        deadline: Instant,
    ) -> Result<Arc<Place>, NoPlace> {
        let mut shares = self.shares.lock();
        let mine = shares.apps.get(app_id).map_or(0, |share| share.places.len());
        if let Some(limit) = limit.map(NonZeroU32::get).filter(|limit| mine >= *limit as usize) {
            return Err(NoPlace::AtItsLimit { limit });
        }
        if shares.requests >= self.max_requests {
            let (other, number) =
                shares.newest_of_the_app_with_most_requests(mine + 2).ok_or(NoPlace::AllTaken)?;
            shares.lose(&other, number);
        }
        let number = shares.next_number;
        shares.next_number += 1;
        shares.requests += 1;
        let lost = CancellationToken::new();
        let taken = Taken { bytes: 0, is_in_work: false, lost: lost.clone() };
        shares.apps.entry(Arc::clone(app_id)).or_default().places.insert(number, taken);
        drop(shares);
        let (admission, app_id) = (self.clone(), Arc::clone(app_id));
        Ok(Arc::new(Place { admission, app_id, deadline, number, lost }))
    }
}

impl Shares {
    /// The newest request without a worker of the app that has most requests, if that are at least
    /// `least`.
    fn newest_of_the_app_with_most_requests(&self, least: usize) -> Option<(Arc<str>, u64)> {
        let candidates = self.apps.iter().filter(|(_, share)| share.places.len() >= least);
        let with_newest = candidates.filter_map(|(app_id, share)| {
            let waiting = |(_, taken): &(_, &Taken)| !taken.is_in_work;
            let (number, _) = share.places.iter().rev().find(waiting)?;
            Some((share.places.len(), app_id, *number))
        });
        let (_, app_id, number) = with_newest.max_by_key(|(count, ..)| *count)?;
        Some((Arc::clone(app_id), number))
    }

    /// The largest request without a worker of the app that has most bytes, if that are more than
    /// `bytes`.
    fn largest_of_the_app_with_most_bytes(&self, bytes: usize) -> Option<(Arc<str>, u64)> {
        let candidates = self.apps.iter().filter(|(_, share)| share.bytes > bytes);
        let with_largest = candidates.filter_map(|(app_id, share)| {
            let waiting = share.places.iter().filter(|(_, it)| !it.is_in_work && it.bytes > 0);
            let (number, _) = waiting.max_by_key(|(_, taken)| taken.bytes)?;
            Some((share.bytes, app_id, *number))
        });
        let (_, app_id, number) = with_largest.max_by_key(|(bytes, ..)| *bytes)?;
        Some((Arc::clone(app_id), number))
    }

    fn taken(&mut self, app_id: &str, number: u64) -> Option<&mut Taken> {
        self.apps.get_mut(app_id)?.places.get_mut(&number)
    }

    /// Takes a place away from its request, which learns of it. Its memory is freed as soon as the
    /// request is polled.
    fn lose(&mut self, app_id: &str, number: u64) {
        if let Some(taken) = self.end(app_id, number) {
            taken.lost.cancel();
        }
    }

    fn end(&mut self, app_id: &str, number: u64) -> Option<Taken> {
        let share = self.apps.get_mut(app_id)?;
        let taken = share.places.remove(&number)?;
        share.bytes -= taken.bytes;
        self.bytes -= taken.bytes;
        self.requests -= 1;
        if share.places.is_empty() {
            self.apps.remove(app_id);
        }
        Some(taken)
    }
}

impl Place {
    /// Returns when the place is given to another app, or was.
    pub(crate) async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Takes `count` more bytes.
    ///
    /// # Errors
    /// If too few are left, and no other app holds more than this one would.
    pub(crate) fn take_bytes(&self, count: usize) -> Result<(), NoRoom> {
        let mut shares = self.admission.shares.lock();
        while shares.bytes.saturating_add(count) > self.admission.max_bytes {
            let mine = shares.apps.get(&self.app_id).map_or(0, |share| share.bytes);
            let mine = mine.saturating_add(count);
            let (other, number) = shares.largest_of_the_app_with_most_bytes(mine).ok_or(NoRoom)?;
            shares.lose(&other, number);
        }
        shares.taken(&self.app_id, self.number).ok_or(NoRoom)?.bytes += count;
        shares.bytes += count;
        let share = shares.apps.get_mut(&self.app_id).ok_or(NoRoom)?;
        share.bytes += count;
        Ok(())
    }

    /// The most bytes that one request may take beside bodies: seven eighths of all, so that it
    /// need not wait until no other request is held.
    pub(crate) fn reservable_bytes(&self) -> usize {
        self.admission.max_bytes / 8 * 7
    }

    /// Gives `count` bytes back.
    pub(crate) fn give_bytes(&self, count: usize) {
        let mut shares = self.admission.shares.lock();
        let Some(taken) = shares.taken(&self.app_id, self.number) else { return };
        let count = count.min(taken.bytes);
        taken.bytes -= count;
        shares.bytes -= count;
        if let Some(share) = shares.apps.get_mut(&self.app_id) {
            share.bytes -= count;
        }
    }

    /// Notes whether a worker has a picture of this request. False if the place is lost.
    pub(crate) fn set_in_work(&self, is_in_work: bool) -> bool {
        let mut shares = self.admission.shares.lock();
        let taken = shares.taken(&self.app_id, self.number);
        taken.map(|taken| taken.is_in_work = is_in_work).is_some()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.admission.shares.lock().end(&self.app_id, self.number);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn take(admission: &Admission, app_id: &str) -> Option<Arc<Place>> {
        admission.take(&app_id.into(), None, Instant::now()).ok()
    }

    fn is_lost(place: &Place) -> bool {
        place.lost().now_or_never().is_some()
    }

    #[test]
    fn an_app_alone_may_take_every_place_and_gives_way_to_another() {
        let admission = Admission::new(4, 100);
        let of_a: Vec<_> = (0..4).map(|_| take(&admission, "a").unwrap()).collect();
        assert!(take(&admission, "a").is_none(), "it does not give way to itself");
        // The newest without a worker gives way.
        assert!(of_a[3].set_in_work(true));
        let first = take(&admission, "b").unwrap();
        let lost: Vec<_> = of_a.iter().map(|place| is_lost(place)).collect();
        assert_eq!(lost, [false, false, true, false]);
        assert!(!of_a[2].set_in_work(true) && of_a[2].take_bytes(1) == Err(NoRoom));
        let second = take(&admission, "b").unwrap();
        // Both hold two now.
        assert!(take(&admission, "b").is_none() && take(&admission, "a").is_none());
        assert_eq!(admission.held().requests, 4);
        // A third app takes from either.
        let _third = take(&admission, "c").unwrap();
        assert_eq!(admission.held().requests, 4);
        drop((of_a, first, second));
        assert_eq!(admission.held().requests, 1, "a lost place is not given back twice");
    }

    #[test]
    fn an_app_with_a_limit_of_its_own_holds_no_more_even_alone() {
        let admission = Admission::new(4, 100);
        let take = || admission.take(&"a".into(), NonZeroU32::new(2), Instant::now());
        let (first, _second) = (take().unwrap(), take().unwrap());
        assert_eq!(take().unwrap_err(), NoPlace::AtItsLimit { limit: 2 });
        drop(first);
        assert!(take().is_ok());
    }

    #[test]
    fn bytes_are_taken_from_the_app_that_holds_most() {
        let admission = Admission::new(10, 100);
        let take = |app_id| take(&admission, app_id).unwrap();
        let [large, small] = [take("a"), take("a")];
        large.take_bytes(70).unwrap();
        small.take_bytes(30).unwrap();
        assert_eq!(small.take_bytes(1), Err(NoRoom), "an app does not give way to itself");
        let of_b = take("b");
        of_b.take_bytes(40).unwrap();
        assert!(is_lost(&large) && !is_lost(&small));
        assert_eq!(admission.held().bytes, 70);
        // B would hold more than A does.
        assert_eq!(of_b.take_bytes(31), Err(NoRoom));
        of_b.give_bytes(40);
        drop(small);
        assert_eq!(admission.held().bytes, 0);
        assert!(of_b.take_bytes(100).is_ok());
        // A picture that a worker has does not give way.
        of_b.set_in_work(true);
        assert_eq!(take("a").take_bytes(1), Err(NoRoom));
    }

    proptest::proptest! {
        /// In any order of calls no limit is exceeded, and everything is given back.
        #[test]
        fn limits_hold_and_nothing_is_lost(
            steps in proptest::collection::vec((0_usize..3, 0_usize..4, 0_usize..60), 1..200),
        ) {
            let admission = Admission::new(5, 100);
            let mut places: Vec<Arc<Place>> = Vec::new();
            for (app, step, number) in steps {
                let place = places.get(number % places.len().max(1)).cloned();
                match (step, place) {
                    (0, _) => places.extend(take(&admission, ["a", "b", "c"][app])),
                    (1, Some(place)) => drop(place.take_bytes(number)),
                    (2, Some(place)) => place.give_bytes(number),
                    (3, Some(_)) => drop(places.swap_remove(number % places.len())),
                    _ => {}
                }
                let held = admission.held();
                proptest::prop_assert!(held.requests <= 5 && held.bytes <= 100, "{held:?}");
            }
            places.clear();
            let Held { requests, bytes, .. } = admission.held();
            proptest::prop_assert_eq!((requests, bytes), (0, 0));
        }
    }
}

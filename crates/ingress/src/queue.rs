//! The queue in front of the workers: fair between apps, by the workers' time that each has used.
//!
//! Start-time fair queuing (Goyal, Vin and Cheng, 1996): the next picture is one of the app that
//! has used the least time. A picture counts with the time that it took; until that is known, with
//! the time of the app's pictures so far. An app that comes back after a pause begins at the time
//! of the app that is served: a pause is no credit.
//!
//! Pictures that their header calls costly wait in a line of their own. They occupy all workers but
//! one, at most, so that a usual picture never waits for costly ones alone.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// The time of an app's picture while none was measured.
const TYPICAL: Duration = Duration::from_millis(10);

/// The pause before it is asked again whether a costly picture has room. Nothing else tells when
/// bodies have left.
const ROOM_PAUSE: Duration = Duration::from_millis(20);

/// Waiting items of every app.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    /// The most costly items that are worked on at a time.
    max_costly: usize,
}

#[derive(Debug)]
struct State<T> {
    /// Apps with a waiting item, one that is worked on, or more time than others.
    lines: HashMap<Arc<str>, Line<T>>,
    /// The time of the app that was served last, as its item began.
    now: Duration,
    costly_at_work: usize,
    next_number: u64,
    is_closed: bool,
}

/// The items of one app.
#[derive(Debug)]
struct Line<T> {
    usual: VecDeque<(u64, T)>,
    costly: VecDeque<(u64, T)>,
    at_work: usize,
    used: Duration,
    /// The mean time of an item, the latest counting most.
    typical: Duration,
}

/// An item that was taken from the queue. Hand it back to [`Queue::done`] or [`Queue::set_aside`].
#[derive(Debug)]
#[must_use = "its app is charged in `done`"]
pub(crate) struct Turn {
    app_id: Arc<str>,
    number: u64,
    pub is_costly: bool,
    /// What the app was charged in advance.
    charged: Duration,
}

/// The outcome of [`Queue::next`].
pub(crate) enum Next<T> {
    Item(Turn, T),
    /// Nothing came in time.
    Timeout,
    Closed,
}

impl<T> Queue<T> {
    /// A queue for `workers` threads.
    pub(crate) fn new(workers: usize) -> Self {
        let state = State {
            lines: HashMap::new(),
            now: Duration::ZERO,
            costly_at_work: 0,
            next_number: 0,
            is_closed: false,
        };
        let max_costly = workers.saturating_sub(1).max(1);
        Self { state: Mutex::new(state), changed: Condvar::new(), max_costly }
    }

    /// Adds an item. Its number serves to [`remove`](Self::remove) it.
    pub(crate) fn push(&self, app_id: &Arc<str>, item: T) -> u64 {
        let mut state = self.state.lock();
        let (now, number) = (state.now, state.next_number);
        state.next_number += 1;
        let line = state.lines.entry(Arc::clone(app_id)).or_insert_with(|| Line::new(now));
        if line.is_idle() {
            line.used = line.used.max(now);
        }
        line.usual.push_back((number, item));
        drop(state);
        self.changed.notify_one();
        number
    }

    /// Removes a waiting item, if it is still there.
    pub(crate) fn remove(&self, app_id: &str, number: u64) -> Option<T> {
        let mut state = self.state.lock();
        let line = state.lines.get_mut(app_id)?;
        let of = |items: &mut VecDeque<(u64, T)>| {
            let index = items.iter().position(|(it, _)| *it == number)?;
            items.remove(index)
        };
        let (_, item) = of(&mut line.usual).or_else(|| of(&mut line.costly))?;
        state.forget(app_id);
        Some(item)
    }

    /// The number of waiting items.
    pub(crate) fn len(&self) -> usize {
        let lines = &self.state.lock().lines;
        lines.values().map(|line| line.usual.len() + line.costly.len()).sum()
    }

    /// Waits for an item, for `patience` at most. A costly item is taken only if `has_room` says
    /// so; it is asked once for each item that is taken.
    pub(crate) fn next(&self, patience: Duration, has_room: impl Fn(&T) -> bool) -> Next<T> {
        let until = Instant::now() + patience;
        let mut state = self.state.lock();
        loop {
            if state.is_closed {
                return Next::Closed;
            }
            let mut waits_for_room = false;
            let may_be_costly = state.costly_at_work < self.max_costly;
            let chosen = state.choose(|item| {
                let has_room = may_be_costly && has_room(item);
                waits_for_room |= may_be_costly && !has_room;
                has_room
            });
            if let Some((turn, item)) = chosen {
                return Next::Item(turn, item);
            }
            let wake = if waits_for_room { until.min(Instant::now() + ROOM_PAUSE) } else { until };
            let is_over = self.changed.wait_until(&mut state, wake).timed_out();
            if is_over && Instant::now() >= until {
                return Next::Timeout;
            }
        }
    }

    /// Puts an item back that turned out to be costly, after the time that this took to see.
    pub(crate) fn set_aside(&self, turn: &Turn, item: T, took: Duration) {
        let mut state = self.state.lock();
        state.settle(turn, took);
        if let Some(line) = state.lines.get_mut(&turn.app_id) {
            line.costly.push_back((turn.number, item));
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Charges the app for the time that its item took.
    pub(crate) fn done(&self, turn: &Turn, took: Duration) {
        let mut state = self.state.lock();
        state.settle(turn, took);
        if let Some(line) = state.lines.get_mut(&turn.app_id) {
            line.typical = (line.typical * 3 + took) / 4;
        }
        if turn.is_costly {
            state.costly_at_work -= 1;
        }
        state.forget(&turn.app_id);
        drop(state);
        if turn.is_costly {
            self.changed.notify_one();
        }
    }

    /// Ends the waiting of every worker.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        // Their requests learn that there is no worker.
        state.lines.clear();
        drop(state);
        self.changed.notify_all();
    }
}

impl<T> Line<T> {
    fn new(used: Duration) -> Self {
        Self { usual: VecDeque::new(), costly: VecDeque::new(), at_work: 0, used, typical: TYPICAL }
    }

    fn is_idle(&self) -> bool {
        self.usual.is_empty() && self.costly.is_empty() && self.at_work == 0
    }
}

impl<T> State<T> {
    /// Takes the next item of the app that has used the least time. Of its costly items the first
    /// is taken where `takes_costly` says so, before its usual ones.
    fn choose(&mut self, mut takes_costly: impl FnMut(&T) -> bool) -> Option<(Turn, T)> {
        let mut lines: Vec<_> = self
            .lines
            .iter()
            .filter(|(_, line)| !line.usual.is_empty() || !line.costly.is_empty())
            .map(|(app_id, line)| (line.used, app_id))
            .collect();
        lines.sort_unstable();
        let (app_id, is_costly) = lines.into_iter().find_map(|(_, app_id)| {
            let line = &self.lines[app_id];
            let is_costly = line.costly.front().is_some_and(|(_, item)| takes_costly(item));
            (is_costly || !line.usual.is_empty()).then(|| (Arc::clone(app_id), is_costly))
        })?;
        let line = self.lines.get_mut(&app_id)?;
        let items = if is_costly { &mut line.costly } else { &mut line.usual };
        let (number, item) = items.pop_front()?;
        self.now = self.now.max(line.used);
        line.used += line.typical;
        line.at_work += 1;
        self.costly_at_work += usize::from(is_costly);
        let charged = line.typical;
        Some((Turn { app_id, number, is_costly, charged }, item))
    }

    /// Charges the time that an item really took.
    fn settle(&mut self, turn: &Turn, took: Duration) {
        if let Some(line) = self.lines.get_mut(&turn.app_id) {
            line.at_work -= 1;
            line.used = (line.used + took).saturating_sub(turn.charged);
        }
    }

    /// Drops the line of an app that has nothing here and would begin anew.
    fn forget(&mut self, app_id: &str) {
        if self.lines.values().all(Line::is_idle) {
            self.lines.clear();
            self.now = Duration::ZERO;
        } else if self.lines.get(app_id).is_some_and(|it| it.is_idle() && it.used <= self.now) {
            self.lines.remove(app_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn next<T>(queue: &Queue<T>, has_room: bool) -> Option<(Turn, T)> {
        match queue.next(Duration::ZERO, |_| has_room) {
            Next::Item(turn, item) => Some((turn, item)),
            Next::Timeout | Next::Closed => None,
        }
    }

    /// The items in the order in which one worker takes them, each with the time it takes.
    fn served(queue: &Queue<(&'static str, u32)>) -> Vec<&'static str> {
        let mut order = Vec::new();
        while let Some((turn, (name, ms))) = next(queue, true) {
            order.push(name);
            queue.done(&turn, ms * MS);
        }
        order
    }

    #[test]
    fn apps_share_the_time_and_not_the_number_of_pictures() {
        let queue = Queue::new(1);
        let [a, b]: [Arc<str>; 2] = ["a".into(), "b".into()];
        for _ in 0..20 {
            queue.push(&a, ("a", 30));
        }
        for _ in 0..20 {
            queue.push(&b, ("b", 10));
        }
        let order = served(&queue);
        // While both wait, B gets three pictures for each of A's.
        let of_a = order[..24].iter().filter(|name| **name == "a").count();
        assert!((5..=7).contains(&of_a), "{order:?}");
        assert_eq!(order.len(), 40);
    }

    #[test]
    fn an_app_that_comes_later_waits_for_one_picture_and_has_no_credit() {
        let queue = Queue::new(1);
        let [a, b]: [Arc<str>; 2] = ["a".into(), "b".into()];
        for _ in 0..100 {
            queue.push(&a, ("a", 10));
        }
        for _ in 0..50 {
            let (turn, _) = next(&queue, true).unwrap();
            queue.done(&turn, 10 * MS);
        }
        for _ in 0..10 {
            queue.push(&b, ("b", 10));
        }
        let order = served(&queue);
        assert!(order[..2].contains(&"b"), "{order:?}");
        let of_b = order[..10].iter().filter(|name| **name == "b").count();
        assert!((4..=6).contains(&of_b), "{order:?}");
    }

    #[test]
    fn costly_items_leave_a_worker_free_and_wait_for_room() {
        let queue = Queue::new(2);
        let a: Arc<str> = "a".into();
        for name in ["one", "two"] {
            queue.push(&a, name);
            let (turn, item) = next(&queue, false).unwrap();
            queue.set_aside(&turn, item, MS);
        }
        assert!(next(&queue, false).is_none(), "there is no room");
        let (first, item) = next(&queue, true).unwrap();
        assert_eq!((item, first.is_costly), ("one", true));
        assert!(next(&queue, true).is_none(), "one worker stays free");
        queue.push(&a, "usual");
        let (usual, item) = next(&queue, true).unwrap();
        assert_eq!((item, usual.is_costly), ("usual", false));
        queue.done(&first, MS);
        let (second, item) = next(&queue, true).unwrap();
        assert_eq!(item, "two");
        queue.done(&second, MS);
        queue.done(&usual, MS);
        assert!(queue.state.lock().lines.is_empty(), "an app that left is forgotten");
    }

    #[test]
    fn an_item_whose_request_left_is_not_taken() {
        let queue = Queue::new(1);
        let number = queue.push(&"a".into(), "left");
        queue.push(&"a".into(), "stays");
        assert_eq!(queue.remove("a", number), Some("left"));
        assert_eq!((queue.remove("a", number), queue.len()), (None, 1));
        assert_eq!(next(&queue, true).map(|(_, item)| item), Some("stays"));
        queue.close();
        assert!(matches!(queue.next(MS, |_| true), Next::Closed));
    }
}

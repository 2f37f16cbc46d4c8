//! The places for connections of one listener.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The places for connections of one listener. When all are taken, the connection that has been
/// silent for the longest time gives way to a new one: first of those that never had valid
/// credentials.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    state: Arc<Mutex<State>>,
    freed: Arc<Notify>,
    pub max: usize,
}

#[derive(Debug, Default)]
struct State {
    count: usize,
    next_number: u64,
    silent: BTreeMap<Silence, Arc<Notify>>,
    /// The connection that was asked to give way, until it has gone or stays.
    asked: Option<u64>,
}

impl State {
    fn ask_one_to_go(&mut self) {
        if self.asked.is_none()
            && let Some((silence, gives_way)) = self.silent.pop_first()
        {
            self.asked = Some(silence.number);
            gives_way.notify_one();
        }
    }

    /// Notes that a connection has gone, or stays.
    fn settle(&mut self, number: u64) {
        self.asked = self.asked.filter(|asked| *asked != number);
    }
}

/// A connection without a request, ordered by who gives way first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Silence {
    is_known: bool,
    since: Instant,
    number: u64,
}

/// One connection's place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    connections: Connections,
    number: u64,
    gives_way: Arc<Notify>,
    own: Mutex<Own>,
}

#[derive(Debug)]
struct Own {
    is_known: bool,
    silence: Option<Silence>,
}

impl Connections {
    pub(crate) fn new(max: usize) -> Self {
        Self { state: Arc::default(), freed: Arc::default(), max }
    }

    /// Waits for a place: at most until a silent connection has given way, if there is one.
    pub(crate) async fn take(&self) -> Arc<Connection> {
        loop {
            if let Some(connection) = self.try_take() {
                return connection;
            }
            self.state.lock().ask_one_to_go();
            self.freed.notified().await;
        }
    }

    fn try_take(&self) -> Option<Arc<Connection>> {
        let mut state = self.state.lock();
        let is_free = state.count < self.max;
        is_free.then(|| self.enter(&mut state))
    }

    /// A place beyond the limit, for a caller that was let in before the listener was closed.
    pub(crate) fn take_beyond(&self) -> Arc<Connection> {
        self.enter(&mut self.state.lock())
    }

    fn enter(&self, state: &mut State) -> Arc<Connection> {
        state.count += 1;
        let number = state.next_number;
        state.next_number += 1;
        let (gives_way, since) = (Arc::<Notify>::default(), Instant::now());
        let silence = Silence { is_known: false, since, number };
        state.silent.insert(silence, Arc::clone(&gives_way));
        let own = Mutex::new(Own { is_known: false, silence: Some(silence) });
        Arc::new(Connection { connections: self.clone(), number, gives_way, own })
    }

    /// The number of places taken.
    pub(crate) fn count(&self) -> usize {
        self.state.lock().count
    }
}

impl Connection {
    /// Notes that no request is under way from now on.
    pub(crate) fn turn_silent(&self) {
        let mut own = self.own.lock();
        let silence =
            Silence { is_known: own.is_known, since: Instant::now(), number: self.number };
        own.silence = Some(silence);
        let mut state = self.connections.state.lock();
        state.silent.insert(silence, Arc::clone(&self.gives_way));
        if state.count >= self.connections.max {
            // A new one may wait for a connection that can give way.
            self.connections.freed.notify_one();
        }
    }

    /// Notes that a request is under way.
    pub(crate) fn turn_busy(&self) {
        if let Some(silence) = self.own.lock().silence.take() {
            self.connections.state.lock().silent.remove(&silence);
        }
    }

    /// Notes that a request had valid credentials.
    pub(crate) fn turn_known(&self) {
        self.own.lock().is_known = true;
    }

    /// Returns when this connection must give way. If a request has begun meanwhile, it need not:
    /// call [`stay`](Self::stay).
    pub(crate) async fn gives_way(&self) {
        self.gives_way.notified().await;
    }

    /// Lets another connection give way.
    pub(crate) fn stay(&self) {
        self.connections.state.lock().settle(self.number);
        self.connections.freed.notify_one();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.turn_busy();
        let mut state = self.connections.state.lock();
        state.count -= 1;
        state.settle(self.number);
        drop(state);
        self.connections.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn must_go(connection: &Connection) -> bool {
        connection.gives_way().now_or_never().is_some()
    }

    #[tokio::test]
    async fn the_longest_silent_connection_gives_way_and_a_busy_one_does_not() {
        let connections = Connections::new(3);
        let [busy, known, silent] =
            [connections.take().await, connections.take().await, connections.take().await];
        busy.turn_busy();
        known.turn_busy();
        known.turn_known();
        known.turn_silent();
        assert!(connections.take().now_or_never().is_none());
        // The known one is older.
        assert!(must_go(&silent) && !must_go(&known) && !must_go(&busy));
        drop(silent);
        let new = connections.take().now_or_never().expect("a place was freed");
        // A connection with a request stays, and the next one goes.
        let mut taking = Box::pin(connections.take());
        assert!(taking.as_mut().now_or_never().is_none());
        assert!(must_go(&new));
        new.turn_busy();
        new.stay();
        assert!(taking.as_mut().now_or_never().is_none());
        assert!(must_go(&known));
        drop(known);
        assert!(taking.now_or_never().is_some());
        assert_eq!(connections.count(), 2);
    }
}

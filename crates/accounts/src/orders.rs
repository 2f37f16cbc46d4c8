//! The queue of orders to the thread that owns the store.
//!
//! Only an order whose outcome is awaited wakes the thread. All others wait for the next such
//! order, or for the thread's next look.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crossbeam_channel::Sender;
use time::{Date, OffsetDateTime};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::key::KeyDigest;
use crate::store::{Entry, LimitReached};

/// An order to the thread.
#[derive(Debug)]
pub(crate) enum Order {
    /// Hold quota for a request.
    Hold { entry: Entry, key: KeyDigest, outcome: OutcomeSender },
    /// Record the use of a key whose request is not held.
    Used { app_id: Arc<str>, key: KeyDigest, at: OffsetDateTime },
    /// End a request, and count it if `is_counted`.
    End { app_id: Arc<str>, hold: Option<Uuid>, day: Date, is_counted: bool },
    /// Settle everything and end. The thread drops the sender when it has.
    Close(Sender<()>),
}

/// Sends the store's decision on an entry, or `None` while the store is away.
pub(crate) type OutcomeSender = oneshot::Sender<Option<Result<(), LimitReached>>>;

impl Order {
    fn is_awaited(&self) -> bool {
        matches!(self, Self::Hold { .. } | Self::Close(_))
    }
}

/// The thread has ended, so that nothing carries out an order.
#[derive(Debug, thiserror::Error)]
#[error("the thread for accounts has ended")]
pub(crate) struct Ended;

/// The callers' end of the queue.
#[derive(Debug, Clone)]
pub(crate) struct Orders(Arc<Shared>);

/// The thread's end of the queue. Dropping it closes the queue and drops what is in it.
#[derive(Debug)]
pub(crate) struct Received(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    is_awaited: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    orders: VecDeque<Order>,
    /// True while an order may be in the queue whose outcome is awaited, or one that the last round
    /// left over.
    is_awaited: bool,
    /// True while the thread sleeps. A wake-up is a call to the system, also where none sleeps.
    is_asleep: bool,
    is_closed: bool,
}

/// Both ends of a new queue.
pub(crate) fn queue() -> (Orders, Received) {
    let shared = Arc::new(Shared::default());
    (Orders(Arc::clone(&shared)), Received(shared))
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Orders {
    /// Appends an order.
    ///
    /// # Errors
    /// If the thread has ended.
    pub(crate) fn send(&self, order: Order) -> Result<(), Ended> {
        let mut queue = self.0.lock();
        if queue.is_closed {
            return Err(Ended);
        }
        queue.is_awaited |= order.is_awaited();
        queue.orders.push_back(order);
        let wakes = queue.is_awaited && std::mem::take(&mut queue.is_asleep);
        drop(queue);
        if wakes {
            self.0.is_awaited.notify_one();
        }
        Ok(())
    }

    /// The number of orders that wait.
    pub(crate) fn len(&self) -> usize {
        self.0.lock().orders.len()
    }
}

impl Received {
    /// The next orders, `most` at most. Waits for one whose outcome is awaited, but not past
    /// `deadline`.
    pub(crate) fn next(&self, deadline: Instant, most: usize) -> Vec<Order> {
        let mut queue = self.0.lock();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if queue.is_awaited || left.is_zero() {
                break;
            }
            queue.is_asleep = true;
            let woken = self.0.is_awaited.wait_timeout(queue, left);
            (queue, _) = woken.unwrap_or_else(PoisonError::into_inner);
            queue.is_asleep = false;
        }
        let count = queue.orders.len().min(most);
        let orders = queue.orders.drain(..count).collect();
        // What is left must not wait for another look.
        queue.is_awaited = !queue.orders.is_empty();
        orders
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.is_closed = true;
        let orders = std::mem::take(&mut queue.orders);
        drop(queue);
        // Outside the lock: a dropped order tells its receiver.
        drop(orders);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    fn end() -> Order {
        let day = OffsetDateTime::now_utc().date();
        Order::End { app_id: "an app".into(), hold: None, day, is_counted: true }
    }

    fn close() -> Order {
        Order::Close(crossbeam_channel::bounded(0).0)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(20)
    }

    fn late() -> Instant {
        Instant::now() + Duration::from_hours(1)
    }

    #[test]
    fn an_order_that_is_awaited_wakes_the_thread_and_brings_all_before_it() {
        let (orders, received) = queue();
        let thread = thread::spawn(move || received.next(late(), 10).len());
        for order in [end(), end(), close()] {
            orders.send(order).unwrap();
        }
        assert_eq!(thread.join().unwrap(), 3);
    }

    #[test]
    fn other_orders_come_at_the_deadline() {
        let (orders, received) = queue();
        orders.send(end()).unwrap();
        let deadline = soon();
        assert_eq!(received.next(deadline, 10).len(), 1);
        assert!(Instant::now() >= deadline);
    }

    #[test]
    fn what_is_left_of_a_long_queue_does_not_wait() {
        let (orders, received) = queue();
        for _ in 0..3 {
            orders.send(close()).unwrap();
        }
        assert_eq!(received.next(late(), 2).len(), 2);
        assert_eq!(received.next(late(), 2).len(), 1);
        assert!(received.next(soon(), 2).is_empty());
        for _ in 0..3 {
            orders.send(end()).unwrap();
        }
        assert_eq!(received.next(soon(), 2).len(), 2);
        assert_eq!(received.next(late(), 2).len(), 1);
    }

    #[test]
    fn a_closed_queue_drops_its_orders_and_takes_no_more() {
        let (orders, received) = queue();
        let (done, is_done) = crossbeam_channel::bounded::<()>(0);
        orders.send(Order::Close(done)).unwrap();
        drop(received);
        assert!(is_done.recv().is_err());
        assert!(orders.send(end()).is_err());
    }
}

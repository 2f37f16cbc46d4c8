//! Polling a future again that wakes itself.
//!
//! hyper wakes its own task for each piece of a body. The task would then go to the end of the
//! queue for each piece, behind hundreds of other connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// The most polls before other tasks have their turn: a piece has up to 64 KiB.
const MAX_POLLS: usize = 16;

/// Polls one future.
#[derive(Default)]
pub(crate) struct Eager(Arc<Own>);

#[derive(Default)]
struct Own {
    state: AtomicU8,
    task: AtomicWaker,
}

/// The future is not polled now: its task is to be woken.
const IDLE: u8 = 0;
/// The future is polled now, and was not woken meanwhile.
const POLLED: u8 = 1;
/// The future was woken while it was polled.
const WOKEN: u8 = 2;

impl Eager {
    /// Polls until the future is ready or waits for something else.
    pub(crate) fn poll<T>(
        &self,
        context: &mut Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let Self(own) = self;
        own.task.register(context.waker());
        let waker = Waker::from(Arc::clone(own));
        let mut own_context = Context::from_waker(&waker);
        for _ in 0..MAX_POLLS {
            own.state.store(POLLED, Ordering::SeqCst);
            let polled = poll(&mut own_context);
            let is_woken = own.state.swap(IDLE, Ordering::SeqCst) == WOKEN;
            if polled.is_ready() || !is_woken {
                return polled;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Wake for Own {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let (seen, next) = (Ordering::SeqCst, Ordering::SeqCst);
        if self.state.compare_exchange(POLLED, WOKEN, seen, next) == Err(IDLE) {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_future_that_wakes_itself_is_polled_again_and_does_not_keep_others_waiting() {
        let counted = Arc::new(Counted::default());
        let task = Waker::from(Arc::clone(&counted));
        let wakes = || counted.0.load(Ordering::SeqCst);
        let eager = Eager::default();
        let run = |pieces: usize| {
            let (mut polls, mut kept) = (0, None);
            let polled = eager.poll(&mut Context::from_waker(&task), |context| {
                polls += 1;
                kept = Some(context.waker().clone());
                if polls <= pieces {
                    context.waker().wake_by_ref();
                }
                Poll::<()>::Pending
            });
            (polled, polls, kept.unwrap())
        };
        let (polled, polls, kept) = run(3);
        assert_eq!((polled, polls, wakes()), (Poll::Pending, 4, 0));
        // What wakes it later wakes its task.
        kept.wake();
        assert_eq!(wakes(), 1);
        let (polled, polls, _) = run(usize::MAX);
        assert_eq!((polled, polls, wakes()), (Poll::Pending, MAX_POLLS, 2));
        let ready = eager.poll(&mut Context::from_waker(&task), |_| Poll::Ready(7));
        assert_eq!((ready, wakes()), (Poll::Ready(7), 2));
    }
}

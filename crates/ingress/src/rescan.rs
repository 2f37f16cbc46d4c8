//! A bound on the bytes that the multipart parser scans repeatedly.
//!
//! With each new chunk the parser searches the end of a part's head from the head's beginning. An
//! endless head, sent in small pieces, would keep a processor busy. A part's content is scanned
//! once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use axum::body::{BodyDataStream, Bytes};
use futures_util::stream::{Stream, StreamExt, poll_fn};

/// The bytes scanned since the last part, counted by the form's reader and by the stream below it.
#[derive(Clone, Default)]
pub(crate) struct Rescan(Arc<Mutex<Rescanned>>);

#[derive(Default)]
struct Rescanned {
    /// Bytes received since the last part's end.
    received: usize,
    /// Bytes scanned repeatedly.
    repeated: usize,
    has_waited: bool,
}

/// About 10 ms of work. A head of 1 KiB that arrives byte by byte costs 0.5 MiB.
const MAX_RESCANNED_BYTES: usize = 64 << 20;

/// A part's head exceeds [`MAX_RESCANNED_BYTES`].
#[derive(Debug, thiserror::Error)]
#[error("the head of a part does not end")]
pub(crate) struct EndlessHead;

impl Rescan {
    fn lock(&self) -> MutexGuard<'_, Rescanned> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts counting anew, after a part's head or a piece of its content.
    pub(crate) fn begin_anew(&self) {
        *self.lock() = Rescanned::default();
    }

    /// The chunks of `body`; an error once too many bytes would be scanned repeatedly.
    pub(crate) fn watch(
        &self,
        mut body: BodyDataStream,
    ) -> impl Stream<Item = Result<Bytes, axum::Error>> + use<> {
        let rescan = self.clone();
        poll_fn(move |context| {
            let poll = body.poll_next_unpin(context);
            let mut rescanned = rescan.lock();
            match &poll {
                Poll::Pending => rescanned.has_waited = true,
                Poll::Ready(Some(Ok(chunk))) => {
                    if std::mem::take(&mut rescanned.has_waited) {
                        rescanned.repeated += rescanned.received;
                    }
                    rescanned.received += chunk.len();
                }
                Poll::Ready(_) => {}
            }
            if rescanned.repeated > MAX_RESCANNED_BYTES {
                return Poll::Ready(Some(Err(axum::Error::new(EndlessHead))));
            }
            poll
        })
    }
}

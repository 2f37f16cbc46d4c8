//! A bound on what the multipart parser looks at again.
//!
//! It looks for the end of a part's head from the beginning of what it has, each time that more comes. A head without
//! an end, sent in small pieces, would keep a processor busy. Bytes of a part itself are handed on as they come, and
//! never looked at twice.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use axum::body::{BodyDataStream, Bytes};
use futures_util::stream::{Stream, StreamExt, poll_fn};

/// What has come since the last part, for the reader of a form and for the stream below it.
#[derive(Clone, Default)]
pub(crate) struct Rescan(Arc<Mutex<Rescanned>>);

#[derive(Default)]
struct Rescanned {
    /// Come since the last part's end.
    came: usize,
    /// Looked at again.
    again: usize,
    has_waited: bool,
}

/// Some ten milliseconds' work. A head that comes byte by byte, and is a kilobyte long, is half a megabyte of it.
const MAX_RESCANNED_BYTES: usize = 64 << 20;

/// A part's head does not end.
#[derive(Debug, thiserror::Error)]
#[error("the head of a part does not end")]
pub(crate) struct EndlessHead;

impl Rescan {
    fn lock(&self) -> MutexGuard<'_, Rescanned> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A part's head, or a piece of a part, has been read.
    pub(crate) fn begin_anew(&self) {
        *self.lock() = Rescanned::default();
    }

    /// `body`, until too much of it would be looked at again.
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
                        rescanned.again += rescanned.came;
                    }
                    rescanned.came += chunk.len();
                }
                Poll::Ready(_) => {}
            }
            if rescanned.again > MAX_RESCANNED_BYTES {
                return Poll::Ready(Some(Err(axum::Error::new(EndlessHead))));
            }
            poll
        })
    }
}

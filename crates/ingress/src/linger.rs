//! Draining the body of a refused request.
//!
//! Many callers read the response only after they have sent the whole body. If the service closed
//! the connection early, the network would reset it, and such a caller would never see the refusal.
//! So the service reads the rest of the body, up to a bound, and drops it.
//!
//! For up to [`MAX_TIME_BEFORE_ANSWER`] it drains before it responds, so that the connection can be
//! used again: a proxy that got an early response would close the connection in the middle of the
//! next request. After that time it responds while it drains.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Version, header};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::stream::{StreamExt, poll_fn};
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};
use tokio::task::yield_now;

/// The most bytes drained of a body.
const MAX_BYTES: usize = 64 << 20;
/// The bytes that are drained in a turn: most selfies.
const TURN_BYTES: usize = 256 << 10;
/// The longest time for which a body is drained.
const MAX_TIME: Duration = Duration::from_secs(5);

/// The part of that time before the response: a selfie arrives within it on a good line.
const MAX_TIME_BEFORE_ANSWER: Duration = Duration::from_millis(500);

/// The drains of a listener: those of callers with valid credentials, and those of callers without.
#[derive(Clone)]
pub(crate) struct Drains {
    known: Arc<Kind>,
    unknown: Arc<Kind>,
}

impl Drains {
    /// Of so many connections, callers with credentials may have half drained at a time, and those
    /// without a sixteenth.
    pub(crate) fn new(max_connections: usize) -> Self {
        let kind = |most: usize| {
            let turns = Semaphore::new(Kind::MAX_TURNS);
            Arc::new(Kind { places: Mutex::default(), most: most.max(1), turns })
        };
        Self { known: kind(max_connections / 2), unknown: kind(max_connections / 16) }
    }
}

/// The drains of one kind of callers.
struct Kind {
    /// From the oldest. For one more than `most`, the oldest ends, and its connection is closed.
    places: Mutex<VecDeque<Arc<Notify>>>,
    most: usize,
    turns: Semaphore,
}

impl Kind {
    /// The drains that read before every other task of the thread has had its turn.
    const MAX_TURNS: usize = 16;

    fn begin(self: &Arc<Self>) -> Drain {
        let ends = Arc::<Notify>::default();
        let mut places = self.places.lock();
        if places.len() >= self.most
            && let Some(oldest) = places.pop_front()
        {
            oldest.notify_one();
        }
        places.push_back(Arc::clone(&ends));
        Drain { kind: Arc::clone(self), ends }
    }
}

/// A place among the drains, until it is dropped.
struct Drain {
    kind: Arc<Kind>,
    ends: Arc<Notify>,
}

impl Drop for Drain {
    fn drop(&mut self) {
        self.kind.places.lock().retain(|place| !Arc::ptr_eq(place, &self.ends));
    }
}

/// Marks a response to a caller with valid credentials.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ToKnownCaller;

/// The time for which a ready response waited for the rest of the body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadOn(pub Duration);

type Chunk = Option<Result<Bytes, axum::Error>>;

/// The body, shared by the handler and the drain after it.
#[derive(Clone)]
struct Shared(Arc<Mutex<Reading>>);

struct Reading {
    body: BodyDataStream,
    /// True once a reader polled the body. hyper then sends `100 Continue` to a caller who expects
    /// it.
    is_begun: bool,
}

impl Shared {
    fn new(body: Body) -> Self {
        let body = body.into_data_stream();
        Self(Arc::new(Mutex::new(Reading { body, is_begun: false })))
    }

    fn poll_chunk(&self, context: &mut Context<'_>) -> Poll<Chunk> {
        let mut reading = self.0.lock();
        reading.is_begun = true;
        reading.body.poll_next_unpin(context)
    }

    /// Drops the rest of the body. True if its end was reached.
    ///
    /// Every [`TURN_BYTES`] of it take a turn, which lasts until the thread's other tasks have had
    /// theirs. Otherwise hundreds of refused callers who ask again at once would make every other
    /// caller wait for all of them.
    async fn drain(self, turns: &Semaphore) -> bool {
        let mut chunks = poll_fn(move |context| self.poll_chunk(context));
        // The first piece came with the head.
        let (mut bytes, mut next_turn_at) = (0, 1);
        loop {
            if bytes >= next_turn_at {
                let Ok(_turn) = turns.acquire().await else { return false };
                yield_now().await;
                next_turn_at = bytes + TURN_BYTES;
            }
            match chunks.next().await {
                None => return true,
                Some(Ok(chunk)) => bytes += chunk.len(),
                Some(Err(_)) => return false,
            }
            if bytes > MAX_BYTES {
                return false;
            }
        }
    }
}

/// Drains the request's body if the response is an error.
pub(crate) async fn linger(State(drains): State<Drains>, request: Request, next: Next) -> Response {
    let expects_continue = request.headers().contains_key(header::EXPECT);
    let version = request.version();
    let (head, body) = request.into_parts();
    let shared = Shared::new(body);
    let for_handler = shared.clone();
    let chunks = poll_fn(move |context| for_handler.poll_chunk(context));
    let mut response = next.run(Request::from_parts(head, Body::from_stream(chunks))).await;
    if !(response.status().is_client_error() || response.status().is_server_error()) {
        return response;
    }
    let waits_for_continue = expects_continue && !shared.0.lock().is_begun;
    let is_known = response.extensions().get::<ToKnownCaller>().is_some();
    let kind = if is_known { drains.known } else { drains.unknown };
    let is_at_end = !waits_for_continue && drain(shared, kind.begin(), &mut response).await;
    // After an unread rest the next request on the connection could not be found. HTTP/2 ends only
    // the stream.
    if !is_at_end && version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Drains before the response, and goes on beside it if that takes longer. True if the body ended
/// before the response.
async fn drain(shared: Shared, place: Drain, response: &mut Response) -> bool {
    let began = Instant::now();
    let (kind, ends) = (Arc::clone(&place.kind), Arc::clone(&place.ends));
    let mut draining = Box::pin(tokio::time::timeout(MAX_TIME, async move {
        tokio::select! {
            is_at_end = shared.drain(&kind.turns) => is_at_end,
            () = ends.notified() => false,
        }
    }));
    let outcome = tokio::time::timeout(MAX_TIME_BEFORE_ANSWER, &mut draining).await;
    response.extensions_mut().insert(ReadOn(began.elapsed()));
    if outcome.is_err() {
        tokio::spawn(async move {
            // The response is out, so a time-out needs no action.
            let _ = draining.await;
            drop(place);
        });
    }
    matches!(outcome, Ok(Ok(true)))
}

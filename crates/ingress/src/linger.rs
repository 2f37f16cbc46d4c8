//! Letting a caller finish the sentence.
//!
//! An answer given before the body was read would be lost on many callers: the server closes, the
//! network resets the connection under the caller who is still sending, and the answer waiting there
//! is thrown away. So what is left of the body is read on and dropped, up to a bound. Nothing of it is
//! kept.
//!
//! For a moment that comes before the answer: a caller who has said everything can use the connection
//! again, and a proxy that answers early itself would close it in the middle of the next request. After
//! that moment the answer goes out while the rest is read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, Version, header};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::stream::{StreamExt, poll_fn};
use tokio::sync::{Semaphore, SemaphorePermit};

/// How much is read on for nothing.
const MAX_BYTES: usize = 64 << 20;
/// And for how long.
const MAX_TIME: Duration = Duration::from_secs(5);

/// How much of that comes before the answer: as long as a selfie takes on a good line.
const MAX_TIME_BEFORE_ANSWER: Duration = Duration::from_millis(500);

/// How many callers are read on for at a time; the connection of one more is closed as it is.
static LINGERERS: Semaphore = Semaphore::const_new(64);

/// How long an answer that was ready waited for the rest of the body. No part of the work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadOn(pub Duration);

type Chunk = Option<Result<Bytes, axum::Error>>;

/// The body, for the handler first and for whoever reads on after it.
#[derive(Clone)]
struct Shared(Arc<Mutex<Reading>>);

struct Reading {
    body: BodyDataStream,
    /// Whether it was asked for at all: a caller who waits to be told so has been told.
    is_begun: bool,
}

impl Shared {
    fn new(body: Body) -> Self {
        let body = body.into_data_stream();
        Self(Arc::new(Mutex::new(Reading { body, is_begun: false })))
    }

    fn lock(&self) -> MutexGuard<'_, Reading> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_chunk(&self, context: &mut Context<'_>) -> Poll<Chunk> {
        let mut reading = self.lock();
        reading.is_begun = true;
        reading.body.poll_next_unpin(context)
    }

    /// Whether the end was reached.
    async fn read_on(self) -> bool {
        let mut chunks = poll_fn(move |context| self.poll_chunk(context));
        let mut bytes = 0;
        while let Some(chunk) = chunks.next().await {
            let Ok(chunk) = chunk else { return false };
            bytes += chunk.len();
            if bytes > MAX_BYTES {
                return false;
            }
        }
        true
    }
}

/// Reads on around the answer, if that is a refusal.
pub(crate) async fn linger(request: Request, next: Next) -> Response {
    let expects_to_be_told = request.headers().contains_key(header::EXPECT);
    let version = request.version();
    let (head, body) = request.into_parts();
    let shared = Shared::new(body);
    let for_handler = shared.clone();
    let chunks = poll_fn(move |context| for_handler.poll_chunk(context));
    let mut response = next.run(Request::from_parts(head, Body::from_stream(chunks))).await;
    if !(response.status().is_client_error() || response.status().is_server_error()) {
        return response;
    }
    let waits_to_be_told = expects_to_be_told && !shared.lock().is_begun;
    let place = if waits_to_be_told { None } else { LINGERERS.try_acquire().ok() };
    let is_at_end = match place {
        Some(place) => read_on(shared, place, &mut response).await,
        None => false,
    };
    // Where something is left unread, what comes next on the connection cannot be told from it; HTTP/2
    // ends the stream alone.
    if !is_at_end && version < Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Reads on before the answer, and while it goes out if that takes longer. Whether the end was reached
/// before it.
async fn read_on(shared: Shared, place: SemaphorePermit<'static>, response: &mut Response) -> bool {
    let began = Instant::now();
    let mut reading = Box::pin(tokio::time::timeout(MAX_TIME, shared.read_on()));
    let outcome = tokio::time::timeout(MAX_TIME_BEFORE_ANSWER, &mut reading).await;
    response.extensions_mut().insert(ReadOn(began.elapsed()));
    if outcome.is_err() {
        tokio::spawn(async move {
            // At the time's end there is nothing left to say.
            let _ = reading.await;
            drop(place);
        });
    }
    matches!(outcome, Ok(Ok(true)))
}

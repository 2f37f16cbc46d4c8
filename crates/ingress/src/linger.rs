//! Letting a caller finish the sentence.
//!
//! An answer given before the body was read would be lost on many callers: the server closes, the
//! network resets the connection under the caller who is still sending, and the answer waiting there
//! is thrown away. So what is left of the body is read on and dropped, up to a bound, while the
//! answer is already on its way. Nothing of it is kept.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::stream::{StreamExt, poll_fn};
use tokio::sync::Semaphore;

/// How much is read on for nothing.
const MAX_BYTES: usize = 64 << 20;
/// And for how long.
const MAX_TIME: Duration = Duration::from_secs(5);

/// How many callers are read on for at a time; the connection of one more is closed as it is.
static LINGERERS: Semaphore = Semaphore::const_new(64);

type Chunk = Option<Result<Bytes, axum::Error>>;

/// The body, for the handler first and for whoever reads on after it.
#[derive(Clone)]
struct Shared(Arc<Mutex<BodyDataStream>>);

impl Shared {
    fn poll_chunk(&self, context: &mut Context<'_>) -> Poll<Chunk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).poll_next_unpin(context)
    }

    async fn read_on(self) {
        let mut chunks = poll_fn(move |context| self.poll_chunk(context));
        let mut bytes = 0;
        while let Some(Ok(chunk)) = chunks.next().await {
            bytes += chunk.len();
            if bytes > MAX_BYTES {
                break;
            }
        }
    }
}

/// Reads on after the answer. Not for a caller who waits to be told before sending.
pub(crate) async fn linger(request: Request, next: Next) -> Response {
    if request.headers().contains_key(header::EXPECT) {
        return next.run(request).await;
    }
    let (head, body) = request.into_parts();
    let shared = Shared(Arc::new(Mutex::new(body.into_data_stream())));
    let for_handler = shared.clone();
    let chunks = poll_fn(move |context| for_handler.poll_chunk(context));
    let response = next.run(Request::from_parts(head, Body::from_stream(chunks))).await;
    let is_refusal = response.status().is_client_error() || response.status().is_server_error();
    if let Some(place) = is_refusal.then(|| LINGERERS.try_acquire().ok()).flatten() {
        tokio::spawn(async move {
            // At the time's end there is nothing left to say.
            let _ = tokio::time::timeout(MAX_TIME, shared.read_on()).await;
            drop(place);
        });
    }
    response
}

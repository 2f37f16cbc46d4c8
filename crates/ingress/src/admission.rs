//! Bounds on the requests, and on the bytes of bodies, that are held at a time.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::StreamExt;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::arrival::Arrival;
use crate::life::{Life, Stage};
use crate::problem::Problem;

/// The bytes that one permit stands for: a semaphore gives at most `u32::MAX` permits at once.
const BYTES_PER_PERMIT: usize = 1 << 10;

/// Permits for requests and for the bytes of their bodies.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    requests: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    max_requests: usize,
    max_byte_permits: usize,
    /// A longer body is refused and holds no bytes.
    max_body_bytes: usize,
    life: Life,
}

/// The bytes of a body exceed the permits left. Bodies without an announced length end so.
#[derive(Debug, thiserror::Error)]
#[error("the bodies under way take all the room there is")]
pub(crate) struct NoRoom;

/// The requests and bytes held now, and their limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    pub requests: usize,
    pub max_requests: usize,
    pub bytes: usize,
    pub max_bytes: usize,
}

impl Admission {
    pub(crate) fn new(
        max_requests: usize,
        max_bytes: usize,
        max_body_bytes: usize,
        life: Life,
    ) -> Self {
        let max_byte_permits = max_bytes.div_ceil(BYTES_PER_PERMIT).min(Semaphore::MAX_PERMITS);
        Self {
            requests: Arc::new(Semaphore::new(max_requests)),
            bytes: Arc::new(Semaphore::new(max_byte_permits)),
            max_requests,
            max_byte_permits,
            max_body_bytes,
            life,
        }
    }

    pub(crate) fn held(&self) -> Held {
        let byte_permits = self.max_byte_permits - self.bytes.available_permits();
        Held {
            requests: self.max_requests - self.requests.available_permits(),
            max_requests: self.max_requests,
            bytes: byte_permits * BYTES_PER_PERMIT,
            max_bytes: self.max_byte_permits * BYTES_PER_PERMIT,
        }
    }

    /// Room for a body of the announced length, if there is. A body over the limit gets no bytes:
    /// `body.rs` refuses it unread.
    fn room(&self, headers: &HeaderMap) -> Option<Room> {
        let length = announced_length(headers).unwrap_or(0);
        let length = if length > self.max_body_bytes as u64 { 0 } else { length as usize };
        let permit = Arc::clone(&self.bytes).try_acquire_many_owned(0).ok()?;
        let mut room = Room { permit, left: 0 };
        room.make_for(length).then_some(room)
    }
}

/// The length of the body as its `Content-Length` says, bytes.
pub(crate) fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The permits that a body holds.
struct Room {
    permit: OwnedSemaphorePermit,
    /// Bytes with a permit that have not arrived.
    left: usize,
}

impl Room {
    /// Takes permits for `length` more bytes; false if too few are left.
    fn make_for(&mut self, length: usize) -> bool {
        let missing = length.saturating_sub(self.left).div_ceil(BYTES_PER_PERMIT);
        let Ok(count) = u32::try_from(missing) else { return false };
        let bytes = Arc::clone(self.permit.semaphore());
        let Ok(permit) = bytes.try_acquire_many_owned(count) else { return false };
        self.permit.merge(permit);
        self.left += missing * BYTES_PER_PERMIT;
        true
    }
}

/// Holds permits until the response is ready, or refuses the request with its body unread.
pub(crate) async fn admit_request(
    State(admission): State<Admission>,
    Extension(arrival): Extension<Arrival>,
    request: Request,
    next: Next,
) -> Response {
    if admission.life.stage() == Stage::Refusing {
        return Problem::ShuttingDown.respond(arrival);
    }
    let Ok(_permit) = admission.requests.try_acquire() else {
        return Problem::Overloaded.respond(arrival);
    };
    let Some(room) = admission.room(request.headers()) else {
        return Problem::Overloaded.respond(arrival);
    };
    let room = Arc::new(Mutex::new(room));
    let filled = Arc::clone(&room);
    let (head, body) = request.into_parts();
    let chunks = body.into_data_stream().map(move |chunk| {
        let chunk: Bytes = chunk?;
        let mut room = filled.lock();
        if !room.make_for(chunk.len()) {
            return Err(axum::Error::new(NoRoom));
        }
        room.left -= chunk.len();
        drop(room);
        Ok(chunk)
    });
    let response = next.run(Request::from_parts(head, Body::from_stream(chunks))).await;
    // The handler held the picture until here.
    drop(room);
    response
}

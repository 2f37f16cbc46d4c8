//! Bounds on the requests and on the bytes of bodies held at a time, kept before anything else happens.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::envelope::Arrival;
use crate::life::{Life, Stage};
use crate::problem::Problem;

/// The bytes that one permit for bytes stands for: a semaphore gives no more than `u32::MAX` at a time.
const BYTES_PER_PERMIT: usize = 1 << 10;

/// Permits for requests and for the bytes of their bodies, and whether any more are given.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    requests: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    max_requests: usize,
    max_byte_permits: usize,
    /// More than this is refused without being held.
    max_body_bytes: usize,
    life: Life,
}

/// There is no room for what comes of a body whose length was not announced.
#[derive(Debug, thiserror::Error)]
#[error("the bodies under way take all the room there is")]
pub(crate) struct NoRoom;

/// What is held now, and what can be.
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

    /// Room for a body of the announced length, or none yet. One that is too long for any room is refused
    /// where bodies are read, with none of it kept.
    fn room(&self, headers: &HeaderMap) -> Option<Room> {
        let length = announced_length(headers).unwrap_or(0);
        let length = if length > self.max_body_bytes as u64 { 0 } else { length as usize };
        let mut room = Room { bytes: Arc::clone(&self.bytes), permit: None, left: 0 };
        room.make_for(length).then_some(room)
    }
}

/// The length that a body's head gives.
pub(crate) fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Room that a body holds.
struct Room {
    bytes: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
    /// Bytes that are paid for and have not come.
    left: usize,
}

impl Room {
    /// Makes room for `length` more bytes, if there is.
    fn make_for(&mut self, length: usize) -> bool {
        let missing = length.saturating_sub(self.left).div_ceil(BYTES_PER_PERMIT);
        let Ok(count) = u32::try_from(missing) else { return false };
        let Ok(permit) = Arc::clone(&self.bytes).try_acquire_many_owned(count) else {
            return false;
        };
        match &mut self.permit {
            Some(held) => held.merge(permit),
            None => self.permit = Some(permit),
        }
        self.left += missing * BYTES_PER_PERMIT;
        true
    }

    /// Uses room for `length` bytes that have come.
    fn fill(&mut self, length: usize) -> Result<(), NoRoom> {
        if !self.make_for(length) {
            return Err(NoRoom);
        }
        self.left -= length;
        Ok(())
    }
}

/// Holds permits for as long as the request is being answered, or refuses it with its body unread.
pub(crate) async fn admit(
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
        let mut room = filled.lock().unwrap_or_else(PoisonError::into_inner);
        room.fill(chunk.len()).map_err(axum::Error::new)?;
        Ok::<_, axum::Error>(chunk)
    });
    let response = next.run(Request::from_parts(head, Body::from_stream(chunks))).await;
    // The picture was held until here.
    drop(room);
    response
}

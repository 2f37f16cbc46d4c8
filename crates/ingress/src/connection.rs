//! One connection, from its handshake to its end.
//!
//! hyper speaks HTTP on it; this file adds the time-outs. A request under way has its own deadline.
//! Between requests a connection is kept for `idle_timeout_ms`. A request's head has
//! `header_timeout_ms` to arrive, counted from its first byte, or from the connection's beginning.
//! (hyper's own timer for heads also runs between requests, and would close every kept connection.)

use std::convert::Infallible;
use std::error::Error;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Version, header};
use axum::response::Response;
use futures_util::future::poll_fn;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until};
use tokio_util::io::InspectReader;
use tower::ServiceExt;

use crate::connections::Connection;
use crate::eager::Eager;
use crate::life::{Life, Stage};
use crate::metrics::Closed;

/// The longest head, and the longest piece of a body: 1024 connections that send heads take 64 MiB.
const MAX_BUFFER_BYTES: usize = 64 << 10;
/// The most requests at a time on an HTTP/2 connection.
const MAX_STREAMS: u32 = 64;
/// The most unread bytes on an HTTP/2 stream.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;
/// The most unread bytes on an HTTP/2 connection.
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;

/// The time for which a silent connection is kept after the service is closed: a request may be on
/// its way.
pub(crate) const LAST_WORDS: Duration = Duration::from_secs(2);

/// The time-outs of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Timeouts {
    pub header: Duration,
    pub idle: Duration,
}

/// Answers the requests of one connection. Each request has the connection's place among its
/// extensions.
///
/// # Errors
/// If a time-out ended the connection, it gave way to another one, or hyper refused a head.
pub(crate) async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    place: Arc<Connection>,
    router: Router,
    timeouts: Timeouts,
    life: Life,
) -> Result<(), Closed> {
    let pulse = Pulse::new(timeouts, Arc::clone(&place));
    let heard = pulse.clone();
    let stream = InspectReader::new(stream, move |bytes: &[u8]| {
        if !bytes.is_empty() {
            heard.0.lock().heard(bytes[0]);
        }
    });
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(Arc::clone(&place));
        let (router, life) = (router.clone(), life.clone());
        let version = request.version();
        let under_way = pulse.begin(version);
        async move {
            let Ok(mut response): Result<Response, Infallible> =
                router.oneshot(request.map(Body::new)).await;
            if life.stage() != Stage::Serving && version < Version::HTTP_2 {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            drop(under_way);
            Ok::<_, Infallible>(response)
        }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().max_buf_size(MAX_BUFFER_BYTES);
    builder
        .http2()
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_header_list_size(MAX_BUFFER_BYTES as u32);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut leaving = pin!(life.clone().reaches(Stage::Leaving));
    let mut closed = pin!(life.clone().reaches(Stage::Closed));
    let mut refusing = pin!(life.clone().reaches(Stage::Refusing));
    let mut gives_way = pin!(place.gives_way());
    let eager = Eager::default();
    let (mut is_leaving, mut is_closed, mut is_refusing) = (false, false, false);
    let mut is_shutting_down = false;
    let mut timeout = pin!(sleep_until(pulse.0.lock().ends_at()));
    poll_fn(|context| {
        if let Poll::Ready(ended) = eager.poll(context, |context| connection.as_mut().poll(context))
        {
            let first_byte = pulse.0.lock().first_byte;
            let refused = ended.err().and_then(|error| refused(&*error, first_byte));
            return Poll::Ready(refused.map_or(Ok(()), Err));
        }
        is_leaving = is_leaving || leaving.as_mut().poll(context).is_ready();
        if !is_closed && closed.as_mut().poll(context).is_ready() {
            is_closed = true;
            pulse.0.lock().closed_at = Some(Instant::now());
        }
        is_refusing = is_refusing || is_closed && refusing.as_mut().poll(context).is_ready();
        if is_leaving && !is_shutting_down && pulse.0.lock().can_shut_down(is_refusing) {
            is_shutting_down = true;
            connection.as_mut().graceful_shutdown();
            // The connection may be able to end now: poll it again.
            context.waker().wake_by_ref();
        }
        while gives_way.as_mut().poll(context).is_ready() {
            if pulse.0.lock().is_silent() {
                return Poll::Ready(Err(Closed::Displaced));
            }
            place.stay();
            gives_way.set(place.gives_way());
        }
        let ends_at = pulse.0.lock().ends_at();
        if timeout.deadline() != ends_at {
            timeout.as_mut().reset(ends_at);
        }
        timeout.as_mut().poll(context).map(|()| Err(pulse.0.lock().timeout()))
    })
    .await
}

/// The reason for which hyper has refused a head with 400, 414 or 431. None for another error: then
/// the caller is gone. No route has seen the request.
fn refused(error: &(dyn Error + 'static), first_byte: Option<u8>) -> Option<Closed> {
    /// The first byte of a TLS record with a handshake (RFC 8446, section 5.1).
    const TLS_HANDSHAKE: u8 = 22;
    let error = error.downcast_ref::<hyper::Error>().filter(|error| error.is_parse())?;
    Some(if error.is_parse_too_large() {
        Closed::HeadTooLarge
    } else if first_byte == Some(TLS_HANDSHAKE) {
        Closed::TlsOnPlainPort
    } else {
        Closed::MalformedHead
    })
}

/// The state of a connection, from which its time-outs follow.
#[derive(Clone)]
struct Pulse(Arc<Mutex<Beat>>);

struct Beat {
    timeouts: Timeouts,
    place: Arc<Connection>,
    phase: Phase,
    /// When the phase began.
    since: Instant,
    /// The first byte that arrived.
    first_byte: Option<u8>,
    /// True after the first request.
    has_asked: bool,
    is_http2: bool,
    /// When the service was closed.
    closed_at: Option<Instant>,
}

#[derive(Clone, Copy)]
enum Phase {
    /// A head is arriving, or the first one is awaited.
    Head { until: Instant },
    /// Between requests.
    Idle { until: Instant },
    /// `count` requests are being answered.
    Busy { count: usize },
}

/// Longer than any request.
const NEVER: Duration = Duration::from_hours(24);

impl Pulse {
    fn new(timeouts: Timeouts, place: Arc<Connection>) -> Self {
        let since = Instant::now();
        let phase = Phase::Head { until: since + timeouts.header };
        let (has_asked, is_http2, closed_at) = (false, false, None);
        let first_byte = None;
        let beat =
            Beat { timeouts, place, phase, since, first_byte, has_asked, is_http2, closed_at };
        Self(Arc::new(Mutex::new(beat)))
    }

    /// Notes a request, which is under way until the guard is dropped.
    fn begin(&self, version: Version) -> UnderWay {
        let mut beat = self.0.lock();
        let count = if let Phase::Busy { count } = beat.phase { count } else { 0 };
        if count == 0 {
            beat.place.turn_busy();
        }
        beat.turn_to(Phase::Busy { count: count + 1 });
        beat.has_asked = true;
        beat.is_http2 = version >= Version::HTTP_2;
        UnderWay(self.clone())
    }
}

impl Beat {
    /// Notes that bytes arrived, which begin with `byte`.
    fn heard(&mut self, byte: u8) {
        self.first_byte.get_or_insert(byte);
        // On HTTP/2 bytes between requests need not be a head.
        if matches!(self.phase, Phase::Idle { .. }) && !self.is_http2 {
            self.turn_to(Phase::Head { until: Instant::now() + self.timeouts.header });
        }
    }

    fn turn_to(&mut self, phase: Phase) {
        (self.phase, self.since) = (phase, Instant::now());
    }

    /// True while no request is under way.
    fn is_silent(&self) -> bool {
        !matches!(self.phase, Phase::Busy { .. })
    }

    /// True once hyper can shut the connection down. On HTTP/2 that only stops new requests, and is
    /// due as soon as the service leaves. On HTTP/1 it closes a connection without a request under
    /// way, so a head that is arriving is awaited.
    fn can_shut_down(&self, is_refusing: bool) -> bool {
        let is_within_a_head = matches!(self.phase, Phase::Head { .. });
        self.has_asked && (self.is_http2 || is_refusing && !is_within_a_head)
    }

    fn ends_at(&self) -> Instant {
        match self.phase {
            Phase::Head { until } | Phase::Idle { until } => match self.closed_at {
                None => until,
                // A silent connection gets no more than `LAST_WORDS`, however long its time-out
                // was.
                Some(closed_at) => until.min(self.since.max(closed_at) + LAST_WORDS),
            },
            // The same for the whole phase, so that the timer is not set again at each poll.
            Phase::Busy { .. } => self.since + NEVER,
        }
    }

    /// The time-out of the present phase.
    fn timeout(&self) -> Closed {
        match self.phase {
            Phase::Head { .. } => Closed::HeaderTimeout,
            Phase::Idle { .. } | Phase::Busy { .. } => Closed::IdleTimeout,
        }
    }
}

/// Marks a request as under way until it is dropped.
struct UnderWay(Pulse);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut beat = self.0.0.lock();
        if let Phase::Busy { count } = beat.phase {
            if count > 1 {
                beat.turn_to(Phase::Busy { count: count - 1 });
            } else {
                let until = Instant::now() + beat.timeouts.idle;
                beat.turn_to(Phase::Idle { until });
                beat.place.turn_silent();
            }
        }
    }
}

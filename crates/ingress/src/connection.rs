//! One connection, from its handshake to its end.
//!
//! hyper answers on it; here is how long it may say nothing. A request under way has its own deadline. Between
//! requests a connection is kept for `idle_timeout_ms`, and from the first byte of a head, or from the beginning of
//! the connection, all of that head has `header_timeout_ms` to come. (hyper's own timer for heads runs between
//! requests too, and would close every connection that is kept.)

use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
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
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep_until};
use tower::ServiceExt;

use crate::life::{Life, Stage};
use crate::listener::Connections;
use crate::metrics::Closed;

/// Most bytes of a head, and of a body in one piece: 1024 connections that send heads take 64 MiB.
const MAX_BUFFER_BYTES: usize = 64 << 10;
/// Most requests at a time on an HTTP/2 connection.
const MAX_STREAMS: u32 = 64;
/// How much may come on a stream, and on a connection, before somebody reads it (HTTP/2).
const STREAM_WINDOW_BYTES: u32 = 256 << 10;
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;

/// How long a connection on which nothing is asked is still listened to when the service is closed: a request may be on
/// its way.
pub(crate) const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long a connection is kept between requests while most places for connections are taken.
const CROWDED_IDLE: Duration = Duration::from_secs(2);

/// How long a connection may say nothing.
#[derive(Debug, Clone)]
pub(crate) struct Timeouts {
    pub header: Duration,
    pub idle: Duration,
    /// Between requests there is less time where there are few places left.
    pub connections: Connections,
}

impl Timeouts {
    fn idle(&self) -> Duration {
        if self.connections.is_crowded() { self.idle.min(CROWDED_IDLE) } else { self.idle }
    }
}

/// Answers the requests of one connection, until it ends or says nothing for too long.
pub(crate) async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    timeouts: Timeouts,
    life: Life,
) -> Result<(), Closed> {
    let pulse = Pulse::new(timeouts);
    let watched = Watched { stream, pulse: pulse.clone() };
    let service = service_fn(|request: Request<Incoming>| {
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
    let mut connection = pin!(builder.serve_connection(TokioIo::new(watched), service));
    let mut leaving = pin!(life.clone().reaches(Stage::Leaving));
    let mut closed = pin!(life.clone().reaches(Stage::Closed));
    let mut refusing = pin!(life.clone().reaches(Stage::Refusing));
    let (mut is_leaving, mut is_closed, mut is_refusing) = (false, false, false);
    let mut is_told = false;
    let mut patience = pin!(sleep_until(pulse.lock().ends_at()));
    poll_fn(|context| {
        // What went wrong on the way is the caller's business, who is gone.
        if connection.as_mut().poll(context).is_ready() {
            return Poll::Ready(Ok(()));
        }
        is_leaving = is_leaving || leaving.as_mut().poll(context).is_ready();
        if !is_closed && closed.as_mut().poll(context).is_ready() {
            is_closed = true;
            pulse.lock().closed_at = Some(Instant::now());
        }
        is_refusing = is_refusing || is_closed && refusing.as_mut().poll(context).is_ready();
        if is_leaving && !is_told && pulse.lock().can_be_told(is_refusing) {
            is_told = true;
            connection.as_mut().graceful_shutdown();
            // It may end at once.
            context.waker().wake_by_ref();
        }
        let ends_at = pulse.lock().ends_at();
        if patience.deadline() != ends_at {
            patience.as_mut().reset(ends_at);
        }
        patience.as_mut().poll(context).map(|()| Err(pulse.lock().why()))
    })
    .await
}

/// What a connection is doing, for whoever loses patience with it.
#[derive(Clone)]
struct Pulse(Arc<Mutex<Beat>>);

struct Beat {
    timeouts: Timeouts,
    phase: Phase,
    /// Since when.
    since: Instant,
    /// Whether there was a request at all.
    has_asked: bool,
    is_http2: bool,
    /// When the service was closed.
    closed_at: Option<Instant>,
}

#[derive(Clone, Copy)]
enum Phase {
    /// A head is coming, or must.
    Head { until: Instant },
    /// Nothing is.
    Idle { until: Instant },
    /// So many requests are being answered.
    Busy { count: usize },
}

/// Far enough away to be never.
const NEVER: Duration = Duration::from_hours(24);

impl Pulse {
    fn new(timeouts: Timeouts) -> Self {
        let since = Instant::now();
        let phase = Phase::Head { until: since + timeouts.header };
        let (has_asked, is_http2, closed_at) = (false, false, None);
        let beat = Beat { timeouts, phase, since, has_asked, is_http2, closed_at };
        Self(Arc::new(Mutex::new(beat)))
    }

    fn lock(&self) -> MutexGuard<'_, Beat> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request has come; it is under way until what this gives is dropped.
    fn begin(&self, version: Version) -> UnderWay {
        let mut beat = self.lock();
        let count = if let Phase::Busy { count } = beat.phase { count } else { 0 };
        beat.turn_to(Phase::Busy { count: count + 1 });
        beat.has_asked = true;
        beat.is_http2 = version >= Version::HTTP_2;
        UnderWay(self.clone())
    }
}

impl Beat {
    /// Bytes have come.
    fn heard(&mut self) {
        // On HTTP/2 they may be no head.
        if matches!(self.phase, Phase::Idle { .. }) && !self.is_http2 {
            self.turn_to(Phase::Head { until: Instant::now() + self.timeouts.header });
        }
    }

    fn turn_to(&mut self, phase: Phase) {
        (self.phase, self.since) = (phase, Instant::now());
    }

    /// Whether hyper can be told that this is the last of it. On HTTP/2 that only keeps new requests from coming, and
    /// is told as soon as the service leaves. On HTTP/1 it ends a connection that has nothing under way: a head that
    /// has begun to come is waited for.
    fn can_be_told(&self, is_refusing: bool) -> bool {
        let is_within_a_head = matches!(self.phase, Phase::Head { .. });
        self.has_asked && (self.is_http2 || is_refusing && !is_within_a_head)
    }

    fn ends_at(&self) -> Instant {
        match self.phase {
            Phase::Head { until } | Phase::Idle { until } => match self.closed_at {
                None => until,
                // Who says nothing now has nothing more to say, whatever was expected before.
                Some(closed_at) => until.min(self.since.max(closed_at) + LAST_WORDS),
            },
            Phase::Busy { .. } => Instant::now() + NEVER,
        }
    }

    fn why(&self) -> Closed {
        match self.phase {
            Phase::Head { .. } => Closed::HeaderTimeout,
            Phase::Idle { .. } | Phase::Busy { .. } => Closed::IdleTimeout,
        }
    }
}

/// A request under way.
struct UnderWay(Pulse);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut beat = self.0.lock();
        if let Phase::Busy { count } = beat.phase {
            let idle = beat.timeouts.idle();
            beat.turn_to(match count {
                0 | 1 => Phase::Idle { until: Instant::now() + idle },
                _ => Phase::Busy { count: count - 1 },
            });
        }
    }
}

/// A stream that is heard when bytes come.
struct Watched<S> {
    stream: S,
    pulse: Pulse,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.pulse.lock().heard();
        }
        poll
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

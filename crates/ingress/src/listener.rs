//! Accepting connections, no more than can be held, until the service is closed.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::FutureExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::connection::{self, LAST_WORDS, Timeouts};
use crate::life::{Life, Stage};
use crate::metrics::{Closed, Metrics};
use crate::tls::Certificates;

/// How long nothing is accepted after the system could not: as a rule it has no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// One address that is listened on.
#[derive(Debug)]
pub(crate) struct Listener {
    pub tcp: TcpListener,
    pub certificates: Option<Arc<Certificates>>,
    pub timeouts: Timeouts,
}

/// How many connections are held, and can be.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    permits: Arc<Semaphore>,
    pub max: usize,
}

impl Connections {
    pub(crate) fn new(max: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(max)), max }
    }

    /// Whether fewer than a fifth of the places are left.
    pub(crate) fn is_crowded(&self) -> bool {
        self.permits.available_permits() * 5 < self.max
    }

    /// How many are held.
    pub(crate) fn count(&self) -> usize {
        self.max - self.permits.available_permits()
    }
}

impl Listener {
    /// Answers with `router` until the service is closed and the last connection has ended. Whoever drops this
    /// cuts all that are left.
    pub(crate) async fn answer(self, router: Router, life: Life, metrics: Arc<Metrics>) {
        let Self { tcp, certificates, timeouts } = self;
        let mut answering = JoinSet::new();
        let connection = |stream| {
            let certificates = certificates.clone();
            let (timeouts, router) = (timeouts.clone(), router.clone());
            let answered = answer(stream, certificates, timeouts, router, life.clone());
            let metrics = Arc::clone(&metrics);
            async move {
                if let Err(closed) = answered.await {
                    tracing::debug!(reason = closed.as_str(), "a connection was closed");
                    metrics.count_closed(closed);
                }
            }
        };
        let mut is_closed = pin!(life.clone().reaches(Stage::Closed));
        loop {
            let accept = async {
                // One too many waits in the system's queue.
                let permit = Arc::clone(&timeouts.connections.permits).acquire_owned().await;
                (permit, tcp.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                biased;
                () = &mut is_closed => break,
                Some(_) = answering.join_next() => continue,
                accepted = accept => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let connection = connection(stream);
                    answering.spawn(async move {
                        connection.await;
                        drop(permit);
                    });
                }
                Err(error) if is_of_the_connection(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "connections cannot be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        for stream in waiting(tcp) {
            answering.spawn(connection(stream));
        }
        while answering.join_next().await.is_some() {}
    }
}

/// The connections that wait to be accepted: with the listener they would be cut. The listener is gone afterwards, so
/// that whoever connects is refused and can go elsewhere.
fn waiting(tcp: TcpListener) -> Vec<TcpStream> {
    // Asked of the system, as tokio does not know of a connection until it has been told.
    let Ok(tcp) = tcp.into_std() else { return Vec::new() };
    let mut streams = Vec::new();
    loop {
        match tcp.accept() {
            Ok((stream, _)) => {
                let stream =
                    stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
                streams.extend(stream.ok());
            }
            Err(error) if is_of_the_connection(&error) => {}
            Err(_) => return streams,
        }
    }
}

/// One connection, from its handshake to its end.
async fn answer(
    stream: TcpStream,
    certificates: Option<Arc<Certificates>>,
    timeouts: Timeouts,
    router: Router,
    life: Life,
) -> Result<(), Closed> {
    // An answer is one small piece: there is nothing to collect.
    let _ = stream.set_nodelay(true);
    match certificates.map(|certificates| certificates.acceptor()) {
        None => connection::answer(stream, router, timeouts, life).await,
        Some(acceptor) => {
            let closed = life.clone().reaches(Stage::Closed);
            let shaken = tokio::select! {
                shaken = timeout(timeouts.header, acceptor.accept(stream)) => shaken.ok(),
                () = closed.then(|()| tokio::time::sleep(LAST_WORDS)) => None,
            };
            match shaken {
                Some(Ok(stream)) => connection::answer(stream, router, timeouts, life).await,
                Some(Err(error)) => {
                    tracing::debug!(%error, "a TLS handshake failed");
                    Err(Closed::TlsHandshake)
                }
                None => Err(Closed::TlsHandshake),
            }
        }
    }
}

/// Whether it was one caller who went away, and not this side.
fn is_of_the_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

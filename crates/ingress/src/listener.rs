//! Accepts connections, up to a limit, until the service is closed.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::FutureExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::connection::{self, LAST_WORDS, Timeouts};
use crate::connections::{Connection, Connections};
use crate::life::{Life, Stage};
use crate::metrics::{Closed, Metrics};
use crate::tls::Certificates;

/// The pause after the system failed to accept. The usual cause is that no file descriptors are
/// left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// A bound address.
#[derive(Debug)]
pub(crate) struct Listener {
    pub tcp: TcpListener,
    pub certificates: Option<Arc<Certificates>>,
    pub connections: Connections,
    pub timeouts: Timeouts,
}

impl Listener {
    /// Answers with `router` until the service is closed and the last connection has ended.
    /// Dropping the future cuts the connections that are left.
    pub(crate) async fn answer(self, router: Router, life: Life, metrics: Arc<Metrics>) {
        let Self { tcp, certificates, connections, timeouts } = self;
        let mut answering = JoinSet::new();
        let connection = |stream, place| {
            let certificates = certificates.clone();
            let (timeouts, router) = (timeouts.clone(), router.clone());
            let answered = answer(stream, place, certificates, timeouts, router, life.clone());
            let metrics = Arc::clone(&metrics);
            async move {
                if let Err(closed) = answered.await {
                    tracing::debug!(reason = closed.as_ref(), "a connection was closed");
                    metrics.count_closed(closed);
                }
            }
        };
        let mut is_closed = pin!(life.clone().reaches(Stage::Closed));
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut is_closed => break,
                Some(_) = answering.join_next() => continue,
                accepted = tcp.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let place = tokio::select! {
                        place = connections.take() => place,
                        () = &mut is_closed => {
                            answering.spawn(connection(stream, connections.take_beyond()));
                            break;
                        }
                    };
                    answering.spawn(connection(stream, place));
                }
                Err(error) if is_of_the_connection(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "connections cannot be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        for stream in close(tcp) {
            answering.spawn(connection(stream, connections.take_beyond()));
        }
        while answering.join_next().await.is_some() {}
    }
}

/// Closes the listener, so that new callers are refused and can go elsewhere. Returns the
/// connections that waited to be accepted: closing would cut them.
fn close(tcp: TcpListener) -> Vec<TcpStream> {
    // The system is asked itself: tokio learns of a connection only later.
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
    place: Arc<Connection>,
    certificates: Option<Arc<Certificates>>,
    timeouts: Timeouts,
    router: Router,
    life: Life,
) -> Result<(), Closed> {
    // A response is one small write, so there is nothing to coalesce.
    let _ = stream.set_nodelay(true);
    match certificates.map(|certificates| certificates.acceptor()) {
        None => connection::answer(stream, place, router, timeouts, life).await,
        Some(acceptor) => {
            let closed = life.clone().reaches(Stage::Closed);
            let handshake = tokio::select! {
                ended = timeout(timeouts.header, acceptor.accept(stream)) => ended.ok(),
                () = closed.then(|()| tokio::time::sleep(LAST_WORDS)) => None,
                () = place.gives_way() => return Err(Closed::Displaced),
            };
            match handshake {
                Some(Ok(stream)) => connection::answer(stream, place, router, timeouts, life).await,
                Some(Err(error)) => {
                    tracing::debug!(%error, "a TLS handshake failed");
                    Err(Closed::TlsHandshake)
                }
                None => Err(Closed::TlsHandshake),
            }
        }
    }
}

/// True if the caller went away; false for a fault on this side.
fn is_of_the_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

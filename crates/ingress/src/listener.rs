//! Accepts connections, up to a limit, until the service is closed.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::FutureExt;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::connection::{self, LAST_WORDS, Timeouts};
use crate::connections::{Connection, Connections};
use crate::life::{Life, Stage};
use crate::metrics::{Closed, Metrics};
use crate::socket::{Socket, Stream, is_of_the_connection};
use crate::tls::Certificates;

/// The pause after the system failed to accept. The usual cause is that no file descriptors are
/// left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// A bound address.
#[derive(Debug)]
pub(crate) struct Listener {
    pub socket: Socket,
    pub certificates: Option<Arc<Certificates>>,
    pub connections: Connections,
    pub timeouts: Timeouts,
}

impl Listener {
    /// Answers with `router` until the service is closed and the last connection has ended.
    /// Dropping the future cuts the connections that are left.
    pub(crate) async fn answer(self, router: Router, life: Life, metrics: Arc<Metrics>) {
        let Self { socket, certificates, connections, timeouts } = self;
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
                accepted = socket.accept() => accepted,
            };
            match accepted {
                Ok(stream) => {
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
        for stream in socket.close() {
            answering.spawn(connection(stream, connections.take_beyond()));
        }
        while answering.join_next().await.is_some() {}
    }
}

/// One connection, from its handshake to its end.
async fn answer(
    stream: Stream,
    place: Arc<Connection>,
    certificates: Option<Arc<Certificates>>,
    timeouts: Timeouts,
    router: Router,
    life: Life,
) -> Result<(), Closed> {
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

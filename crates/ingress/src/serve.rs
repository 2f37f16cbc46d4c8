//! Binds the listeners, serves, and shuts down gracefully.

use std::iter;
use std::sync::Arc;
use std::time::Duration;

use accounts::Accounts;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::address::ListenAddress;
use crate::admin::{self, Gauges};
use crate::admission::Admission;
use crate::config::{AdminConfig, Config};
use crate::connection::Timeouts;
use crate::connections::Connections;
use crate::life::{self, Stage};
use crate::listener::Listener;
use crate::metrics::{ListenerName, Metrics};
use crate::router::{admin_router, router};
use crate::service::Service;
use crate::socket::{Handed, HandedSocket, Socket};
use crate::tls::{Certificates, TlsError};
use crate::version::Version;
use crate::workers::Workers;

/// The time for which open connections are still answered after the port is closed. Within it a
/// load balancer notices the closed port, and leaves its kept connections alone.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

/// The default of `max_bytes_in_flight`, where the caller of this crate set none.
const MAX_BYTES_IN_FLIGHT: usize = 256 << 20;

/// The service, bound to its addresses, before it serves.
#[derive(Debug)]
pub struct Ingress {
    main: Listener,
    admin: Option<Listener>,
    config: Config,
}

/// A signal to the running service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Shut down. The second one skips the delay for load balancers.
    End,
    /// Reload certificates.
    Reload,
}

/// The reason why the service cannot listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The address cannot be bound.
    #[error("{address} cannot be listened on")]
    Listen {
        /// The address.
        address: ListenAddress,
        /// The system's error.
        source: std::io::Error,
    },
    /// A socket that another process handed over cannot be listened on.
    #[error("the socket that was handed over cannot be listened on")]
    Handed(#[source] std::io::Error),
    /// A certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Ingress {
    /// Binds `address` and the admin listener's address, if it has one. Port 0 takes a free port. A
    /// socket in `handed` is listened on instead of its address.
    ///
    /// # Errors
    /// If an address cannot be bound, or a certificate cannot be used.
    pub async fn bind(
        address: &ListenAddress,
        config: Config,
        admin: &AdminConfig,
        handed: Handed,
    ) -> Result<Self, BindError> {
        let header = Duration::from_millis(config.header_timeout_ms);
        let idle = Duration::from_millis(config.idle_timeout_ms);
        let listener = |socket, max_connections, certificates| Listener {
            socket,
            certificates,
            connections: Connections::new(max_connections),
            timeouts: Timeouts { header, idle },
        };
        let certificates = Certificates::load(ListenerName::Main, &config.tls, None)?;
        let socket = match handed.main {
            Some(handed) => take_over(handed)?,
            None => bind(address).await?,
        };
        let main = listener(socket, config.max_connections, certificates);
        let authorities = admin.client_ca.as_deref();
        let certificates = Certificates::load(ListenerName::Admin, &admin.tls, authorities)?;
        let socket = match (handed.admin, &admin.listen) {
            (Some(handed), _) => Some(take_over(handed)?),
            (None, Some(address)) => Some(bind(address).await?),
            (None, None) => None,
        };
        let admin = socket.map(|socket| listener(socket, admin::MAX_CONNECTIONS, certificates));
        Ok(Self { main, admin, config })
    }

    /// The address of the main listener.
    ///
    /// # Errors
    /// If the system does not tell it.
    pub fn local_address(&self) -> std::io::Result<ListenAddress> {
        self.main.socket.address()
    }

    /// The address of the admin listener, if there is one.
    ///
    /// # Errors
    /// If the system does not tell it.
    pub fn admin_address(&self) -> std::io::Result<Option<ListenAddress>> {
        self.admin.as_ref().map(|admin| admin.socket.address()).transpose()
    }

    /// Answers requests until [`Signal::End`], or until `signals` is closed. Then it is not ready.
    /// After the configured delay, or a second signal, it refuses new requests and finishes those
    /// held. It ends after the configured grace at the latest. The admin listener ends last.
    pub async fn serve(
        self,
        workers: Workers,
        accounts: Arc<Accounts>,
        metrics: Arc<Metrics>,
        version: Version,
        mut signals: UnboundedReceiver<Signal>,
    ) {
        let Self { main, admin, config } = self;
        let delay = Duration::from_millis(config.shutdown_delay_ms);
        let grace = Duration::from_millis(config.shutdown_grace_ms);
        let (teller, life) = life::begin();
        let max_bytes = config.max_bytes_in_flight.unwrap_or(MAX_BYTES_IN_FLIGHT);
        let admission = Admission::new(config.max_in_flight, max_bytes);
        let service = Service {
            config: Arc::new(config),
            accounts,
            admission,
            workers: Arc::new(workers),
            life: life.clone(),
            metrics,
            recent: Arc::default(),
            version: Arc::new(version),
        };

        let (reload, asked) = watch::channel(());
        let mut beside = JoinSet::new();
        let mut certificates = Vec::new();
        for listener in iter::once(&main).chain(&admin) {
            if let Some(shown) = &listener.certificates {
                let (shown, asked) = (Arc::clone(shown), asked.clone());
                certificates.push(Arc::clone(&shown));
                let metrics = Arc::clone(&service.metrics);
                beside.spawn(async move { shown.follow(asked, &metrics).await });
            }
        }
        if let Some(admin) = admin {
            let gauges = Gauges {
                service: service.clone(),
                connections: main.connections.clone(),
                certificates,
            };
            let router = admin_router(service.clone(), gauges);
            let metrics = Arc::clone(&service.metrics);
            // A life of its own: the admin listener outlives the main one.
            let (teller, life) = life::begin();
            beside.spawn(async move {
                admin.answer(router, life, metrics).await;
                drop(teller);
            });
        }
        let end = async {
            next_end(&mut signals, &reload).await;
            tracing::info!(delay_ms = delay.as_millis(), "asked to end: not ready any more");
            teller.send_replace(Stage::Leaving);
            let _ = timeout(delay, next_end(&mut signals, &reload)).await;
            teller.send_replace(Stage::Closed);
            let on_its_way = ON_ITS_WAY.min(grace);
            tokio::time::sleep(on_its_way).await;
            teller.send_replace(Stage::Refusing);
            tokio::time::sleep(grace.saturating_sub(on_its_way)).await;
        };
        let metrics = Arc::clone(&service.metrics);
        // Spawned, so that the runtime's own threads accept: what another thread spawns or wakes
        // waits behind every connection that is ready.
        let mut answering = JoinSet::new();
        answering.spawn(main.answer(router(service), life, metrics));
        tokio::select! {
            answered = answering.join_next() => {
                if let Some(Err(error)) = answered && error.is_panic() {
                    // As if it had not been spawned: a bug must not look like an orderly end.
                    std::panic::resume_unwind(error.into_panic());
                }
                tracing::info!("every request that was held is answered");
            }
            () = end => {
                tracing::warn!(grace_ms = grace.as_millis(), "requests were still held at the end");
            }
        }
        answering.shutdown().await;
        beside.shutdown().await;
    }
}

fn take_over(handed: HandedSocket) -> Result<Socket, BindError> {
    Socket::take_over(handed).map_err(BindError::Handed)
}

async fn bind(address: &ListenAddress) -> Result<Socket, BindError> {
    let socket = Socket::bind(address).await;
    socket.map_err(|source| BindError::Listen { address: address.clone(), source })
}

/// Waits for [`Signal::End`], and passes reloads on.
async fn next_end(signals: &mut UnboundedReceiver<Signal>, reload: &watch::Sender<()>) {
    while let Some(Signal::Reload) = signals.recv().await {
        // Fails without certificates, where there is nothing to reload.
        let _ = reload.send(());
    }
}

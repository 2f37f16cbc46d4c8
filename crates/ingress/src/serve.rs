//! Listening, and stopping without dropping anyone.

use std::iter;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use accounts::Accounts;
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::admin::Gauges;
use crate::admission::Admission;
use crate::config::{AdminConfig, Config};
use crate::connection::Timeouts;
use crate::health::Health;
use crate::life::{self, Stage};
use crate::listener::{Connections, Listener};
use crate::metrics::{ListenerName, Metrics};
use crate::router::{Service, admin_router, router};
use crate::tls::{Certificates, TlsError};
use crate::version::Version;
use crate::workers::Workers;

/// Most connections to the admin listener: a few scrapers, probes and people.
const MAX_ADMIN_CONNECTIONS: usize = 64;

/// How long what is on its way is still answered when nobody can connect any more. By then a load balancer has met the
/// closed port, and leaves its kept connections alone.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

/// Bytes of bodies that may be held where nobody knows how much memory there is.
const MAX_BYTES_IN_FLIGHT: usize = 256 << 20;

/// The service, bound to its addresses and not yet answering.
#[derive(Debug)]
pub struct Ingress {
    main: Listener,
    admin: Option<Listener>,
    config: Config,
}

/// What a running service can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// To end; told again, to end without the delay for load balancers.
    End,
    /// To read certificates again.
    Reload,
}

/// Why the service cannot listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// An address cannot be bound.
    #[error("{address} cannot be listened on")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// A certificate cannot be shown.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Ingress {
    /// Binds `address`, and the admin listener's where it has one; port 0 takes any that is free.
    ///
    /// # Errors
    /// When an address cannot be bound, or a certificate not be used.
    pub async fn bind(
        address: SocketAddr,
        config: Config,
        admin: &AdminConfig,
    ) -> Result<Self, BindError> {
        let header = Duration::from_millis(config.header_timeout_ms);
        let idle = Duration::from_millis(config.idle_timeout_ms);
        let listen = async |address, max_connections, certificates| {
            let tcp = TcpListener::bind(address).await;
            let tcp = tcp.map_err(|source| BindError::Listen { address, source })?;
            let timeouts =
                Timeouts { header, idle, connections: Connections::new(max_connections) };
            Ok::<_, BindError>(Listener { tcp, certificates, timeouts })
        };
        let certificates = Certificates::load(ListenerName::Main, &config.tls, None)?;
        let main = listen(address, config.max_connections, certificates).await?;
        let admin = match admin.listen {
            None => None,
            Some(address) => {
                let authorities = admin.client_ca.as_deref();
                let certificates =
                    Certificates::load(ListenerName::Admin, &admin.tls, authorities)?;
                Some(listen(address, MAX_ADMIN_CONNECTIONS, certificates).await?)
            }
        };
        Ok(Self { main, admin, config })
    }

    /// The address that callers find.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_address(&self) -> std::io::Result<SocketAddr> {
        self.main.tcp.local_addr()
    }

    /// The address for those who run it, where there is one.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn admin_address(&self) -> std::io::Result<Option<SocketAddr>> {
        self.admin.as_ref().map(|admin| admin.tcp.local_addr()).transpose()
    }

    /// Answers requests until it is told to end, or nobody is left to tell. From then on it is not ready; after the
    /// configured delay, or when it is told again, new requests are refused and those held are finished; after the
    /// configured grace it ends anyway. The admin listener goes last.
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
        let max_requests = config.max_in_flight;
        let admission =
            Admission::new(max_requests, max_bytes, config.max_body_bytes, life.clone());
        let workers = Arc::new(workers);
        let health = Health::new(Arc::clone(&workers), Arc::clone(&accounts), life.clone());
        let (config, version) = (Arc::new(config), Arc::new(version));
        let recent = Arc::default();
        let service = Service { config, accounts, workers, health, metrics, recent, version };

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
                admission: admission.clone(),
                connections: main.timeouts.connections.clone(),
                certificates,
            };
            let (router, metrics) =
                (admin_router(service.clone(), gauges), service.metrics.clone());
            // It goes on until all else has ended.
            let (teller, life) = life::begin();
            beside.spawn(async move {
                admin.answer(router, life, metrics).await;
                drop(teller);
            });
        }
        let end = async {
            next_end(&mut signals, &reload).await;
            tracing::info!(delay_ms = delay.as_millis(), "asked to end: not ready any more");
            teller.tell(Stage::Leaving);
            let _ = timeout(delay, next_end(&mut signals, &reload)).await;
            teller.tell(Stage::Closed);
            let on_its_way = ON_ITS_WAY.min(grace);
            tokio::time::sleep(on_its_way).await;
            teller.tell(Stage::Refusing);
            tokio::time::sleep(grace.saturating_sub(on_its_way)).await;
        };
        let metrics = Arc::clone(&service.metrics);
        tokio::select! {
            () = main.answer(router(service, admission), life, metrics) => {
                tracing::info!("every request that was held is answered");
            }
            () = end => {
                tracing::warn!(grace_ms = grace.as_millis(), "requests were still held at the end");
            }
        }
        beside.shutdown().await;
    }
}

/// Comes back when the service is told to end, and passes on what else it is told.
async fn next_end(signals: &mut UnboundedReceiver<Signal>, reload: &watch::Sender<()>) {
    while let Some(Signal::Reload) = signals.recv().await {
        // Without certificates nobody listens.
        let _ = reload.send(());
    }
}

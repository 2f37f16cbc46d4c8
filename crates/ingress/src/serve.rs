//! Listening, and stopping without dropping anyone.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use accounts::Accounts;
use tokio::net::TcpListener;

use crate::admission::Admission;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::router::{Service, router};
use crate::workers::Workers;

/// The service, bound to its address and not yet answering.
#[derive(Debug)]
pub struct Ingress {
    listener: TcpListener,
    config: Config,
}

impl Ingress {
    /// Binds `address`; port 0 takes any that is free.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(address: SocketAddr, config: Config) -> std::io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await?, config })
    }

    /// The address that callers find.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers requests until `shutdown` comes. From then on new ones are refused, those held are
    /// finished, and after the configured grace it ends anyway.
    ///
    /// # Errors
    /// When listening fails.
    pub async fn serve(
        self,
        workers: Workers,
        accounts: Arc<Accounts>,
        metrics: Arc<Metrics>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let grace = Duration::from_millis(self.config.shutdown_grace_ms);
        let admission = Admission::new(self.config.max_in_flight);
        let (config, workers) = (Arc::new(self.config), Arc::new(workers));
        let service = Service { config, accounts, workers, metrics };
        let (stopping, mut stopped) = tokio::sync::watch::channel(());
        let closing = admission.clone();
        let signal = async move {
            shutdown.await;
            closing.close();
            drop(stopping);
        };
        let serving =
            axum::serve(self.listener, router(service, admission)).with_graceful_shutdown(signal);
        tokio::select! {
            ended = async { serving.await } => ended,
            () = async { stopped.changed().await.ok(); tokio::time::sleep(grace).await; } => {
                tracing::warn!(grace_ms = grace.as_millis(), "requests were still held at the end");
                Ok(())
            }
        }
    }
}

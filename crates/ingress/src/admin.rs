//! `/metrics`, with gauges that are read when a scraper asks.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use crate::admission::Held;
use crate::connections::Connections;
use crate::health::not_ready;
use crate::metrics::{Metrics, WORKER_STATES};
use crate::service::Service;
use crate::tls::Certificates;
use crate::vitals::Vitals;

/// The most connections to the admin listener: for a few scrapers, probes and people.
pub(crate) const MAX_CONNECTIONS: usize = 64;

/// The sources of the gauges.
#[derive(Clone)]
pub(crate) struct Gauges {
    pub service: Service,
    pub connections: Connections,
    pub certificates: Vec<Arc<Certificates>>,
}

/// Handles `GET /metrics`.
pub(crate) async fn metrics(State(gauges): State<Arc<Gauges>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, Metrics::CONTENT_TYPE)], gauges.read())
}

impl Gauges {
    /// All metrics, with the gauges set to their values now.
    fn read(&self) -> String {
        let Self { service, connections, certificates } = self;
        let metrics = &service.metrics;
        let Held { requests, max_requests, bytes, max_bytes } = service.admission.held();
        let vitals: Vec<_> = service.workers.vitals().collect();
        for (gauge, value) in [
            (&metrics.requests_in_flight, requests),
            (&metrics.requests_limit, max_requests),
            (&metrics.body_bytes_in_flight, bytes),
            (&metrics.body_bytes_limit, max_bytes),
            (&metrics.connections, connections.count()),
            (&metrics.connections_limit, connections.max),
            (&metrics.queue_depth, service.workers.queue_len()),
        ] {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        }
        for state in WORKER_STATES {
            let is_in = |vitals: &&Vitals| vitals.activity.state() == Some(state);
            let count = vitals.iter().filter(is_in).count();
            metrics.workers.with_label_values(&[state]).set(count as i64);
        }
        for (worker, vitals) in vitals.iter().enumerate() {
            let since_1970 = vitals.inferred.1.duration_since(UNIX_EPOCH).unwrap_or_default();
            metrics.set_last_inference(worker, since_1970.as_secs_f64());
        }
        metrics.set_worker_panics(service.workers.panics());
        metrics.ready.set(not_ready(service).is_empty().into());
        for shown in certificates {
            metrics.set_tls_not_after(shown.listener, shown.not_after().unix_timestamp() as f64);
        }
        metrics.render(service.accounts.health())
    }
}

//! What only those who run the service are told: metrics, with the gauges read when somebody asks.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use crate::admission::{Admission, Held};
use crate::listener::Connections;
use crate::metrics::Metrics;
use crate::router::Service;
use crate::tls::Certificates;
use crate::vitals::{Activity, Vitals};

/// Where the gauges are read.
#[derive(Clone)]
pub(crate) struct Gauges {
    pub service: Service,
    pub admission: Admission,
    pub connections: Connections,
    pub certificates: Vec<Arc<Certificates>>,
}

/// `/metrics`
pub(crate) async fn metrics(State(gauges): State<Arc<Gauges>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, Metrics::CONTENT_TYPE)], gauges.read())
}

impl Gauges {
    /// The page, as of now.
    fn read(&self) -> String {
        let Self { service, admission, connections, certificates } = self;
        let metrics = &service.metrics;
        let Held { requests, max_requests, bytes, max_bytes } = admission.held();
        for (gauge, value) in [
            (&metrics.in_flight.requests, requests),
            (&metrics.in_flight.requests_limit, max_requests),
            (&metrics.in_flight.body_bytes, bytes),
            (&metrics.in_flight.body_bytes_limit, max_bytes),
            (&metrics.connections, connections.count()),
            (&metrics.connections_limit, connections.max),
            // Not those that were given up.
            (&metrics.queue_depth, service.workers.queue_len().min(requests)),
        ] {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        }
        let vitals: Vec<_> = service.workers.vitals().collect();
        for (gauge, activity) in [
            (&metrics.workers.idle, Activity::Idle),
            (&metrics.workers.busy, Activity::Busy),
            (&metrics.workers.rebuilding, Activity::Rebuilding),
        ] {
            // One that tries in vain tries.
            let is_it = |vitals: &&Vitals| match vitals.activity {
                Activity::Lost => activity == Activity::Rebuilding,
                its => its == activity,
            };
            gauge.set(vitals.iter().filter(is_it).count() as i64);
        }
        for (worker, vitals) in vitals.iter().enumerate() {
            let since_1970 = vitals.inferred_at.duration_since(UNIX_EPOCH).unwrap_or_default();
            metrics.set_last_inference(worker, since_1970.as_secs_f64());
        }
        metrics.set_worker_panics(service.workers.panics());
        metrics.ready.set(service.health.not_ready().is_empty().into());
        for shown in certificates {
            metrics.set_tls_not_after(shown.listener, shown.not_after().unix_timestamp() as f64);
        }
        metrics.render(service.accounts.health())
    }
}

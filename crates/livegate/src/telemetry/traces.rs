//! The export of spans to a collector, by OTLP over HTTP (protobuf), on a thread of its own. No
//! request waits for it: above 2048 queued spans, spans are dropped.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use engine::config::ConfigError;
use liveness::InvalidSetting;
use opentelemetry::KeyValue;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, RetryPolicy, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter};

/// Time-out of one delivery.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Shortest interval between two warnings that spans were lost.
const WARN_INTERVAL: Duration = Duration::from_mins(1);

/// Most bytes that are read of a collector's response.
const MAX_RESPONSE: u64 = 64 << 10;

/// The provider that sends sampled spans to `endpoint`/v1/traces. `traceparent` decides about
/// sampling; `sample_ratio` does for requests without it.
pub(super) fn provider(
    endpoint: &str,
    sample_ratio: f64,
) -> Result<SdkTracerProvider, ConfigError> {
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .max_redirects(0)
        .build();
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(Client(agent.into()))
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .with_timeout(TIMEOUT)
        // A retry would sleep, and the spans that arrive meanwhile would be dropped.
        .with_retry_policy(RetryPolicy::disabled())
        .build()
        .map_err(|_| InvalidSetting {
            key: "telemetry.otlp_endpoint",
            must_be: "the URL of a collector, or left out",
        })?;
    let resource = Resource::builder()
        .with_service_name("livegate")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(Exporter { exporter, losses: Mutex::default() })
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(sample_ratio))))
        .with_resource(resource)
        .build())
}

/// Reads `traceparent` and `tracestate` (W3C Trace Context) of requests from now on.
pub(super) fn take_over_context() {
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
}

/// An exporter that warns when spans are lost.
#[derive(Debug)]
struct Exporter {
    exporter: opentelemetry_otlp::SpanExporter,
    /// The spans that were lost since the last warning, and its time.
    losses: Mutex<(usize, Option<Instant>)>,
}

impl Exporter {
    fn warn(&self, error: &OTelSdkError, spans: usize) {
        let mut losses = self.losses.lock().unwrap_or_else(PoisonError::into_inner);
        let (spans_lost, warned_at) = &mut *losses;
        *spans_lost += spans;
        if warned_at.is_none_or(|at| at.elapsed() >= WARN_INTERVAL) {
            tracing::warn!(
                %error,
                spans_lost,
                "traces cannot be delivered: look at telemetry.otlp_endpoint and the collector there"
            );
            *losses = (0, Some(Instant::now()));
        }
    }
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let outcome = self.exporter.export(batch).await;
        if let Err(error) = &outcome {
            self.warn(error, spans);
        }
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// The program's HTTP client. It blocks the exporter's thread, which has nothing else to do.
#[derive(Debug)]
struct Client(ureq::Agent);

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let response = self.0.run(Request::from_parts(head, body.to_vec()))?;
        let (head, mut body) = response.into_parts();
        let body = body.with_config().limit(MAX_RESPONSE).read_to_vec()?;
        Ok(Response::from_parts(head, body.into()))
    }
}

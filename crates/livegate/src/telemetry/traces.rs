//! Spans on their way to a collector, by OTLP over HTTP (protobuf). One thread of its own does it, so that no
//! request ever waits: spans queue up for it, and are dropped where 2048 do.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use liveness::InvalidSetting;
use opentelemetry::KeyValue;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, RetryPolicy, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter};

use crate::config::ConfigError;

/// Longest time that a collector may take for a batch.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How often it is told at most that a collector is away.
const TELL_EVERY: Duration = Duration::from_mins(1);

/// The most of a collector's answer that is read, bytes.
const MAX_ANSWER: u64 = 64 << 10;

/// Makes spans of the requests that are sampled, and sends them to `endpoint`/v1/traces. What `traceparent` says
/// about sampling counts; `sample_ratio` decides about requests without.
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
        // It would sleep in between, with all that comes meanwhile waiting and then dropped.
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

/// From here on `traceparent` and `tracestate` (W3C Trace Context) of requests are understood.
pub(super) fn take_over_context() {
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
}

/// An exporter that says when spans are lost.
#[derive(Debug)]
struct Exporter {
    exporter: opentelemetry_otlp::SpanExporter,
    losses: Mutex<Losses>,
}

/// What was lost, and when that was last told.
#[derive(Debug, Default)]
struct Losses {
    spans: usize,
    told_at: Option<Instant>,
}

impl Exporter {
    fn tell(&self, error: &OTelSdkError, spans: usize) {
        let mut losses = self.losses.lock().unwrap_or_else(PoisonError::into_inner);
        losses.spans += spans;
        if losses.told_at.is_none_or(|at| at.elapsed() >= TELL_EVERY) {
            tracing::warn!(
                %error,
                spans_lost = losses.spans,
                "traces cannot be delivered: look at telemetry.otlp_endpoint and the collector there"
            );
            *losses = Losses { spans: 0, told_at: Some(Instant::now()) };
        }
    }
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let outcome = self.exporter.export(batch).await;
        if let Err(error) = &outcome {
            self.tell(error, spans);
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

/// The HTTP client that the program has anyway. It blocks, and the exporter's thread has nothing else to do.
#[derive(Debug)]
struct Client(ureq::Agent);

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let response = self.0.run(Request::from_parts(head, body.to_vec()))?;
        let (head, mut body) = response.into_parts();
        let body = body.with_config().limit(MAX_ANSWER).read_to_vec()?;
        Ok(Response::from_parts(head, body.into()))
    }
}

//! What the program tells of its work: lines of a log, and traces.

mod traces;

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Level, Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::filter::{EnvFilter, FilterExt, FilterFn, ParseError};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

use crate::config::{self, LogFormat};

/// Longest time that traces which were not delivered yet are waited for at the end.
const MAX_FLUSH: Duration = Duration::from_secs(3);

/// Our crates, as the targets of their events begin.
const OURS: [&str; 10] = [
    "accounts",
    "anti_spoof",
    "evaluation",
    "face_detector",
    "frame",
    "ingress",
    "livegate",
    "liveness",
    "model_pack",
    "onnx",
];

/// `LIVEGATE_LOG` makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("LIVEGATE_LOG is not a filter: {0}")]
pub(crate) struct InvalidFilter(#[from] ParseError);

/// Traces under way, until the program ends.
#[must_use = "what is not delivered yet is lost without `finish`"]
pub(crate) struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

/// Begins the log of a command that people run: warnings, as text.
pub(crate) fn log_for_people() -> Result<(), InvalidFilter> {
    let log = log(LogFormat::Text, filter("warn")?);
    tracing_subscriber::registry().with(log).init();
    Ok(())
}

/// Begins the log of the service, and its traces where they are to go anywhere. Without an endpoint there is
/// neither an exporter nor a thread for it.
///
/// # Errors
/// When `LIVEGATE_LOG` makes no sense ([`InvalidFilter`]) or the endpoint cannot be used.
pub(crate) fn start(settings: &config::Telemetry) -> anyhow::Result<Telemetry> {
    let log = log(settings.log_format, filter("info")?);
    let provider = settings.otlp_endpoint.as_deref();
    let provider =
        provider.map(|endpoint| traces::provider(endpoint, settings.sample_ratio)).transpose()?;
    let traces = provider.as_ref().map(traces);
    tracing_subscriber::registry().with(log).with(traces).init();
    if provider.is_some() {
        traces::take_over_context();
    }
    Ok(Telemetry { provider })
}

impl Telemetry {
    /// Delivers what is held, for as long as that may take.
    pub(crate) fn finish(self) {
        if let Some(Err(error)) =
            self.provider.map(|provider| provider.shutdown_with_timeout(MAX_FLUSH))
        {
            tracing::warn!(%error, "the last traces are lost");
        }
    }
}

/// What `LIVEGATE_LOG` lets through, or `default_level`.
fn filter(default_level: &str) -> Result<EnvFilter, InvalidFilter> {
    match std::env::var_os("LIVEGATE_LOG").filter(|value| !value.is_empty()) {
        None => Ok(EnvFilter::new(format!("{default_level},ort=warn"))),
        Some(value) => Ok(EnvFilter::try_new(value.to_string_lossy())?),
    }
}

/// Lines to standard error.
fn log(format: LogFormat, filter: EnvFilter) -> impl Layer<Registry> {
    let lines = fmt::layer().with_writer(stderr);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(stderr().is_terminal()).boxed(),
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true);
            lines.with_current_span(false).with_span_list(false).boxed()
        }
    };
    lines.with_filter(
        filter.and(FilterFn::new(may_be_logged).with_max_level_hint(LevelFilter::TRACE)),
    )
}

/// What libraries say below `info` is never logged, whatever the filter lets through: HTTP's among them print
/// headers, and keys are headers here. Nor are spans, which are for traces.
fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    metadata.is_event() && (*metadata.level() <= Level::INFO || is_of(metadata, &OURS))
}

/// The spans of requests and their steps, to whoever collects traces.
fn traces<S: Subscriber + for<'a> LookupSpan<'a>>(provider: &SdkTracerProvider) -> impl Layer<S> {
    let is_step =
        |metadata: &Metadata<'_>| metadata.is_span() && is_of(metadata, &["ingress", "liveness"]);
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("livegate"))
        .with_context_activation(false)
        .with_level(false)
        .with_location(false)
        .with_target(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(FilterFn::new(is_step).with_max_level_hint(LevelFilter::INFO))
}

fn is_of(metadata: &Metadata<'_>, crates: &[&str]) -> bool {
    metadata.target().split("::").next().is_some_and(|name| crates.contains(&name))
}

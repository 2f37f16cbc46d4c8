//! The log and the traces.

mod lines;
mod traces;

use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;

use anyhow::Context;
use engine::config::{self, LogFormat};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Level, Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::filter::{EnvFilter, FilterExt, FilterFn, ParseError};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

use self::lines::Lines;

/// Longest wait for the delivery of the last traces.
const MAX_FLUSH: Duration = Duration::from_secs(3);

/// Our crates, by the first part of their events' targets.
const OURS: [&str; 13] = [
    "accounts",
    "anti_spoof",
    "engine",
    "evaluation",
    "face_detector",
    "frame",
    "ingress",
    "jpeg",
    "laboratory",
    "livegate",
    "liveness",
    "model_pack",
    "onnx",
];

/// `LIVEGATE_LOG` is no filter.
#[derive(Debug, thiserror::Error)]
#[error("LIVEGATE_LOG is not a filter: {0}")]
pub(crate) struct InvalidFilter(#[from] ParseError);

/// The log's thread and the exporter of traces, until the program ends. Its drop writes the lines
/// that wait.
#[must_use = "undelivered traces are lost without `finish`"]
pub(crate) struct Telemetry {
    traces: Option<SdkTracerProvider>,
    lines: Lines,
}

/// Starts the log of a command other than `serve`: warnings, as text.
pub(crate) fn log_for_people() -> Result<(), InvalidFilter> {
    let log = log(LogFormat::Text, filter("warn")?, stderr);
    tracing_subscriber::registry().with(log).init();
    Ok(())
}

/// Starts the log of the service, and with an endpoint its traces. Without one there is neither an
/// exporter nor its thread.
///
/// # Errors
/// When `LIVEGATE_LOG` is no filter ([`InvalidFilter`]), the endpoint cannot be used, or the system
/// starts no thread.
pub(crate) fn start(settings: &config::Telemetry) -> anyhow::Result<Telemetry> {
    let lines = Lines::default();
    let log = log(settings.log_format, filter("info")?, lines.clone());
    let provider = settings.otlp_endpoint.as_deref();
    let provider =
        provider.map(|endpoint| traces::provider(endpoint, settings.sample_ratio)).transpose()?;
    let traces = provider.as_ref().map(traces);
    tracing_subscriber::registry().with(log).with(traces).init();
    if provider.is_some() {
        traces::take_over_context();
    }
    let standard_error = standard_error().context("standard error cannot be written to")?;
    lines.start_writer(standard_error).context("the log's thread cannot be started")?;
    log_panics();
    Ok(Telemetry { traces: provider, lines })
}

/// Standard error without the lock of [`stderr`], which would be held while a line is written.
#[cfg(unix)]
fn standard_error() -> std::io::Result<impl Write + Send + 'static> {
    use std::os::fd::AsFd;
    Ok(std::fs::File::from(stderr().as_fd().try_clone_to_owned()?))
}

/// Other systems have no such handle.
#[cfg(not(unix))]
fn standard_error() -> std::io::Result<impl Write + Send + 'static> {
    Ok(stderr())
}

/// Has panics logged: the default would write to standard error, which may block.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(tracing::field::display);
        let thread = std::thread::current();
        let (thread, message) = (thread.name(), panic.payload_as_str());
        tracing::error!(thread, at, message, "a thread panicked");
    }));
}

impl Telemetry {
    /// The lines of the log.
    pub(crate) fn lines(&self) -> Lines {
        self.lines.clone()
    }

    /// Delivers the remaining traces, for at most [`MAX_FLUSH`], and writes the lines that wait.
    pub(crate) fn finish(mut self) {
        let traces = self.traces.take();
        let shut_down = traces.map(|provider| provider.shutdown_with_timeout(MAX_FLUSH));
        if let Some(Err(error)) = shut_down {
            tracing::warn!(%error, "the last traces are lost");
        }
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        self.lines.close();
    }
}

/// The filter of `LIVEGATE_LOG`, or `default_level`.
fn filter(default_level: &str) -> Result<EnvFilter, InvalidFilter> {
    match std::env::var_os("LIVEGATE_LOG").filter(|value| !value.is_empty()) {
        None => Ok(EnvFilter::new(format!("{default_level},ort=warn"))),
        Some(value) => Ok(EnvFilter::try_new(value.to_string_lossy())?),
    }
}

/// The layer that writes lines to `writer`, in colour if standard error is a terminal.
fn log<W>(format: LogFormat, filter: EnvFilter, writer: W) -> impl Layer<Registry>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer);
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

/// Drops spans, and events of libraries below `info`, even if the filter lets them through: HTTP
/// libraries see headers and bodies, and keys are headers.
fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    metadata.is_event() && (*metadata.level() <= Level::INFO || is_of(metadata, &OURS))
}

/// The layer that exports the spans of requests and their steps.
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

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek};
    use std::sync::Arc;

    use super::*;

    #[test]
    fn no_filter_logs_spans_or_events_of_libraries_below_info() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let mut file = tempfile::tempfile().unwrap();
            let writer = Arc::new(file.try_clone().unwrap());
            let log = log(format, EnvFilter::new("trace,hyper=trace,h2=trace"), writer);
            tracing::subscriber::with_default(tracing_subscriber::registry().with(log), || {
                let _span =
                    tracing::info_span!(target: "h2::codec", "a span", of = "a secret").entered();
                tracing::trace!(target: "hyper::proto::h1", "app_key: a secret");
                tracing::debug!(target: "h2::codec", "app_key: a secret");
                tracing::debug!(target: "ingress_of_others", "a secret");
                tracing::info!(target: "hyper", "a library's info");
                tracing::trace!(target: "ingress::envelope", "a trace of ours");
            });
            let mut text = String::new();
            file.rewind().unwrap();
            file.read_to_string(&mut text).unwrap();
            assert!(
                text.contains("a library's info") && text.contains("a trace of ours"),
                "{text}"
            );
            assert!(!text.contains("secret") && !text.contains("a span"), "{text}");
        }
    }

    #[test]
    fn every_crate_of_ours_is_listed() {
        let mut crates: Vec<String> = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap().replace('-', "_"))
            .filter(|name| name != "testbed")
            .collect();
        crates.sort();
        assert_eq!(crates, OURS);
    }
}

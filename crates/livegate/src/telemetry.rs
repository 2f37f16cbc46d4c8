//! What the program tells of its work: lines of a log, and traces.

mod traces;

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Level, Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::filter::{EnvFilter, FilterExt, FilterFn, ParseError};
use tracing_subscriber::fmt::MakeWriter;
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
    let log = log(LogFormat::Text, filter("warn")?, stderr);
    tracing_subscriber::registry().with(log).init();
    Ok(())
}

/// Begins the log of the service, and its traces where they are to go anywhere. Without an endpoint there is
/// neither an exporter nor a thread for it.
///
/// # Errors
/// When `LIVEGATE_LOG` makes no sense ([`InvalidFilter`]) or the endpoint cannot be used.
pub(crate) fn start(settings: &config::Telemetry) -> anyhow::Result<Telemetry> {
    let log = log(settings.log_format, filter("info")?, stderr);
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

/// Lines to `writer`; the colours are standard error's.
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

/// What libraries say below `info` is never logged, whatever the filter lets through. Those of HTTP see headers and
/// bodies, and keys are headers: the versions here print none, and nothing holds the next ones to that. Nor
/// are spans logged, which are for traces.
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

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek};
    use std::sync::Arc;

    use super::*;

    #[test]
    fn no_filter_brings_what_libraries_say_below_info_or_spans_into_the_log() {
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
    fn our_crates_are_those_that_there_are() {
        let mut there_are: Vec<String> =
            std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap().replace('-', "_"))
                .filter(|name| name != "testbed")
                .collect();
        there_are.sort();
        assert_eq!(there_are, OURS);
    }
}

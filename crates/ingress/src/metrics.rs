//! Metrics of the service, for Prometheus. docs/MONITORING.md explains each.
//!
//! Label values come from fixed sets, so that callers cannot add series. The exception is an app's
//! id: it is a label only if the operator configured that, and only after the app showed its key.

mod families;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use accounts::{Denial, Health, LimitReached};
use axum::http::StatusCode;
use liveness::{Reason, ReasonCode, Report, Score, Severity, Verdict};
use parking_lot::Mutex;
use prometheus::{
    GaugeVec, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder,
};
use strum::AsRefStr;

use self::families::Families;
use crate::routes::{CHECKS, OK};
use crate::version::Version;

/// Upper bounds, seconds. A selfie takes 8 to 40 ms on an idle core, and up to 0.4 s with a queue
/// of eight per worker (docs/PERFORMANCE.md). `deadline_ms` ends it after 10 s.
const REQUEST_S: [f64; 15] =
    [0.0025, 0.005, 0.01, 0.015, 0.025, 0.04, 0.065, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 8.0, 10.0];

/// Upper bounds, seconds. A step takes 1 to 20 ms, and the wait in the queue any time.
const STAGE_S: [f64; 14] =
    [0.0005, 0.001, 0.002, 0.004, 0.006, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];

/// The steps of a check.
const STAGES: [&str; 4] = ["queue", "decode", "detect", "score"];

/// Upper bounds of scores.
const SCORES: [f64; 20] = [
    0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85,
    0.9, 0.95, 1.0,
];

/// The states of workers: waiting for a selfie, checking one, loading a new pipeline.
pub(crate) const WORKER_STATES: [&str; 3] = ["idle", "busy", "rebuilding"];

/// Makes [`Metrics`] of one entry for each family: its field, and how it is made.
macro_rules! families {
    ($($(#[$doc:meta])* $vis:vis $name:ident: $kind:ty = $make:ident($($arg:expr),+);)+) => {
        /// All metrics. Gauges may be set at any time before [`Metrics::render`].
        #[derive(Debug)]
        pub struct Metrics {
            registry: Registry,
            tells_apps_apart: bool,
            log_lines_dropped: Arc<AtomicU64>,
            $($(#[$doc])* $vis $name: $kind,)+
        }

        impl Metrics {
            fn registered(registry: Registry, tells_apps_apart: bool) -> Self {
                let make = Families(&registry);
                $(let $name = make.$make($($arg),+);)+
                let log_lines_dropped = Arc::default();
                Self { registry, tells_apps_apart, log_lines_dropped, $($name),+ }
            }
        }
    };
}

families! {
    requests: IntCounterVec = counters("requests_total",
        "Requests answered, by route, HTTP status and error code.", &["route", "status", "code"]);
    request_duration: HistogramVec = histograms("request_duration_seconds",
        "Time from a request's head to its answer.", "route", &REQUEST_S);
    stages: HistogramVec = histograms("stage_duration_seconds",
        "Time that each step took, for selfies that got a report.", "stage", &STAGE_S);
    verdicts: IntCounterVec =
        counters("verdicts_total", "Reports, by verdict.", &["pack", "verdict"]);
    reasons: IntCounterVec = counters("reasons_total",
        "Reasons given in reports, by severity.", &["reason", "severity"]);
    score: HistogramVec = histograms("score",
        "Scores of the selfies that were assessed.", "pack", &SCORES);
    batch_pictures: IntCounterVec = counters("batch_pictures_total",
        "Pictures that came in batches, by the code of their own result.", &["code"]);
    limit_refusals: IntCounterVec = counters("limit_refusals_total",
        "Requests of known apps that were refused for a limit.", &["limit"]);
    app_requests: IntCounterVec = counters("app_requests_total",
        "Requests of apps that showed their key, by error code.", &["app_id", "code"]);
    accounts_up: IntGauge = gauge("accounts_up", "Whether the accounts store can be used.");
    /// Raised to the absolute number in [`Health`], under a lock against concurrent scrapes.
    accounts_errors: Mutex<IntCounter> =
        counter("accounts_errors_total", "Failures of the accounts store.");
    connections_closed: IntCounterVec = counters("connections_closed_total",
        "Connections that the service gave up, by why.", &["reason"]);
    worker_last_inference: GaugeVec = gauges("worker_last_inference_timestamp_seconds",
        "When a worker last scored a picture, or proved itself.", &["worker"]);
    tls_not_after: GaugeVec = gauges("tls_certificate_not_after_timestamp_seconds",
        "Until when the certificate in use is valid.", &["listener"]);
    tls_reload_errors: IntCounterVec = counters("tls_reload_errors_total",
        "Changed certificates or keys that cannot be used.", &["listener"]);
    /// Requests held now.
    pub requests_in_flight: IntGauge = gauge("requests_in_flight", "Requests held.");
    /// The most requests held at a time.
    pub requests_limit: IntGauge = gauge("requests_in_flight_limit", "Most requests held.");
    /// Bytes of bodies held now.
    pub body_bytes_in_flight: IntGauge = gauge("body_bytes_in_flight", "Bytes of bodies held.");
    /// The most bytes of bodies held at a time.
    pub body_bytes_limit: IntGauge =
        gauge("body_bytes_in_flight_limit", "Most bytes of bodies held.");
    /// Selfies that wait for a worker.
    pub queue_depth: IntGauge = gauge("queue_depth", "Selfies that wait for a worker.");
    /// Open connections.
    pub connections: IntGauge = gauge("connections", "Connections held.");
    /// The most connections held at a time.
    pub connections_limit: IntGauge = gauge("connections_limit", "Most connections held.");
    /// Workers by `state`, one of [`WORKER_STATES`].
    pub workers: IntGaugeVec = int_gauges("workers", "Workers, by what they do.", &["state"]);
    /// Raised to an absolute number like `accounts_errors`.
    worker_panics: Mutex<IntCounter> =
        counter("worker_panics_total", "Pictures over which a worker panicked.");
    /// Raised to an absolute number like `accounts_errors`.
    log_lines: Mutex<IntCounter> = counter("log_lines_dropped_total",
        "Log lines that were dropped, as standard error was not read.");
    /// 1 while `/readyz` says ready.
    pub ready: IntGauge = gauge("ready", "Whether requests should be sent here.");
}

/// The reason why the service closed a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsRefStr)]
#[strum(serialize_all = "snake_case")]
pub enum Closed {
    /// A request's head did not arrive in time.
    HeaderTimeout,
    /// No request arrived in time.
    IdleTimeout,
    /// The TLS handshake failed, or did not end in time.
    TlsHandshake,
    /// It was silent for the longest time, and its place was needed.
    Displaced,
    /// A head is too large, or has too many fields: 431.
    HeadTooLarge,
    /// A head is no HTTP: 400 or 414.
    MalformedHead,
    /// A TLS handshake came where plain HTTP is spoken: 400.
    TlsOnPlainPort,
}

/// A listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsRefStr)]
#[strum(serialize_all = "snake_case")]
pub enum ListenerName {
    /// For callers.
    Main,
    /// For the operator.
    Admin,
}

impl Closed {
    /// Every reason.
    pub const ALL: [Self; 6] = [
        Self::HeaderTimeout,
        Self::IdleTimeout,
        Self::TlsHandshake,
        Self::HeadTooLarge,
        Self::MalformedHead,
        Self::TlsOnPlainPort,
    ];
}

impl Metrics {
    /// The media type of [`Metrics::render`]: the text format 0.0.4.
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// All metrics at zero. App ids become labels only with `tells_apps_apart`.
    ///
    /// # Panics
    /// Never: names and labels are fixed here.
    #[must_use]
    pub fn new(version: &Version, tells_apps_apart: bool) -> Self {
        let registry = Registry::new();
        let make = Families(&registry);
        describe_build(&make, version);
        make.process();
        let metrics = Self::registered(registry, tells_apps_apart);
        metrics.begin_at_zero(&version.pack.name);
        metrics
    }

    /// The same, with the number of log lines that were dropped.
    #[must_use]
    pub fn with_log_lines_dropped(self, log_lines_dropped: Arc<AtomicU64>) -> Self {
        Self { log_lines_dropped, ..self }
    }

    /// Creates the known series at zero, so that Prometheus sees their first increase.
    fn begin_at_zero(&self, pack: &str) {
        for route in CHECKS {
            self.requests.with_label_values(&[route, StatusCode::OK.as_str(), OK]);
            self.request_duration.with_label_values(&[route]);
        }
        for stage in STAGES {
            self.stages.with_label_values(&[stage]);
        }
        for verdict in [Verdict::Live, Verdict::Spoof, Verdict::NotAssessed] {
            self.verdicts.with_label_values(&[pack, verdict.as_str()]);
        }
        for code in ReasonCode::ALL {
            for severity in [Severity::Reject, Severity::Warn] {
                self.reasons.with_label_values(&[code.as_str(), severity.as_str()]);
            }
        }
        self.score.with_label_values(&[pack]);
        for state in WORKER_STATES {
            self.workers.with_label_values(&[state]);
        }
        for limit in ["disabled", "rate", "day", "month"] {
            self.limit_refusals.with_label_values(&[limit]);
        }
        for closed in Closed::ALL {
            self.connections_closed.with_label_values(&[closed]);
        }
    }

    /// Counts a request to `route`. `duration` leaves out the time spent draining a refused body.
    pub(crate) fn count_request(
        &self,
        route: &'static str,
        status: StatusCode,
        code: &'static str,
        duration: Duration,
    ) {
        self.requests.with_label_values(&[route, status.as_str(), code]).inc();
        self.request_duration.with_label_values(&[route]).observe(duration.as_secs_f64());
    }

    /// Counts a report, and the time its selfie waited for a worker.
    pub(crate) fn count_report(&self, queued: Duration, report: &Report) {
        let timings = &report.timings;
        let times = [queued, timings.decode, timings.detect, timings.score];
        for (stage, time) in STAGES.into_iter().zip(times) {
            self.stages.with_label_values(&[stage]).observe(time.as_secs_f64());
        }
        let pack = report.pack.name.as_str();
        self.verdicts.with_label_values(&[pack, report.judgement.verdict.as_str()]).inc();
        if let Some(score) = report.judgement.score() {
            self.score.with_label_values(&[pack]).observe(Score::get(score));
        }
        for Reason { code, severity, .. } in &report.judgement.reasons {
            self.reasons.with_label_values(&[code.as_str(), severity.as_str()]).inc();
        }
    }

    /// Counts a picture of a batch by its code.
    pub(crate) fn count_batch_picture(&self, code: &'static str) {
        self.batch_pictures.with_label_values(&[code]).inc();
    }

    /// Counts a request of an app that showed its key.
    pub(crate) fn count_app(&self, app_id: &str, code: &'static str) {
        if self.tells_apps_apart {
            self.app_requests.with_label_values(&[app_id, code]).inc();
        }
    }

    /// Counts a refusal of an app that showed its key.
    pub(crate) fn count_denial(&self, denial: &Denial) {
        let limit = match denial {
            Denial::Disabled => "disabled",
            Denial::Limit(LimitReached::TooFast { .. }) => "rate",
            Denial::Limit(LimitReached::DayQuotaSpent) => "day",
            Denial::Limit(LimitReached::MonthQuotaSpent) => "month",
            // Not a limit; `accounts_up` and `accounts_errors` count it.
            Denial::Unavailable => return,
        };
        self.limit_refusals.with_label_values(&[limit]).inc();
    }

    /// Counts a connection that the service closed.
    pub fn count_closed(&self, closed: Closed) {
        self.connections_closed.with_label_values(&[closed]).inc();
    }

    /// Sets when a worker last inferred, seconds since 1970.
    pub fn set_last_inference(&self, worker: usize, timestamp_s: f64) {
        self.worker_last_inference.with_label_values(&[&worker.to_string()]).set(timestamp_s);
    }

    /// Sets the number of panics of all workers since the start.
    pub fn set_worker_panics(&self, panics: u64) {
        raise(&self.worker_panics, panics);
    }

    /// Sets until when the certificate in use is valid, seconds since 1970.
    pub fn set_tls_not_after(&self, listener: ListenerName, timestamp_s: f64) {
        self.tls_not_after.with_label_values(&[listener]).set(timestamp_s);
        self.tls_reload_errors.with_label_values(&[listener]);
    }

    /// Counts a changed certificate or key that cannot be used.
    pub fn count_tls_reload_error(&self, listener: ListenerName) {
        self.tls_reload_errors.with_label_values(&[listener]).inc();
    }

    /// All metrics in the text format 0.0.4. `accounts` is the present state of the accounts.
    ///
    /// # Panics
    /// Never: every family has a name and the labels that it was made with.
    #[must_use]
    pub fn render(&self, accounts: Health) -> String {
        self.accounts_up.set(accounts.is_good().into());
        raise(&self.accounts_errors, accounts.errors);
        raise(&self.log_lines, self.log_lines_dropped.load(Ordering::Relaxed));
        let text = TextEncoder::new().encode_to_string(&self.registry.gather());
        text.expect("families have names and values")
    }
}

/// Sets the facts of the build. They stay constant.
fn describe_build(make: &Families<'_>, version: &Version) {
    let labels = ["version", "pack", "digest", "device", "onnxruntime"];
    let info = make.gauges("build_info", "What serves; always 1.", &labels);
    let Version { version, pack, device, fallback, models, onnxruntime, .. } = version;
    let digest = pack.digest.to_string();
    info.with_label_values(&[version, &pack.name, &digest, device, onnxruntime]).set(1.0);
    let help = "Whether models run on another device than would have been better.";
    make.gauge("device_fallback", help).set(fallback.is_some().into());
    let nodes = make.gauges(
        "model_nodes",
        "Nodes of each model by the execution provider that ran them, as the profile of the start \
         shows.",
        &["model", "provider"],
    );
    for model in models {
        for (provider, &count) in &model.providers {
            nodes.with_label_values(&[&model.id, provider]).set(count as f64);
        }
    }
}

/// Raises a counter to `count`.
fn raise(counter: &Mutex<IntCounter>, count: u64) {
    let counter = counter.lock();
    counter.inc_by(count.saturating_sub(counter.get()));
}

//! What is counted and measured about the service, for Prometheus. docs/OPERATIONS.md says what each is.
//!
//! Labels take their values from fixed sets, so that no caller can make the page grow: an app's id is among
//! them only if that is configured, and only of apps that showed their key. A key never is.

mod families;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use accounts::{Denial, Health, LimitReached};
use axum::http::StatusCode;
use liveness::{Reason, ReasonCode, Report, Score, Severity, Verdict};
use prometheus::{
    GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, Registry, TextEncoder,
};

use self::families::Families;
use crate::router::PATHS;
use crate::version::Version;

/// The code of a request that was answered as it should be.
pub(crate) const OK: &str = "ok";

/// Everything that is counted and measured. Gauges are set by whoever knows, at any time or just before
/// [`Metrics::render`].
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    tells_apps_apart: bool,
    requests: IntCounterVec,
    request_duration: HistogramVec,
    stages: [Histogram; 4],
    verdicts: IntCounterVec,
    reasons: IntCounterVec,
    score: HistogramVec,
    batch_pictures: IntCounterVec,
    limit_refusals: IntCounterVec,
    app_requests: IntCounterVec,
    accounts_up: IntGauge,
    /// Absolute in [`Health`]; locked, so that two who ask at once do not both add what is new.
    accounts_errors: Mutex<IntCounter>,
    connections_closed: IntCounterVec,
    worker_last_inference: GaugeVec,
    tls_not_after: GaugeVec,
    tls_reload_errors: IntCounterVec,
    /// Requests held, and their bytes.
    pub in_flight: InFlight,
    /// Selfies that wait for a worker.
    pub queue_depth: IntGauge,
    /// Connections that are open.
    pub connections: IntGauge,
    /// The most that are taken.
    pub connections_limit: IntGauge,
    /// Workers by what they do.
    pub workers: WorkerGauges,
    /// Absolute where it is read, as that of the accounts.
    worker_panics: Mutex<IntCounter>,
    /// 1 while `/readyz` says yes.
    pub ready: IntGauge,
}

/// Requests held, and their bytes.
#[derive(Debug)]
pub struct InFlight {
    /// Requests held now.
    pub requests: IntGauge,
    /// The most that are.
    pub requests_limit: IntGauge,
    /// Bytes of bodies held now.
    pub body_bytes: IntGauge,
    /// The most that are.
    pub body_bytes_limit: IntGauge,
}

/// Workers by what they do.
#[derive(Debug)]
pub struct WorkerGauges {
    /// They wait for a selfie.
    pub idle: IntGauge,
    /// They check one.
    pub busy: IntGauge,
    /// They load a new pipeline after a panic.
    pub rebuilding: IntGauge,
}

/// Why the service closed a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// A request's head did not come in time.
    HeaderTimeout,
    /// There was no request for too long.
    IdleTimeout,
    /// The TLS handshake failed, or did not end in time.
    TlsHandshake,
}

/// Which listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenerName {
    /// Where callers come.
    Main,
    /// Where those come who run the service.
    Admin,
}

impl Closed {
    /// Every reason there is.
    pub const ALL: [Self; 3] = [Self::HeaderTimeout, Self::IdleTimeout, Self::TlsHandshake];

    /// The label's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HeaderTimeout => "header_timeout",
            Self::IdleTimeout => "idle_timeout",
            Self::TlsHandshake => "tls_handshake",
        }
    }
}

impl ListenerName {
    /// The label's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Admin => "admin",
        }
    }
}

impl Metrics {
    /// The media type of [`Metrics::render`]: the text format 0.0.4.
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// All at zero. App ids become labels only if the page `tells_apps_apart`.
    ///
    /// # Panics
    /// Never: names and labels are fixed here.
    #[must_use]
    pub fn new(version: &Version, tells_apps_apart: bool) -> Self {
        let registry = Registry::new();
        let families = Families(&registry);
        let stage = families.stage_duration();
        let workers = families.workers();
        let metrics = Self {
            tells_apps_apart,
            requests: families.requests(),
            request_duration: families.request_duration(),
            stages: ["queue", "decode", "detect", "score"].map(|s| stage.with_label_values(&[s])),
            verdicts: families.verdicts(),
            reasons: families.reasons(),
            score: families.score(),
            batch_pictures: families.batch_pictures(),
            limit_refusals: families.limit_refusals(),
            app_requests: families.app_requests(),
            accounts_up: families.accounts_up(),
            accounts_errors: Mutex::new(families.accounts_errors()),
            connections_closed: families.connections_closed(),
            worker_last_inference: families.worker_last_inference(),
            tls_not_after: families.tls_not_after(),
            tls_reload_errors: families.tls_reload_errors(),
            in_flight: families.in_flight(),
            queue_depth: families.queue_depth(),
            connections: families.connections(),
            connections_limit: families.connections_limit(),
            workers: WorkerGauges {
                idle: workers.with_label_values(&["idle"]),
                busy: workers.with_label_values(&["busy"]),
                rebuilding: workers.with_label_values(&["rebuilding"]),
            },
            worker_panics: Mutex::new(families.worker_panics()),
            ready: families.ready(),
            registry: registry.clone(),
        };
        families.build(version);
        families.process();
        metrics.begin_at_zero(&version.pack.name);
        metrics
    }

    /// Makes the series that there will be, so that their first increase is seen as one.
    fn begin_at_zero(&self, pack: &str) {
        for route in PATHS {
            self.requests.with_label_values(&[route, StatusCode::OK.as_str(), OK]);
            self.request_duration.with_label_values(&[route]);
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
        for limit in ["disabled", "rate", "day", "month"] {
            self.limit_refusals.with_label_values(&[limit]);
        }
        for closed in Closed::ALL {
            self.connections_closed.with_label_values(&[closed.as_str()]);
        }
    }

    /// A request to `route` was answered; it took this long, without what the caller took to send the rest of a body
    /// that was refused.
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

    /// A selfie waited this long for a worker, and this came of it.
    pub(crate) fn count_report(&self, queued: Duration, report: &Report) {
        let timings = &report.timings;
        let times = [queued, timings.decode, timings.detect, timings.score];
        for (stage, time) in self.stages.iter().zip(times) {
            stage.observe(time.as_secs_f64());
        }
        let pack = report.pack.name.as_str();
        self.verdicts.with_label_values(&[pack, report.verdict.as_str()]).inc();
        if let Some(score) = report.score {
            self.score.with_label_values(&[pack]).observe(Score::get(score));
        }
        for Reason { code, severity, .. } in &report.reasons {
            self.reasons.with_label_values(&[code.as_str(), severity.as_str()]).inc();
        }
    }

    /// A picture of a batch ended so.
    pub(crate) fn count_batch_picture(&self, code: &'static str) {
        self.batch_pictures.with_label_values(&[code]).inc();
    }

    /// A request of an app that showed its key ended so.
    pub(crate) fn count_app(&self, app_id: &str, code: &'static str) {
        if self.tells_apps_apart {
            self.app_requests.with_label_values(&[app_id, code]).inc();
        }
    }

    /// A caller who showed the right key was not let in.
    pub(crate) fn count_denial(&self, denial: &Denial) {
        let limit = match denial {
            Denial::Disabled => "disabled",
            Denial::Limit(LimitReached::TooFast { .. }) => "rate",
            Denial::Limit(LimitReached::DayQuotaSpent) => "day",
            Denial::Limit(LimitReached::MonthQuotaSpent) => "month",
            // No limit: `accounts_up` and `accounts_errors` tell of it.
            Denial::Unavailable => return,
        };
        self.limit_refusals.with_label_values(&[limit]).inc();
    }

    /// The service closed a connection.
    pub fn count_closed(&self, closed: Closed) {
        self.connections_closed.with_label_values(&[closed.as_str()]).inc();
    }

    /// When this worker last finished a picture, seconds since 1970.
    pub fn set_last_inference(&self, worker: usize, timestamp_s: f64) {
        self.worker_last_inference.with_label_values(&[&worker.to_string()]).set(timestamp_s);
    }

    /// How often a worker panicked since the start.
    pub fn set_worker_panics(&self, panics: u64) {
        raise(&self.worker_panics, panics);
    }

    /// Until when the certificate in use is valid, seconds since 1970.
    pub fn set_tls_not_after(&self, listener: ListenerName, timestamp_s: f64) {
        self.tls_not_after.with_label_values(&[listener.as_str()]).set(timestamp_s);
        self.tls_reload_errors.with_label_values(&[listener.as_str()]);
    }

    /// A certificate or key that has changed cannot be used; the one before still is.
    pub fn count_tls_reload_error(&self, listener: ListenerName) {
        self.tls_reload_errors.with_label_values(&[listener.as_str()]).inc();
    }

    /// The page, in the text format 0.0.4. `accounts` is how they are now.
    ///
    /// # Panics
    /// Never: every family has a name and the labels that it was made with.
    #[must_use]
    pub fn render(&self, accounts: Health) -> String {
        self.accounts_up.set(accounts.is_good().into());
        raise(&self.accounts_errors, accounts.errors);
        let page = TextEncoder::new().encode_to_string(&self.registry.gather());
        page.expect("families have names and values")
    }
}

/// Brings a counter to what was counted elsewhere.
fn raise(counter: &Mutex<IntCounter>, count: u64) {
    let counter = counter.lock().unwrap_or_else(PoisonError::into_inner);
    counter.inc_by(count.saturating_sub(counter.get()));
}

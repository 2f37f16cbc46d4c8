//! Every family by name, with its labels, its buckets and one line of help.

use prometheus::core::Collector;
use prometheus::{
    Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry,
};

use super::InFlight;
use crate::version::Version;

/// Upper bounds, seconds. A selfie takes 8 to 40 ms on an idle core and up to 0.4 s where as many wait as there are
/// workers eight times over (docs/PERFORMANCE.md); after 10 s (`deadline_ms`) it is given up.
const REQUEST_S: [f64; 15] =
    [0.0025, 0.005, 0.01, 0.015, 0.025, 0.04, 0.065, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 8.0, 10.0];

/// The same for a part of it: 1 to 20 ms, or a wait of any length.
const STAGE_S: [f64; 14] =
    [0.0005, 0.001, 0.002, 0.004, 0.006, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];

/// Makes families and registers them.
pub(super) struct Families<'a>(pub &'a Registry);

impl Families<'_> {
    fn registered<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> C {
        let family = made.expect("names and labels are well formed");
        self.0.register(Box::new(family.clone())).expect("names are there once");
        family
    }

    fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.registered(IntGauge::with_opts(opts(name, help)))
    }

    fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.registered(IntCounter::with_opts(opts(name, help)))
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.registered(IntCounterVec::new(opts(name, help), labels))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> GaugeVec {
        self.registered(GaugeVec::new(opts(name, help), labels))
    }

    fn histograms(&self, name: &str, help: &str, label: &str, bounds: &[f64]) -> HistogramVec {
        let opts = HistogramOpts::from(opts(name, help)).buckets(bounds.to_vec());
        self.registered(HistogramVec::new(opts, &[label]))
    }

    pub(super) fn requests(&self) -> IntCounterVec {
        let help = "Requests answered, by route, HTTP status and error code.";
        self.counters("requests_total", help, &["route", "status", "code"])
    }

    pub(super) fn request_duration(&self) -> HistogramVec {
        let help = "Time from a request's head to its answer.";
        self.histograms("request_duration_seconds", help, "route", &REQUEST_S)
    }

    pub(super) fn stage_duration(&self) -> HistogramVec {
        let help = "Time that each step took, for selfies that got a report.";
        self.histograms("stage_duration_seconds", help, "stage", &STAGE_S)
    }

    pub(super) fn in_flight(&self) -> InFlight {
        InFlight {
            requests: self.gauge("requests_in_flight", "Requests held."),
            requests_limit: self.gauge("requests_in_flight_limit", "Most requests held."),
            body_bytes: self.gauge("body_bytes_in_flight", "Bytes of bodies held."),
            body_bytes_limit: self
                .gauge("body_bytes_in_flight_limit", "Most bytes of bodies held."),
        }
    }

    pub(super) fn queue_depth(&self) -> IntGauge {
        self.gauge("queue_depth", "Selfies that wait for a worker.")
    }

    pub(super) fn connections(&self) -> IntGauge {
        self.gauge("connections", "Connections held.")
    }

    pub(super) fn connections_limit(&self) -> IntGauge {
        self.gauge("connections_limit", "Most connections held.")
    }

    pub(super) fn connections_closed(&self) -> IntCounterVec {
        let help = "Connections that the service gave up, by why.";
        self.counters("connections_closed_total", help, &["reason"])
    }

    pub(super) fn workers(&self) -> IntGaugeVec {
        let opts = opts("workers", "Workers, by what they do.");
        self.registered(IntGaugeVec::new(opts, &["state"]))
    }

    pub(super) fn worker_last_inference(&self) -> GaugeVec {
        let help = "When a worker last scored a picture, or proved itself.";
        self.gauges("worker_last_inference_timestamp_seconds", help, &["worker"])
    }

    pub(super) fn worker_panics(&self) -> IntCounter {
        self.counter("worker_panics_total", "Pictures over which a worker panicked.")
    }

    pub(super) fn verdicts(&self) -> IntCounterVec {
        self.counters("verdicts_total", "Reports, by verdict.", &["pack", "verdict"])
    }

    pub(super) fn reasons(&self) -> IntCounterVec {
        let help = "Reasons given in reports, by severity.";
        self.counters("reasons_total", help, &["reason", "severity"])
    }

    pub(super) fn score(&self) -> HistogramVec {
        let bounds: Vec<f64> = (1..=20).map(|step| f64::from(step) / 20.0).collect();
        self.histograms("score", "Scores of the selfies that were assessed.", "pack", &bounds)
    }

    pub(super) fn batch_pictures(&self) -> IntCounterVec {
        let help = "Pictures that came in batches, by the code of their own result.";
        self.counters("batch_pictures_total", help, &["code"])
    }

    pub(super) fn limit_refusals(&self) -> IntCounterVec {
        let help = "Requests of known apps that were refused for a limit.";
        self.counters("limit_refusals_total", help, &["limit"])
    }

    pub(super) fn app_requests(&self) -> IntCounterVec {
        let help = "Requests of apps that showed their key, by error code.";
        self.counters("app_requests_total", help, &["app_id", "code"])
    }

    pub(super) fn accounts_up(&self) -> IntGauge {
        self.gauge("accounts_up", "Whether the accounts store can be used.")
    }

    pub(super) fn accounts_errors(&self) -> IntCounter {
        self.counter("accounts_errors_total", "Failures of the accounts store.")
    }

    pub(super) fn tls_not_after(&self) -> GaugeVec {
        let help = "Until when the certificate in use is valid.";
        self.gauges("tls_certificate_not_after_timestamp_seconds", help, &["listener"])
    }

    pub(super) fn tls_reload_errors(&self) -> IntCounterVec {
        let help = "Changed certificates or keys that cannot be used.";
        self.counters("tls_reload_errors_total", help, &["listener"])
    }

    pub(super) fn ready(&self) -> IntGauge {
        self.gauge("ready", "Whether requests should be sent here.")
    }

    /// What serves.
    pub(super) fn build(&self, version: &Version) {
        let labels = ["version", "pack", "digest", "device", "onnxruntime"];
        let info = self.gauges("build_info", "What serves; always 1.", &labels);
        let Version { version, pack, device, fallback, models, onnxruntime, .. } = version;
        let digest = pack.digest.to_string();
        info.with_label_values(&[version, &pack.name, &digest, device, onnxruntime]).set(1.0);
        let help = "Whether models run on another device than would have been better.";
        self.registered::<Gauge>(Gauge::with_opts(opts("device_fallback", help)))
            .set(f64::from(u8::from(fallback.is_some())));
        let help = "Nodes of each model by the execution provider that ran them, as the profile of the start shows.";
        let nodes = self.gauges("model_nodes", help, &["model", "provider"]);
        for model in models {
            for (provider, &count) in &model.providers {
                nodes.with_label_values(&[&model.id, provider]).set(count as f64);
            }
        }
    }

    /// CPU, memory, threads and open files of the process.
    #[cfg(target_os = "linux")]
    pub(super) fn process(&self) {
        let collector = prometheus::process_collector::ProcessCollector::for_self();
        self.0.register(Box::new(collector)).expect("its names are its own");
    }

    /// Not told elsewhere.
    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, reason = "there is something to register on Linux")]
    pub(super) fn process(&self) {}
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("livegate")
}

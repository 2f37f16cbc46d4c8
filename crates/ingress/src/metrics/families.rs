//! Makes metric families and registers them.

use parking_lot::Mutex;
use prometheus::core::Collector;
use prometheus::{
    GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};

/// Every family is registered in this registry, with `livegate_` before its name.
pub(super) struct Families<'a>(pub &'a Registry);

impl Families<'_> {
    fn register<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> C {
        let family = made.expect("names and labels are well formed");
        self.0.register(Box::new(family.clone())).expect("names are unique");
        family
    }

    pub(super) fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.register(IntGauge::with_opts(opts(name, help)))
    }

    /// A counter that is raised to an absolute number.
    pub(super) fn counter(&self, name: &str, help: &str) -> Mutex<IntCounter> {
        Mutex::new(self.register(IntCounter::with_opts(opts(name, help))))
    }

    pub(super) fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.register(IntCounterVec::new(opts(name, help), labels))
    }

    pub(super) fn int_gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.register(IntGaugeVec::new(opts(name, help), labels))
    }

    pub(super) fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> GaugeVec {
        self.register(GaugeVec::new(opts(name, help), labels))
    }

    pub(super) fn histograms(
        &self,
        name: &str,
        help: &str,
        label: &str,
        bounds: &[f64],
    ) -> HistogramVec {
        let opts = HistogramOpts::from(opts(name, help)).buckets(bounds.to_vec());
        self.register(HistogramVec::new(opts, &[label]))
    }

    /// CPU, memory, threads and open files of the process; on Linux only.
    pub(super) fn process(&self) {
        #[cfg(target_os = "linux")]
        self.0
            .register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))
            .expect("names are unique");
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("livegate")
}

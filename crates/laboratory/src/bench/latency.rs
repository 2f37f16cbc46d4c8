//! Percentiles of latencies.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::rounding::rounded;

/// Percentiles by nearest rank, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "units belong in the names that the JSON has")]
pub(super) struct Latency {
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
}

impl Latency {
    /// The percentiles of `samples`; none of no sample.
    pub(super) fn of(samples: impl IntoIterator<Item = Duration>) -> Option<Self> {
        let milliseconds = |sample: Duration| rounded(sample.as_secs_f64() * 1e3);
        let mut samples_ms: Vec<f64> = samples.into_iter().map(milliseconds).collect();
        samples_ms.sort_by(f64::total_cmp);
        let percentile = |percent: usize| {
            let rank = (samples_ms.len() * percent).div_ceil(100);
            samples_ms.get(rank.checked_sub(1)?).copied()
        };
        Some(Self { p50_ms: percentile(50)?, p95_ms: percentile(95)?, p99_ms: percentile(99)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples_that_were_there() {
        let of = |samples: &[f64]| {
            let Latency { p50_ms, p95_ms, p99_ms } =
                Latency::of(samples.iter().map(|ms| Duration::from_secs_f64(ms / 1e3)))?;
            Some([p50_ms, p95_ms, p99_ms])
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[7.0]), Some([7.0; 3]));
        assert_eq!(of(&[4.0, 1.0, 3.0, 2.0]), Some([2.0, 4.0, 4.0]));
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(of(&hundred), Some([50.0, 95.0, 99.0]));
        let thousand: Vec<f64> = (1..=1000).map(f64::from).collect();
        assert_eq!(of(&thousand), Some([500.0, 950.0, 990.0]));
    }
}

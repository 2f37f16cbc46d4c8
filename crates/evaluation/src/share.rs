//! So many of so many, and how far the truth may be from it.

use serde::Serialize;
use statrs::distribution::{Beta, ContinuousCDF};

/// How probably an interval of ours misses the true value, on both sides together.
pub(crate) const MISS: f64 = 0.05;

/// `count` of `of`, with its 95% interval.
///
/// The interval is that of Clopper and Pearson ("The use of confidence or fiducial limits illustrated in the
/// case of the binomial", Biometrika 26, 1934). It is exact: it never covers less than it says, however few
/// there are and also at 0, which is where these numbers live. It takes the presentations for independent of
/// each other; several pictures of one person or one mask are not, and the truth is then wider.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// `count / of`, 0 to 1. `None` if there was nothing to count.
    pub share: Option<f64>,
    /// How many it is true of.
    pub count: u64,
    /// How many were looked at.
    pub of: u64,
    /// The lower end of the 95% interval, 0 to 1.
    pub low: f64,
    /// Its upper end, 0 to 1.
    pub high: f64,
}

impl Share {
    /// `count` of `of`; a `count` above `of` is taken as `of`.
    #[must_use]
    pub fn of(count: u64, of: u64) -> Self {
        let count = count.min(of);
        let (hits, rest) = (count as f64, (of - count) as f64);
        let low = if count == 0 { 0.0 } else { beta_quantile(hits, rest + 1.0, MISS / 2.0) };
        let high =
            if count == of { 1.0 } else { beta_quantile(hits + 1.0, rest, 1.0 - MISS / 2.0) };
        let share = (of > 0).then(|| hits / of as f64);
        // The quantiles come from an iteration; the estimate itself is never outside.
        let at = |end: f64, or: f64| if end.is_finite() { end.clamp(0.0, 1.0) } else { or };
        Self {
            share,
            count,
            of,
            low: at(low, 0.0).min(share.unwrap_or(0.0)),
            high: at(high, 1.0).max(share.unwrap_or(1.0)),
        }
    }

    /// The greatest true share that `count` of `of` still allows at 95% confidence, one-sided: for 0 of 20
    /// it is 1 - 0.05^(1/20) = 0.139. For 0 of n it is about 3 / n, the "rule of three" (Hanley and
    /// Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 249, 1983).
    #[must_use]
    pub fn still_possible(&self) -> f64 {
        if self.count == self.of {
            return 1.0;
        }
        let (hits, rest) = (self.count as f64, (self.of - self.count) as f64);
        beta_quantile(hits + 1.0, rest, 1.0 - MISS)
    }
}

fn beta_quantile(a: f64, b: f64, p: f64) -> f64 {
    Beta::new(a, b).map_or(f64::NAN, |beta| beta.inverse_cdf(p))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn none_of_twenty_still_allows_a_seventh() {
        let share = Share::of(0, 20);
        assert_eq!((share.share, share.low), (Some(0.0), 0.0));
        // Closed form where nothing was found: 1 - 0.025^(1/20), and 1 - 0.05^(1/20) on one side.
        assert!((share.high - (1.0 - 0.025_f64.powf(0.05))).abs() < 1e-9, "{share:?}");
        assert!((share.still_possible() - 0.139_108).abs() < 1e-6);
    }

    #[test]
    fn all_of_some_reach_one_and_nothing_of_nothing_says_nothing() {
        let share = Share::of(20, 20);
        assert!((share.low - 0.025_f64.powf(0.05)).abs() < 1e-9, "{share:?}");
        assert_eq!((share.share, share.high), (Some(1.0), 1.0));
        let nothing = Share::of(0, 0);
        assert_eq!((nothing.share, nothing.low, nothing.high), (None, 0.0, 1.0));
        assert_eq!(nothing.still_possible(), 1.0);
    }

    #[test]
    fn more_than_there_are_is_all_of_them() {
        assert_eq!(Share::of(3, 2), Share::of(2, 2));
    }

    proptest! {
        #[test]
        fn intervals_contain_the_estimate_and_narrow_with_more(count in 0_u64..3000, more in 0_u64..3000) {
            let share = Share::of(count, count + more);
            let value = share.share.unwrap_or(0.5);
            prop_assert!(0.0 <= share.low && share.low <= value, "{share:?}");
            prop_assert!(value <= share.high && share.high <= 1.0, "{share:?}");
            prop_assert!(share.still_possible() <= share.high + 1e-9);
            let tenfold = Share::of(count * 10, (count + more) * 10);
            prop_assert!(tenfold.high - tenfold.low <= share.high - share.low + 1e-9);
        }
    }
}

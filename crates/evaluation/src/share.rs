//! A proportion with its confidence interval.

use std::cmp::Ordering;

use serde::Serialize;
use statrs::distribution::{Beta, ContinuousCDF};

/// The probability that an interval misses the true value, on both sides together.
pub(crate) const MISS: f64 = 0.05;

/// `count` of `of`, with its 95% interval.
///
/// The interval is that of Clopper and Pearson ("The use of confidence or fiducial limits
/// illustrated in the case of the binomial", Biometrika 26, 1934). It is exact: it covers at least
/// 95% for any number of presentations, and for a count of 0. It assumes independent presentations.
/// Several pictures of one person or one mask are not, and the true interval is then wider.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// `count / of`, 0 to 1; `None` if `of` is 0.
    pub share: Option<f64>,
    /// Number of presentations counted.
    pub count: u64,
    /// Number of presentations in all.
    pub of: u64,
    /// Lower end of the 95% interval, 0 to 1.
    pub low: f64,
    /// Upper end, 0 to 1.
    pub high: f64,
}

impl Share {
    /// `count` of `of`. A `count` above `of` counts as `of`.
    #[must_use]
    pub fn of(count: u64, of: u64) -> Self {
        let count = count.min(of);
        let (hits, rest) = (count as f64, (of - count) as f64);
        let low = if count == 0 { 0.0 } else { beta_quantile(hits, rest + 1.0, MISS / 2.0) };
        let high =
            if count == of { 1.0 } else { beta_quantile(hits + 1.0, rest, 1.0 - MISS / 2.0) };
        let share = (of > 0).then(|| hits / of as f64);
        // The quantiles are iterated, and may miss the estimate by rounding.
        let at = |end: f64, or: f64| if end.is_finite() { end.clamp(0.0, 1.0) } else { or };
        Self {
            share,
            count,
            of,
            low: at(low, 0.0).min(share.unwrap_or(0.0)),
            high: at(high, 1.0).max(share.unwrap_or(1.0)),
        }
    }

    /// Orders error rates; of equal ones the one with the wider interval is greater, as it may be
    /// worse in truth. One without a value is the least.
    pub(crate) fn compare_errors(&self, other: &Self) -> Ordering {
        let rate = |share: &Self| share.share.unwrap_or(-1.0);
        rate(self).total_cmp(&rate(other)).then(self.high.total_cmp(&other.high))
    }

    /// The greatest true share that `count` of `of` allows, at 95% confidence, one-sided. For 0 of
    /// 20 it is 1 - 0.05^(1/20) = 0.139. For 0 of n it is about 3 / n, the "rule of three" (Hanley
    /// and Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 249, 1983).
    #[must_use]
    pub fn still_possible(&self) -> f64 {
        if self.count == self.of {
            return 1.0;
        }
        let (hits, rest) = (self.count as f64, (self.of - self.count) as f64);
        beta_quantile(hits + 1.0, rest, 1.0 - MISS)
    }

    /// The note on a count of 0: "0 of 20 `things` still allows a true rate of 14% ...".
    pub(crate) fn none_found(&self, things: &str) -> Option<String> {
        (self.count == 0 && self.of > 0).then(|| {
            let rule_of_three = percent((3.0 / self.of as f64).min(1.0));
            let (of, possible) = (self.of, percent(self.still_possible()));
            format!(
                "0 of {of} {things} still allows a true rate of {possible} (95% confidence, one-sided; \
                 rule of three: 3 / {of} = {rule_of_three})."
            )
        })
    }
}

/// `0.14` as `14%`, with decimals where it is small. For sentences; tables have
/// `html::format::percent`.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let text = if share == 0.0 || share == 1.0 || (10.0..=99.0).contains(&percent) {
        format!("{percent:.0}%")
    } else if percent >= 0.095 {
        format!("{percent:.1}%")
    } else {
        format!("{percent:.2}%")
    };
    text.replace(".0%", "%")
}

fn beta_quantile(a: f64, b: f64, p: f64) -> f64 {
    Beta::new(a, b).map_or(f64::NAN, |beta| beta.inverse_cdf(p))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn zero_of_twenty_allows_a_true_share_of_14_percent() {
        let share = Share::of(0, 20);
        assert_eq!((share.share, share.low), (Some(0.0), 0.0));
        // Closed form where nothing was found: 1 - 0.025^(1/20), and 1 - 0.05^(1/20) on one side.
        assert!((share.high - (1.0 - 0.025_f64.powf(0.05))).abs() < 1e-9, "{share:?}");
        assert!((share.still_possible() - 0.139_108).abs() < 1e-6);
    }

    #[test]
    fn the_note_on_zero_of_twenty_names_14_percent() {
        assert_eq!(
            Share::of(0, 20).none_found("attacks accepted").unwrap(),
            "0 of 20 attacks accepted still allows a true rate of 14% (95% confidence, one-sided; rule of \
             three: 3 / 20 = 15%)."
        );
    }

    #[test]
    fn small_percentages_keep_decimals() {
        let cases = [
            (0.0, "0%"),
            (1.0, "100%"),
            (0.139, "14%"),
            (0.025, "2.5%"),
            (0.05, "5%"),
            (0.0004, "0.04%"),
            (0.995, "99.5%"),
        ];
        for (share, text) in cases {
            assert_eq!(percent(share), text);
        }
    }

    #[test]
    fn all_of_some_reach_1_and_zero_of_zero_has_no_share() {
        let share = Share::of(20, 20);
        assert!((share.low - 0.025_f64.powf(0.05)).abs() < 1e-9, "{share:?}");
        assert_eq!((share.share, share.high), (Some(1.0), 1.0));
        let nothing = Share::of(0, 0);
        assert_eq!((nothing.share, nothing.low, nothing.high), (None, 0.0, 1.0));
        assert_eq!(nothing.still_possible(), 1.0);
    }

    #[test]
    fn a_count_above_the_total_is_the_total() {
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

//! How much an app may call.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// How much an app may call; without a number, as much as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Most counted requests in a day (UTC).
    pub quota_per_day: Option<u64>,
    /// Most counted requests in a calendar month (UTC).
    pub quota_per_month: Option<u64>,
    /// How fast requests may come.
    pub rate: Option<Rate>,
}

/// A token bucket: it holds `burst` tokens at most, a request takes one, `per_minute` come back a
/// minute, evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Tokens that come back in a minute.
    pub per_minute: NonZeroU32,
    /// Tokens that the bucket holds.
    pub burst: NonZeroU32,
}

impl Rate {
    /// The fastest rate, requests a minute. The bucket's clock counts microseconds, and up to this rate
    /// their rounding makes it faster by a thousandth at most.
    const MAX_PER_MINUTE: u32 = 60_000;
    /// The largest bucket, tokens.
    const MAX_BURST: u32 = 1_000_000;

    /// The time in which one token comes back, microseconds.
    pub(crate) fn token_us(self) -> i64 {
        60_000_000 / i64::from(self.per_minute.get())
    }

    /// The time in which an empty bucket fills, microseconds.
    pub(crate) fn bucket_us(self) -> i64 {
        self.token_us() * i64::from(self.burst.get())
    }

    /// Takes a token at `now_us` from a bucket that would have been full at `full_at_us`. Answers when
    /// it will be full now, and how long until there is a token if there was none, microseconds.
    ///
    /// One number is all the state that a token bucket needs (the generic cell rate algorithm of ATM's
    /// traffic management, ITU-T I.371). `valkey/enter.lua` has the same arithmetic.
    pub(crate) fn take(self, full_at_us: Option<i64>, now_us: i64) -> (i64, Result<(), i64>) {
        // No emptier than empty: the rate may have been raised, the clock set back. That is kept, or a
        // bucket that was drained under a slow rate would stay empty for as long as that one takes.
        let full_at_us = full_at_us.unwrap_or(now_us).clamp(now_us, now_us + self.bucket_us());
        let taken_us = full_at_us + self.token_us();
        let wait_us = taken_us - now_us - self.bucket_us();
        if wait_us > 0 { (full_at_us, Err(wait_us)) } else { (taken_us, Ok(())) }
    }
}

/// The largest quota that is exact in every store (a script of Valkey counts in doubles).
const MAX_QUOTA: u64 = 1_000_000_000_000;

/// A limit cannot be what it is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a quota is {MAX_QUOTA} at most, a rate {} a minute, a burst {}",
    Rate::MAX_PER_MINUTE,
    Rate::MAX_BURST
)]
pub struct InvalidLimits;

impl Limits {
    /// Whether every store can keep them.
    ///
    /// # Errors
    /// When one cannot be what it is set to.
    pub fn validate(&self) -> Result<(), InvalidLimits> {
        let quotas = [self.quota_per_day, self.quota_per_month];
        let quotas_hold = quotas.iter().flatten().all(|&quota| quota <= MAX_QUOTA);
        let rate_holds = self.rate.is_none_or(|rate| {
            rate.per_minute.get() <= Rate::MAX_PER_MINUTE && rate.burst.get() <= Rate::MAX_BURST
        });
        if quotas_hold && rate_holds { Ok(()) } else { Err(InvalidLimits) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(per_minute: u32, burst: u32) -> Rate {
        let number = |n| NonZeroU32::new(n).unwrap();
        Rate { per_minute: number(per_minute), burst: number(burst) }
    }

    /// A bucket as a store keeps it.
    #[derive(Default)]
    struct Bucket {
        full_at_us: Option<i64>,
    }

    impl Bucket {
        fn take(&mut self, rate: Rate, now_us: i64) -> Result<(), i64> {
            let (full_at_us, outcome) = rate.take(self.full_at_us, now_us);
            self.full_at_us = Some(full_at_us);
            outcome
        }
    }

    #[test]
    fn a_burst_passes_and_then_one_for_each_token_that_comes_back() {
        let (rate, mut bucket) = (rate(60, 3), Bucket::default());
        let second = 1_000_000;
        for _ in 0..3 {
            assert_eq!(bucket.take(rate, 0), Ok(()));
        }
        assert_eq!(bucket.take(rate, 0), Err(second));
        assert_eq!(bucket.take(rate, second / 4), Err(3 * second / 4));
        assert_eq!(bucket.take(rate, second), Ok(()));
        assert_eq!(bucket.take(rate, second), Err(second));
        // Idle for long, it is full again and no fuller.
        for _ in 0..3 {
            assert_eq!(bucket.take(rate, 3600 * second), Ok(()));
        }
        assert_eq!(bucket.take(rate, 3600 * second), Err(second));
    }

    #[test]
    fn a_bucket_that_was_drained_under_a_slower_rate_is_no_emptier_than_empty() {
        let mut bucket = Bucket::default();
        for _ in 0..60 {
            bucket.take(rate(1, 60), 0).unwrap();
        }
        let fast = rate(60, 2);
        assert_eq!(bucket.take(fast, 0), Err(1_000_000));
        assert_eq!(bucket.take(fast, 1_000_000), Ok(()));
    }

    #[test]
    fn what_some_store_could_not_keep_exactly_is_refused() {
        assert_eq!(Limits::default().validate(), Ok(()));
        let quota = Limits { quota_per_day: Some(MAX_QUOTA + 1), ..Limits::default() };
        assert_eq!(quota.validate(), Err(InvalidLimits));
        for bad in [rate(Rate::MAX_PER_MINUTE + 1, 1), rate(1, Rate::MAX_BURST + 1)] {
            let limits = Limits { rate: Some(bad), ..Limits::default() };
            assert_eq!(limits.validate(), Err(InvalidLimits));
        }
    }

    proptest! {
        /// Whatever the arrivals, no window of time lets more pass than a full bucket and what comes
        /// back meanwhile.
        #[test]
        fn no_window_lets_more_pass_than_the_bucket_and_what_comes_back(
            per_minute in 1..=Rate::MAX_PER_MINUTE,
            burst in 1_u32..50,
            gaps in proptest::collection::vec(0_i64..2_000_000, 1..200),
        ) {
            let rate = rate(per_minute, burst);
            let (mut now, mut bucket, mut passed) = (0, Bucket::default(), Vec::new());
            for gap in gaps {
                now += gap;
                match bucket.take(rate, now) {
                    Ok(()) => passed.push(now),
                    // Exactly then there is one.
                    Err(wait) => {
                        prop_assert!(rate.take(bucket.full_at_us, now + wait - 1).1.is_err());
                        prop_assert!(rate.take(bucket.full_at_us, now + wait).1.is_ok());
                    }
                }
            }
            for (i, &from) in passed.iter().enumerate() {
                for (j, &to) in passed.iter().enumerate().skip(i) {
                    let back = (to - from) as f64 * f64::from(per_minute) / 60e6 * 1.001;
                    prop_assert!((j - i + 1) as f64 <= f64::from(burst) + back);
                }
            }
        }
    }
}

//! The limits of an app.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// The limits of an app. `None` is unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Maximum counted requests in a day (UTC).
    pub quota_per_day: Option<u64>,
    /// Maximum counted requests in a calendar month (UTC).
    pub quota_per_month: Option<u64>,
    /// Maximum rate of requests.
    pub rate: Option<Rate>,
    /// Maximum requests under way in each process, and with them of its workers and of bodies in
    /// memory. (Earlier versions do not know the field, so it is left out where there is none.)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_once: Option<NonZeroU32>,
}

/// A token bucket. It has at most `burst` tokens, a request takes one, and `per_minute` come back
/// evenly in a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Tokens that come back in a minute.
    pub per_minute: NonZeroU32,
    /// Maximum tokens in the bucket.
    pub burst: NonZeroU32,
}

impl Rate {
    /// Maximum rate, requests a minute. The bucket counts whole microseconds; up to this rate the
    /// rounding makes it faster by a thousandth at most.
    const MAX_PER_MINUTE: u32 = 60_000;
    /// Maximum bucket, tokens.
    const MAX_BURST: u32 = 1_000_000;

    /// The time in which one token comes back, microseconds.
    pub(crate) fn token_us(self) -> i64 {
        60_000_000 / i64::from(self.per_minute.get())
    }

    /// The time in which an empty bucket fills, microseconds.
    pub(crate) fn bucket_us(self) -> i64 {
        self.token_us() * i64::from(self.burst.get())
    }

    /// Takes a token at `now_us` from a bucket that will be full at `full_at_us`. Returns the new
    /// time at which it will be full, and as an error the wait for a token, microseconds.
    ///
    /// One number is the whole state of a token bucket (the generic cell rate algorithm of ATM's
    /// traffic management, ITU-T I.371). `valkey/hold.lua` has the same arithmetic.
    pub(crate) fn take(self, full_at_us: Option<i64>, now_us: i64) -> (i64, Result<(), i64>) {
        // A bucket cannot be emptier than empty, though the rate may have been raised or the clock
        // set back. Otherwise a bucket that was drained at a slow rate would fill at that rate.
        let full_at_us = full_at_us.unwrap_or(now_us).clamp(now_us, now_us + self.bucket_us());
        let taken_us = full_at_us + self.token_us();
        let wait_us = taken_us - now_us - self.bucket_us();
        if wait_us > 0 { (full_at_us, Err(wait_us)) } else { (taken_us, Ok(())) }
    }
}

/// Maximum quota that is exact in every store (Valkey's scripts count in doubles).
const MAX_QUOTA: u64 = 1_000_000_000_000;

/// A limit is out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a quota is {MAX_QUOTA} at most, a rate {} a minute, a burst {}",
    Rate::MAX_PER_MINUTE,
    Rate::MAX_BURST
)]
pub struct InvalidLimits;

impl Limits {
    /// Checks that every store can keep the limits exactly.
    ///
    /// # Errors
    /// When one is out of range.
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
    fn a_burst_passes_and_then_one_request_for_each_token() {
        let (rate, mut bucket) = (rate(60, 3), Bucket::default());
        let second = 1_000_000;
        for _ in 0..3 {
            assert_eq!(bucket.take(rate, 0), Ok(()));
        }
        assert_eq!(bucket.take(rate, 0), Err(second));
        assert_eq!(bucket.take(rate, second / 4), Err(3 * second / 4));
        assert_eq!(bucket.take(rate, second), Ok(()));
        assert_eq!(bucket.take(rate, second), Err(second));
        // After a long pause the bucket is full, and no fuller.
        for _ in 0..3 {
            assert_eq!(bucket.take(rate, 3600 * second), Ok(()));
        }
        assert_eq!(bucket.take(rate, 3600 * second), Err(second));
    }

    #[test]
    fn a_bucket_drained_at_a_slow_rate_fills_at_the_new_rate() {
        let mut bucket = Bucket::default();
        for _ in 0..60 {
            bucket.take(rate(1, 60), 0).unwrap();
        }
        let fast = rate(60, 2);
        assert_eq!(bucket.take(fast, 0), Err(1_000_000));
        assert_eq!(bucket.take(fast, 1_000_000), Ok(()));
    }

    #[test]
    fn limits_that_a_store_cannot_keep_exactly_are_refused() {
        assert_eq!(Limits::default().validate(), Ok(()));
        let quota = Limits { quota_per_day: Some(MAX_QUOTA + 1), ..Limits::default() };
        assert_eq!(quota.validate(), Err(InvalidLimits));
        for bad in [rate(Rate::MAX_PER_MINUTE + 1, 1), rate(1, Rate::MAX_BURST + 1)] {
            let limits = Limits { rate: Some(bad), ..Limits::default() };
            assert_eq!(limits.validate(), Err(InvalidLimits));
        }
    }

    proptest! {
        #[test]
        fn no_window_lets_more_pass_than_a_full_bucket_and_the_tokens_that_come_back(
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
                    // The token is there exactly after the wait.
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

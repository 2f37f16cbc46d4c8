//! A pack's named operating points.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr};

/// A named operating point: a balance between the two errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Display, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
#[strum(parse_err_ty = UnknownLevel, parse_err_fn = UnknownLevel::of)]
#[derive(PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SecurityLevel {
    /// Few people are turned away: BPCER of at most 5% where the pack was measured.
    Convenience,
    /// Both errors alike: the equal error rate's threshold.
    Standard,
    /// Few attacks pass: APCER of at most 5%, for the worst kind of attack, where the pack was
    /// measured.
    Hardened,
}

impl SecurityLevel {
    /// All levels, the most lenient first.
    pub const ALL: [Self; 3] = [Self::Convenience, Self::Standard, Self::Hardened];

    /// The name in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The text is not a security level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a security level is convenience, standard or hardened")]
pub struct UnknownLevel;

impl UnknownLevel {
    fn of(_: &str) -> Self {
        Self
    }
}

/// The operating points of a pack.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Levels(BTreeMap<SecurityLevel, OperatingPoint>);

impl Levels {
    /// The operating point of `level`, if the pack has one.
    #[must_use]
    pub fn get(&self, level: SecurityLevel) -> Option<OperatingPoint> {
        self.0.get(&level).copied()
    }

    /// True if all numbers are shares, and thresholds do not fall from one level to the next.
    pub(crate) fn are_sound(&self) -> bool {
        let is_share = |share: f64| (0.0..=1.0).contains(&share);
        let in_range = |point: &OperatingPoint| {
            [Some(point.threshold), point.apcer, point.bpcer].into_iter().flatten().all(is_share)
        };
        self.0.values().all(in_range)
            && self.0.values().is_sorted_by(|a, b| a.threshold <= b.threshold)
    }
}

/// A threshold and its measured error rates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatingPoint {
    /// Lowest calibrated score that is live, 0 to 1.
    pub threshold: f64,
    /// Share of attacks that pass, for the worst kind of attack. `None` if it was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apcer: Option<f64>,
    /// Share of bona fide presentations that are refused. `None` if it was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bpcer: Option<f64>,
}

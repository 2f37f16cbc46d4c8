//! Metrics of groups of presentations, since a good mean can hide people who are refused.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::evaluation::Evaluation;
use crate::presentation::Presentation;

/// The value of presentations without one in a column.
pub const NOT_GIVEN: &str = "not given";

/// Maximum number of values of a column. A column with more holds numbers or names, not groups.
const MOST_VALUES: usize = 50;

/// The groups of one column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupColumn {
    /// `camera`, `skin tone` and so on.
    pub column: String,
    /// The 50 values with the most presentations, sorted by name.
    pub values: Vec<GroupValue>,
    /// Number of values left out.
    pub values_left_out: u64,
}

/// One group: the presentations with one value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupValue {
    /// The value, or [`NOT_GIVEN`].
    pub value: String,
    /// Their metrics at the same threshold, without curves.
    pub evaluation: Evaluation,
}

impl GroupColumn {
    /// Every column of the presentations, sorted by name.
    #[must_use]
    pub fn all(presentations: &[Presentation], threshold: f64) -> Vec<Self> {
        let columns: BTreeSet<&String> =
            presentations.iter().flat_map(|each| each.groups.keys()).collect();
        columns.into_iter().map(|column| Self::of(presentations, column, threshold)).collect()
    }

    fn of(presentations: &[Presentation], column: &str, threshold: f64) -> Self {
        let mut values: BTreeMap<&str, Vec<Presentation>> = BTreeMap::new();
        for presentation in presentations {
            let value = presentation.groups.get(column).map(String::as_str);
            let value = value.filter(|value| !value.is_empty()).unwrap_or(NOT_GIVEN);
            values.entry(value).or_default().push(presentation.clone());
        }
        let mut values: Vec<_> = values.into_iter().collect();
        let left_out = values.len().saturating_sub(MOST_VALUES);
        if left_out > 0 {
            values.sort_by_key(|(_, members)| std::cmp::Reverse(members.len()));
            values.truncate(MOST_VALUES);
            values.sort_by_key(|(value, _)| *value);
        }
        let of = |(value, members): (&str, Vec<Presentation>)| GroupValue {
            value: value.to_owned(),
            evaluation: Evaluation::of(&members, threshold).without_curves(),
        };
        Self {
            column: column.to_owned(),
            values: values.into_iter().map(of).collect(),
            values_left_out: left_out as u64,
        }
    }
}

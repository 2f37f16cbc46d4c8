//! A whole run, and the file that keeps it.

use std::cmp::Reverse;
use std::path::Path;

use anyhow::Context;
use engine::{UsageError, refuse};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use super::bound::Bound;
use super::compare::Comparison;
use super::figures::{Figures, Position};
use super::nets::Nets;

/// The `schema` of the files.
const SCHEMA: &str = "livegate-bench";
/// Rises with every change that readers of older files could not take.
const SCHEMA_VERSION: u64 = 1;

/// A whole run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Run {
    schema: String,
    schema_version: u64,
    #[serde(with = "time::serde::rfc3339")]
    measured_at: OffsetDateTime,
    #[serde(flatten)]
    pub figures: Figures,
    /// The nets alone; empty where they were not measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nets: Vec<Nets>,
    /// The resource that limits this host, where the figures tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Bound>,
    /// The comparison with another run, of the points that both have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
}

impl Run {
    /// Sorts the points: the pipeline first, then HTTP; pictures in their order.
    pub(super) fn new(mut figures: Figures, nets: Vec<Nets>) -> Self {
        let Figures { setup, pictures, points } = &mut figures;
        points.sort_by_key(|point| {
            let Position { mode, picture, concurrency } = &point.position;
            let picture = pictures.iter().position(|other| other.name == *picture);
            (Reverse(mode.clone()), picture, *concurrency)
        });
        let bound = Bound::of(points, &nets, setup.cores_usable);
        let now = OffsetDateTime::now_utc();
        Self {
            schema: SCHEMA.to_owned(),
            schema_version: SCHEMA_VERSION,
            measured_at: now.replace_nanosecond(0).unwrap_or(now),
            figures,
            nets,
            bound,
            comparison: None,
        }
    }

    /// Reads the run that `bench --json` wrote to `file`.
    ///
    /// # Errors
    /// When the file cannot be read, or has another schema.
    pub(super) fn read(file: &Path) -> anyhow::Result<Self> {
        let name = file.display();
        let text = std::fs::read(file).with_context(|| format!("{name} cannot be read"))?;
        let value: Value = serde_json::from_slice(&text).unwrap_or_default();
        if value["schema"] != SCHEMA {
            refuse!("{name} is not what `livegate bench --json` writes");
        }
        let version = &value["schema_version"];
        if *version != SCHEMA_VERSION {
            refuse!("{name} is of schema version {version}; this program reads {SCHEMA_VERSION}");
        }
        let damaged = |error| UsageError(format!("{name} is damaged: {error}")).into();
        serde_json::from_value(value).map_err(damaged)
    }
}

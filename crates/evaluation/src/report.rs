//! Everything that is said about one run.

use std::collections::BTreeMap;

use serde::Serialize;
use time::OffsetDateTime;

use crate::evaluation::Evaluation;
use crate::group::GroupColumn;
use crate::presentation::Presentation;
use crate::reasons::{Occurrence, failure_codes, reasons};
use crate::robustness::Variant;
use crate::worst::Worst;

/// How many of each class [`Report::of`] shows as the worst.
const WORST_OF_EACH: usize = 12;

/// What was run, so that somebody else can do it again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// The program's name and version.
    pub program_version: String,
    /// The model pack.
    pub pack: String,
    /// Its digest, as hexadecimal.
    pub pack_digest: String,
    /// `cpu`, or the name of the accelerator.
    pub device: String,
    /// The build of the ONNX Runtime library.
    pub onnxruntime: String,
    /// Whether shortcuts of speed were off.
    pub exact: bool,
    /// Settings that results depend on, by their names in the configuration; those that were left at
    /// their defaults need not be there.
    pub settings: BTreeMap<String, String>,
    /// Accepted is a score at or above it, 0 to 1.
    pub threshold: f64,
    /// The security level that the threshold was taken from, if one was.
    pub security_level: Option<String>,
    /// Other thresholds to mark in the plots: the pack's levels.
    pub levels: Vec<NamedThreshold>,
    /// Where the presentations came from: a list's path, say.
    pub source: String,
    /// When it was run.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

/// A threshold with a name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NamedThreshold {
    /// `convenience`, `standard`, `hardened`.
    pub name: String,
    /// 0 to 1.
    pub threshold: f64,
}

/// Something listed that could not be evaluated as it was meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Which file.
    pub file: String,
    /// What is wrong with it, in words.
    pub what: String,
}

/// Everything that is said about one run; [`html()`](crate::html()) makes a page of it, `serde` the same as JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// What was run.
    pub run: Run,
    /// How many presentations were evaluated.
    pub pictures: u64,
    /// What was listed and could not be evaluated as it was meant: missing files, unknown labels, unreadable
    /// pictures.
    pub problems: Vec<Problem>,
    /// All presentations together.
    pub evaluation: Evaluation,
    /// The same by each group column.
    pub groups: Vec<GroupColumn>,
    /// The same for spoiled pictures.
    pub robustness: Vec<Variant>,
    /// Bona fide presentations with the lowest and attacks with the highest scores.
    pub worst: Vec<Worst>,
    /// Why presentations were not assessed.
    pub reasons: Vec<Occurrence>,
    /// Why presentations failed.
    pub failures: Vec<Occurrence>,
}

impl Report {
    /// Of `presentations`, at the threshold of `run`. Problems, spoiled variants and thumbnails are for the
    /// caller to add.
    #[must_use]
    pub fn of(run: Run, presentations: &[Presentation]) -> Self {
        let threshold = run.threshold;
        Self {
            run,
            pictures: presentations.len() as u64,
            problems: Vec::new(),
            evaluation: Evaluation::of(presentations, threshold),
            groups: GroupColumn::all(presentations, threshold),
            robustness: Vec::new(),
            worst: Worst::of(presentations, WORST_OF_EACH),
            reasons: reasons(presentations),
            failures: failure_codes(presentations),
        }
    }
}

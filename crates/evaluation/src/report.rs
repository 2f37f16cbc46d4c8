//! The report on one run.

use std::collections::BTreeMap;

use serde::Serialize;
use time::OffsetDateTime;

use crate::evaluation::Evaluation;
use crate::group::GroupColumn;
use crate::presentation::Presentation;
use crate::reasons::{Occurrence, failure_codes, reasons};
use crate::robustness::Variant;
use crate::worst::Worst;

/// Number of presentations of each class in [`Report::worst`].
const WORST_OF_EACH: usize = 12;

/// Everything that it takes to repeat the run.
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
    /// True if faces were searched for as the Python reference does.
    pub exact: bool,
    /// Settings that results depend on, by their names in the configuration. Defaults may be left
    /// out.
    pub settings: BTreeMap<String, String>,
    /// A score at or above it is accepted; 0 to 1.
    pub threshold: f64,
    /// The security level that chose the threshold, if one did.
    pub security_level: Option<String>,
    /// Further thresholds to mark in the plots: the pack's levels.
    pub levels: Vec<NamedThreshold>,
    /// The source of the presentations, such as the path of a list.
    pub source: String,
    /// Time of the run.
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

/// An entry of the list that could not be evaluated as listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// The fault in words.
    pub what: String,
}

/// The report on one run. [`html()`](crate::html()) writes it as a page, `serde` as JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Everything that it takes to repeat the run.
    pub run: Run,
    /// Number of presentations evaluated.
    pub pictures: u64,
    /// Entries that could not be evaluated as listed: missing files, unknown labels, unreadable
    /// pictures.
    pub problems: Vec<Problem>,
    /// All presentations together.
    pub evaluation: Evaluation,
    /// The groups of each column.
    pub groups: Vec<GroupColumn>,
    /// The same presentations with altered pictures.
    pub robustness: Vec<Variant>,
    /// Bona fide presentations with the lowest and attacks with the highest scores.
    pub worst: Vec<Worst>,
    /// Reasons of presentations that were not assessed.
    pub reasons: Vec<Occurrence>,
    /// Error codes of presentations that failed.
    pub failures: Vec<Occurrence>,
}

impl Report {
    /// Measures `presentations` at the threshold of `run`. The caller adds problems, variants and
    /// thumbnails.
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

//! The flags of `livegate evaluate`.

#![expect(missing_debug_implementations, reason = "`--set` may hold a secret in the wrong place")]

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{ArgGroup, Args};
use engine::config::{Config, ConfigError, Flag, help};
use engine::flags::{EngineFlags, ScoreBar};

/// The flags of `livegate evaluate`.
#[derive(Args)]
#[command(group = ArgGroup::new("pictures").required(true).multiple(true)
    .args(["live", "spoof", "attack", "manifest"]))]
pub struct Evaluate {
    /// Directory of bona fide pictures, with its subdirectories; may be repeated. Hidden files,
    /// .txt, .csv, .json, .jsonl, .md and earlier reports are passed over; every other file counts.
    #[arg(long, value_name = "DIR")]
    pub live: Vec<PathBuf>,
    /// Directory of presentation attacks of no particular type; may be repeated.
    #[arg(long, value_name = "DIR")]
    pub spoof: Vec<PathBuf>,
    /// Directory of presentation attacks of one type, as in `print=DIR`; may be repeated.
    #[arg(long, value_name = "NAME=DIR", value_parser = name_and_directory)]
    pub attack: Vec<(String, PathBuf)>,
    /// Take pictures from this CSV file instead: columns `file` (relative to the CSV file), `label`
    /// (`live` or `spoof`) and `attack_type`, and any others.
    #[arg(long, value_name = "FILE.csv", conflicts_with_all = ["live", "spoof", "attack"])]
    pub manifest: Option<PathBuf>,
    /// Break the figures down by this column of the manifest too; may be repeated.
    #[arg(long, value_name = "COLUMN", requires = "manifest")]
    pub group_by: Vec<String>,
    /// The threshold.
    #[command(flatten)]
    pub bar: ScoreBar,
    /// Take no shortcut, as in `verify`.
    #[arg(long)]
    pub exact: bool,
    /// Measure again after compression, resizing and blur: ten times the work. Altered pictures
    /// stay in memory.
    #[arg(long)]
    pub robustness: bool,
    /// The key `workers`.
    #[arg(long, value_name = "N", help = help("workers"))]
    pub workers: Option<NonZeroUsize>,
    /// The outputs.
    #[command(flatten)]
    pub output: Output,
    /// The pack, the device, and the sources of missing files.
    #[command(flatten)]
    pub engine: EngineFlags,
}

/// The outputs.
#[derive(Args)]
pub struct Output {
    /// Directory for report.html, report.json, scores.csv, and a journal from which an interrupted
    /// run continues.
    #[arg(long, value_name = "DIR", default_value = "livegate-evaluation")]
    pub out: PathBuf,
    /// Measure everything anew, and drop the results of the journal in --out.
    #[arg(long)]
    pub fresh: bool,
    /// Embed small copies of the pictures that were judged worst in report.html. Without this flag,
    /// no written file holds any part of a picture.
    #[arg(long)]
    pub thumbnails: bool,
    /// Print the figures as JSON.
    #[arg(long)]
    pub json: bool,
}

impl Evaluate {
    pub(super) fn config(&self) -> Result<Config, ConfigError> {
        let workers = Flag::new("workers", self.workers.as_ref());
        self.engine.model.layers([workers])?.config()
    }
}

fn name_and_directory(text: &str) -> Result<(String, PathBuf), &'static str> {
    match text.split_once('=') {
        Some((name, directory)) if !name.trim().is_empty() && !directory.is_empty() => {
            Ok((name.trim().to_owned(), directory.into()))
        }
        _ => Err("it is NAME=DIR"),
    }
}

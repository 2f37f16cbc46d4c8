//! Flags of the commands that measure packs, `evaluate` and `calibrate`, and of thresholds.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{ArgGroup, Args};
use liveness::{Bar, SecurityLevel, Threshold};

use super::Engine;
use crate::config::Flag;

#[derive(Args)]
#[command(group = ArgGroup::new("pictures").required(true).multiple(true)
    .args(["live", "spoof", "attack", "manifest"]))]
pub(crate) struct Evaluate {
    /// Directory of bona fide pictures, with all that is below it; may be repeated. What is clearly no
    /// picture (hidden files, .txt, .csv, .json, .jsonl, .md, earlier reports) is passed over; every
    /// other file counts.
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
    #[command(flatten)]
    pub bar: ScoreBar,
    /// Take no shortcut, as in `verify`.
    #[arg(long)]
    pub exact: bool,
    /// Measure again after compression, resizing and blur, ten times as much work. Altered pictures stay
    /// in memory.
    #[arg(long)]
    pub robustness: bool,
    /// Threads, each with its own models [default: one per core] [env: `LIVEGATE_WORKERS`].
    #[arg(long, value_name = "N")]
    pub workers: Option<NonZeroUsize>,
    #[command(flatten)]
    pub output: Output,
    #[command(flatten)]
    pub engine: Engine,
}

/// Where figures go, and what with them.
#[derive(Args)]
pub(crate) struct Output {
    /// Directory for report.html, report.json, scores.csv, and a journal that a run which was cut short
    /// goes on from.
    #[arg(long, value_name = "DIR", default_value = "livegate-evaluation")]
    pub out: PathBuf,
    /// Measure everything anew, whatever the journal in --out holds.
    #[arg(long)]
    pub fresh: bool,
    /// Embed small copies of the pictures that were judged worst in report.html. Without this, nothing
    /// that is written holds any part of a picture.
    #[arg(long)]
    pub thumbnails: bool,
    /// Print the figures as JSON.
    #[arg(long)]
    pub json: bool,
}

impl Evaluate {
    /// Those of its flags that stand for keys of the configuration.
    pub(crate) fn flags(&self) -> Vec<Flag> {
        let mut flags = self.engine.flags();
        flags.push(Flag::new("workers", "--workers", self.workers.as_ref()));
        flags
    }
}

const PACK_TO_COPY: &str =
    "Model pack that the scores are of [default: the one that report.json names]";

/// What scores are held against.
#[derive(Args)]
pub(crate) struct ScoreBar {
    /// Scores from here on are live, 0 to 1 [default: the configured one, or 0.5].
    #[arg(long, value_name = "NUMBER")]
    threshold: Option<Threshold>,
    /// Take the threshold that the pack has for this level: convenience, standard or hardened.
    #[arg(long, value_name = "LEVEL", conflicts_with = "threshold")]
    security_level: Option<SecurityLevel>,
}

impl ScoreBar {
    /// What was given, if anything was.
    pub(crate) fn bar(&self) -> Option<Bar> {
        self.threshold.map(Bar::Threshold).or(self.security_level.map(Bar::Level))
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

#[derive(Args)]
#[command(mut_arg("pack", |pack| pack.help(PACK_TO_COPY)))]
pub(crate) struct Calibrate {
    /// What `livegate evaluate` wrote. The report.json beside it says which pack the scores are of.
    #[arg(value_name = "SCORES.csv")]
    pub scores: PathBuf,
    /// Name of the new pack.
    #[arg(long, value_name = "NEW")]
    pub name: String,
    /// Share of living people that the level `convenience` may turn away, 0 to below 1.
    #[arg(long, value_name = "SHARE", default_value = "0.05", value_parser = share)]
    pub convenience_bpcer: f64,
    /// Share of attacks, of the type that does best, that the level `hardened` may let in, 0 to below 1.
    #[arg(long, value_name = "SHARE", default_value = "0.05", value_parser = share)]
    pub hardened_apcer: f64,
    /// Which pictures these are, for the pack to say of its figures [default: how many].
    #[arg(long, value_name = "TEXT")]
    pub pictures: Option<String>,
    /// Calibrate although the scores are of another pack, or do not say of which.
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub engine: Engine,
}

fn share(text: &str) -> Result<f64, &'static str> {
    match text.trim().parse() {
        Ok(share) if (0.0..1.0).contains(&share) => Ok(share),
        _ => Err("it is a number from 0 to below 1"),
    }
}

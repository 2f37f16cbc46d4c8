//! `livegate verify`: checks picture files without HTTP.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use engine::flags::{EngineFlags, ScoreBar};
use engine::picture_file::{self, Unverified};
use engine::{Engine, Place, core_files, install};
use ingress::{ReportFields, Version};
use liveness::{Face, JudgedFace, ModelProviders, Pipeline, Report, Terms, Turn, Verdict};
use serde::Serialize;

use crate::annotate::annotate;
use crate::commit::commit;

#[derive(Args)]
pub(crate) struct Verify {
    /// Pictures to check.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Print one JSON object a line.
    #[arg(long)]
    pub json: bool,
    /// Write each picture with its boxes and score drawn into this directory.
    #[arg(long, value_name = "DIR")]
    pub annotate: Option<PathBuf>,
    #[command(flatten)]
    pub bar: ScoreBar,
    /// Take no shortcut: decode in full, and look for faces as the reference does, once, at its
    /// size and with the picture as it came.
    #[arg(long)]
    pub exact: bool,
    #[command(flatten)]
    pub engine: EngineFlags,
}

/// The exit code if a picture is not live.
const SOME_NOT_LIVE: u8 = 1;
/// The exit code if a picture could not be assessed or read.
const SOME_NOT_ASSESSED: u8 = 2;

pub(crate) fn run(command: &Verify, place: &Place) -> anyhow::Result<u8> {
    core_files::refuse();
    let home = place.home()?;
    let config = command.engine.model.layers([])?.config()?;
    install::ensure(place, &home, &config, false, &command.engine.sources)?;
    let engine = Engine::load(place, &home, &config)?;
    let mut pipeline = engine.pipeline()?;
    let version = engine.version(commit());
    let terms = engine.terms(command.bar.bar(), command.exact);
    pipeline.threshold(terms.bar)?;
    if let Some(directory) = &command.annotate {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("{} cannot be made", directory.display()))?;
    }
    let mut names = HashSet::new();
    let mut exit = 0;
    for file in &command.files {
        let outcome = check(&mut pipeline, file, &terms, config.ingress.max_body_bytes)?;
        let line = if command.json {
            json_line(file, &outcome, &version)
        } else {
            text_line(file, &outcome)
        };
        writeln!(std::io::stdout(), "{line}").context("standard output is closed")?;
        exit = exit.max(match outcome.as_ref().map(|(_, report)| report.judgement.verdict) {
            Ok(Verdict::Live) => 0,
            Ok(Verdict::Spoof) => SOME_NOT_LIVE,
            Ok(Verdict::NotAssessed) | Err(_) => SOME_NOT_ASSESSED,
        });
        if let (Some(directory), Ok((bytes, report))) = (&command.annotate, &outcome) {
            let path = directory.join(free_name(file, &mut names));
            let picture = annotate(bytes, report, &config.liveness.limits())?;
            std::fs::write(&path, picture)
                .with_context(|| format!("{} cannot be written", path.display()))?;
        }
    }
    Ok(exit)
}

/// The report on a file, or the problem with it. A fault of a model is an error of the program.
fn check(
    pipeline: &mut Pipeline,
    file: &Path,
    terms: &Terms,
    max_bytes: usize,
) -> anyhow::Result<Result<(Vec<u8>, Report), Unverified>> {
    let bytes = match picture_file::read(file, max_bytes) {
        Ok(bytes) => bytes,
        Err(problem) => return Ok(Err(problem)),
    };
    match pipeline.check(&bytes, terms, &|| false) {
        Ok(report) => Ok(Ok((bytes, report))),
        Err(error) => picture_file::fault_of_picture(error)
            .map(Err)
            .with_context(|| format!("{} was not checked", file.display())),
    }
}

/// A name for the annotated copy of `file` that no other file of this run has.
fn free_name(file: &Path, taken: &mut HashSet<PathBuf>) -> PathBuf {
    let stem = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let candidates = std::iter::once(format!("{stem}.png"))
        .chain((2..).map(|n| format!("{stem}.{n}.png")))
        .map(PathBuf::from);
    candidates.into_iter().find(|name| taken.insert(name.clone())).unwrap_or_default()
}

fn text_line(file: &Path, outcome: &Result<(Vec<u8>, Report), Unverified>) -> String {
    let file = file.display();
    let (_, report) = match outcome {
        Ok(checked) => checked,
        Err(Unverified { message, .. }) => return format!("{file}: unreadable: {message}"),
    };
    let mut facts = match (report.judgement.verdict, report.judgement.score()) {
        (Verdict::NotAssessed, _) | (_, None) => vec!["not assessed".to_owned()],
        (verdict, Some(score)) => {
            let verdict = if verdict == Verdict::Live { "live" } else { "spoof" };
            let (score, threshold) = (score.get(), report.threshold.get());
            vec![format!("{verdict}, score {score:.4} (threshold {threshold})")]
        }
    };
    let reasons = report.judgement.reasons.iter();
    facts.extend(reasons.map(|reason| format!("{}: {}", reason.code.as_str(), reason.hint)));
    if report.turn != Turn::None {
        facts.push(format!("turned by {} degrees", report.turn.degrees()));
    }
    if let Some(JudgedFace { face: Face { rect, .. }, .. }) = report.faces.first() {
        facts.push(format!(
            "face {:.0}x{:.0} px at {:.0},{:.0}",
            rect.delta.x, rect.delta.y, rect.top_left.x, rect.top_left.y
        ));
    }
    if report.faces.len() > 1 {
        facts.push(format!("{} faces in all", report.faces.len()));
    }
    let milliseconds = report.timings.total.as_secs_f64() * 1e3;
    facts.push(format!("{milliseconds:.1} ms [{}, {}]", report.pack.name, report.device));
    format!("{file}: {}", facts.join(", "))
}

fn json_line(
    file: &Path,
    outcome: &Result<(Vec<u8>, Report), Unverified>,
    version: &Version,
) -> String {
    #[derive(Serialize)]
    struct Checked<'a> {
        file: String,
        #[serde(flatten)]
        report: ReportFields<'a>,
        /// As `models` in `/version`.
        ran_on: &'a [ModelProviders],
        #[serde(skip_serializing_if = "Option::is_none")]
        ran_on_not_known: Option<&'a str>,
    }
    #[derive(Serialize)]
    struct Failed<'a> {
        file: String,
        error: &'a Unverified,
    }

    let file = file.display().to_string();
    let line = match outcome {
        Ok((_, report)) => {
            let Version { models: ran_on, models_not_known, .. } = version;
            let (report, ran_on_not_known) =
                (ReportFields::of(report), models_not_known.as_deref());
            serde_json::to_string(&Checked { file, report, ran_on, ran_on_not_known })
        }
        Err(error) => serde_json::to_string(&Failed { file, error }),
    };
    line.expect("reports hold strings and finite numbers only")
}

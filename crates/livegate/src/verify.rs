//! `livegate verify`: the pipeline without HTTP.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use ingress::{Problem, ReportFields, Version};
use liveness::{CheckError, Face, ModelProviders, Pipeline, Reason, Report, Terms, Turn, Verdict};
use serde::Serialize;

use crate::annotate::annotate;
use crate::cli::{Place, Verify};
use crate::config::Layers;
use crate::engine::Engine;
use crate::{core_files, setup};

/// Some pictures are not live.
const SOME_NOT_LIVE: u8 = 1;
/// Some could not be assessed or read.
const SOME_NOT_ASSESSED: u8 = 2;

pub(crate) fn run(command: &Verify, place: &Place) -> anyhow::Result<ExitCode> {
    core_files::refuse();
    let home = setup::home(place)?;
    let config = Layers::load(&command.engine.settings, &command.engine.flags())?.config()?;
    setup::ensure(
        &home,
        place,
        config.device,
        config.pack.as_deref(),
        false,
        &command.engine.sources,
    )?;
    let engine = Engine::load(place, &home, &config)?;
    let mut pipeline = engine.pipeline()?;
    let version = engine.version();
    let terms = Terms {
        bar: command.bar.bar().unwrap_or(config.ingress.bar()),
        min_picture_side_px: config.ingress.min_picture_side_px,
        exact: command.exact,
        every_face: false,
    };
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
        exit = exit.max(match &outcome {
            Ok((_, Report { verdict: Verdict::Live, .. })) => 0,
            Ok((_, Report { verdict: Verdict::Spoof, .. })) => SOME_NOT_LIVE,
            Ok((_, Report { verdict: Verdict::NotAssessed, .. })) | Err(_) => SOME_NOT_ASSESSED,
        });
        if let (Some(directory), Ok((bytes, report))) = (&command.annotate, &outcome) {
            let path = directory.join(free_name(file, &mut names));
            let picture = annotate(bytes, report, config.liveness.max_picture_side_px)?;
            std::fs::write(&path, picture)
                .with_context(|| format!("{} cannot be written", path.display()))?;
        }
    }
    Ok(exit.into())
}

/// Why a file has no report, as the service would call it.
pub(crate) struct Unverified {
    pub code: &'static str,
    pub message: String,
}

/// What the service has no code for: it is sent bytes.
pub(crate) const UNREADABLE_FILE: &str = "unreadable_file";

/// The bytes of `file`, if there are not too many.
pub(crate) fn read(file: &Path, max_bytes: usize) -> Result<Vec<u8>, Unverified> {
    let mut bytes = Vec::new();
    let opened = File::open(file);
    let read = opened.and_then(|file| file.take(max_bytes as u64 + 1).read_to_end(&mut bytes));
    match read {
        Ok(read) if read <= max_bytes => Ok(bytes),
        Ok(_) => {
            let problem = Problem::BodyTooLarge { limit_bytes: max_bytes };
            let message = format!("the file is larger than {max_bytes} bytes, the limit of bodies");
            Err(Unverified { code: problem.code(), message })
        }
        Err(error) => {
            let message = format!("the file cannot be read: {error}");
            Err(Unverified { code: UNREADABLE_FILE, message })
        }
    }
}

/// The report on a file, or what is wrong with the file. What is wrong with us is an error of its own.
fn check(
    pipeline: &mut Pipeline,
    file: &Path,
    terms: &Terms,
    max_bytes: usize,
) -> anyhow::Result<Result<(Vec<u8>, Report), Unverified>> {
    let bytes = match read(file, max_bytes) {
        Ok(bytes) => bytes,
        Err(why) => return Ok(Err(why)),
    };
    match pipeline.check(&bytes, terms) {
        Ok(report) => Ok(Ok((bytes, report))),
        Err(error @ (CheckError::Detect(_) | CheckError::Score(_))) => {
            let file = file.display();
            Err(anyhow::Error::new(error).context(format!("{file} was not checked")))
        }
        Err(error) => {
            let problem = Problem::from(error);
            Ok(Err(Unverified { code: problem.code(), message: problem.story() }))
        }
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
    let mut facts = match (report.verdict, report.score) {
        (Verdict::NotAssessed, _) | (_, None) => vec!["not assessed".to_owned()],
        (verdict, Some(score)) => {
            let verdict = if verdict == Verdict::Live { "live" } else { "spoof" };
            let (score, threshold) = (score.get(), report.threshold.get());
            vec![format!("{verdict}, score {score:.4} (threshold {threshold})")]
        }
    };
    facts.extend(report.reasons.iter().map(|reason| {
        let Reason { code, hint, .. } = reason;
        format!("{}: {hint}", code.as_str())
    }));
    if report.turn != Turn::None {
        facts.push(format!("turned by {} degrees", report.turn.degrees()));
    }
    if let Some(Face { rect, .. }) = report.faces.first() {
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
        error: Detail<'a>,
    }
    #[derive(Serialize)]
    struct Detail<'a> {
        code: &'static str,
        message: &'a str,
    }

    let file = file.display().to_string();
    let line = match outcome {
        Ok((_, report)) => {
            let report = ReportFields::of(report);
            let (ran_on, ran_on_not_known) =
                (&*version.models, version.models_not_known.as_deref());
            serde_json::to_string(&Checked { file, report, ran_on, ran_on_not_known })
        }
        Err(Unverified { code, message }) => {
            let error = Detail { code, message };
            serde_json::to_string(&Failed { file, error })
        }
    };
    line.expect("reports hold strings and finite numbers only")
}

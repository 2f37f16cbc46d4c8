//! From results to report.html, report.json, scores.csv and what is said at the end.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context;
use evaluation::{Outcome, Presentation, Problem, Report, Run, Variant};

use super::inputs::{Inputs, Picture};
use super::measure::Measured;
use super::robustness::Alteration;
use super::run::Results;

/// The longer side of small pictures, pixels.
const THUMBNAIL_SIDE_PX: usize = 160;

/// Everything that is said about a run, and its presentations.
pub(super) fn report(
    run: Run,
    inputs: &Inputs,
    results: &Results,
    alterations: &[Alteration],
) -> (Report, Vec<Presentation>) {
    let pictures = &inputs.pictures;
    let mut problems = inputs.problems.clone();
    problems.extend(failures(pictures, results));
    problems.extend(twins(pictures, results));
    let threshold = run.threshold;
    let presentations = presentations(pictures, results, 0);
    let mut report = Report::of(run, &presentations);
    report.problems = problems;
    let variant = |(i, alteration): (usize, &Alteration)| {
        let (name, description) = alteration.described();
        let altered = self::presentations(pictures, results, i + 1);
        Variant::of(name, description, &presentations, &altered, threshold)
    };
    report.robustness = alterations.iter().enumerate().map(variant).collect();
    (report, presentations)
}

/// Every picture with result number `which` of its results.
fn presentations(pictures: &[Picture], results: &Results, which: usize) -> Vec<Presentation> {
    let presentation = |(picture, results): (&Picture, &Vec<Measured>)| {
        let Picture { file, label, attack_type, groups, .. } = picture.clone();
        let Measured { outcome, models, .. } = results[which].clone();
        Presentation { file, label, attack_type, groups, outcome, models }
    };
    pictures.iter().zip(results).map(presentation).collect()
}

/// Those that something broke over.
fn failures(pictures: &[Picture], results: &Results) -> Vec<Problem> {
    let failure = |(picture, results): (&Picture, &Vec<Measured>)| match &results[0].outcome {
        Outcome::Failed { code, message } => {
            Some(Problem { file: picture.file.clone(), what: format!("{code}: {message}") })
        }
        _ => None,
    };
    pictures.iter().zip(results).filter_map(failure).collect()
}

/// Those that are there under another name, too. They count: which one is meant is not ours to say.
fn twins(pictures: &[Picture], results: &Results) -> Vec<Problem> {
    let mut first_of: HashMap<&str, &Picture> = HashMap::new();
    let mut problems = Vec::new();
    for (picture, results) in pictures.iter().zip(results) {
        let Some(sha256) = &results[0].sha256 else { continue };
        let first = *first_of.entry(sha256).or_insert(picture);
        if first.identity != picture.identity {
            let but = if first.label == picture.label { "" } else { ", which has another label" };
            let what = format!("it is the same picture as {}{but}", first.file);
            problems.push(Problem { file: picture.file.clone(), what });
        }
    }
    problems
}

/// Puts small copies of the worst pictures into `report`. One that cannot be had is left out.
pub(super) fn add_thumbnails(report: &mut Report, pictures: &[Picture], limits: &frame::Limits) {
    for worst in &mut report.worst {
        let picture = pictures.iter().find(|picture| picture.file == worst.file);
        let bytes = picture.and_then(|picture| std::fs::read(&picture.path).ok());
        let frame = bytes.and_then(|bytes| frame::decode(&bytes, limits).ok());
        worst.thumbnail_png = frame.and_then(|frame| {
            let side = THUMBNAIL_SIDE_PX.min(frame.size().longer_side());
            frame.resized(side).encode_png().ok()
        });
    }
}

/// Writes all three files into `out`.
pub(super) fn write(
    out: &Path,
    report: &Report,
    presentations: &[Presentation],
) -> anyhow::Result<()> {
    let mut scores = Vec::new();
    evaluation::write_scores(&mut scores, presentations)?;
    place(out, "scores.csv", &scores)?;
    place(out, "report.json", &serde_json::to_vec_pretty(report)?)?;
    place(out, "report.html", evaluation::html(report).as_bytes())
}

/// Writes a file whole or not at all.
fn place(directory: &Path, name: &str, content: &[u8]) -> anyhow::Result<()> {
    let (beside, path) = (directory.join(format!(".{name}.part")), directory.join(name));
    std::fs::write(&beside, content)
        .and_then(|()| std::fs::rename(&beside, &path))
        .with_context(|| format!("{} cannot be written", path.display()))
}

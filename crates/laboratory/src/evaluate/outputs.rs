//! From results to report.html, report.json and scores.csv.

use std::collections::HashMap;
use std::path::Path;

use evaluation::{Outcome, Presentation, Problem, Report, Run, Variant};

use super::inputs::{Inputs, Picture};
use super::measure::Measured;
use super::robustness::Alteration;
use super::run::Results;
use crate::whole_file::write_whole;

/// The longer side of thumbnails, pixels.
const THUMBNAIL_SIDE_PX: usize = 160;

/// The report of a run, and its presentations.
pub(super) fn report(
    run: Run,
    inputs: &Inputs,
    results: &Results,
    alterations: &[Alteration],
) -> (Report, Vec<Presentation>) {
    let pictures = &inputs.pictures;
    let threshold = run.threshold;
    let presentations = presentations(pictures, results, None);
    let mut problems = inputs.problems.clone();
    problems.extend(failures(&presentations));
    problems.extend(twins(pictures, results));
    let mut report = Report::of(run, &presentations);
    report.problems = problems;
    let variant = |alteration: &Alteration| {
        let (name, description) = alteration.described();
        let altered = self::presentations(pictures, results, Some(*alteration));
        Variant::of(name, description, &presentations, &altered, threshold)
    };
    report.robustness = alterations.iter().map(variant).collect();
    (report, presentations)
}

/// Every picture with its result.
fn presentations(
    pictures: &[Picture],
    results: &Results,
    altered: Option<Alteration>,
) -> Vec<Presentation> {
    let presentation = |(picture, results): (&Picture, &HashMap<_, Measured>)| {
        let Picture { file, label, attack_type, groups, .. } = picture.clone();
        let Measured { outcome, models, .. } = results[&altered].clone();
        Presentation { file, label, attack_type, groups, outcome, models }
    };
    pictures.iter().zip(results).map(presentation).collect()
}

/// The pictures that failed.
pub(super) fn failures(presentations: &[Presentation]) -> Vec<Problem> {
    let failure = |presentation: &Presentation| match &presentation.outcome {
        Outcome::Failed { code, message } => {
            Some(Problem { file: presentation.file.clone(), what: format!("{code}: {message}") })
        }
        _ => None,
    };
    presentations.iter().filter_map(failure).collect()
}

/// The pictures that are listed under another name too. Both count, as either may be meant.
fn twins(pictures: &[Picture], results: &Results) -> Vec<Problem> {
    let mut first_of: HashMap<&str, &Picture> = HashMap::new();
    let mut problems = Vec::new();
    for (picture, results) in pictures.iter().zip(results) {
        let Some(sha256) = &results[&None].sha256 else { continue };
        let first = *first_of.entry(sha256).or_insert(picture);
        if first.path != picture.path {
            let but = if first.label == picture.label { "" } else { ", which has another label" };
            let what = format!("it is the same picture as {}{but}", first.file);
            problems.push(Problem { file: picture.file.clone(), what });
        }
    }
    problems
}

/// Puts thumbnails of the worst pictures into `report`, except of unreadable ones.
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
    write_whole(&out.join("scores.csv"), &scores)?;
    write_whole(&out.join("report.json"), &serde_json::to_vec_pretty(report)?)?;
    write_whole(&out.join("report.html"), evaluation::html(report).as_bytes())
}

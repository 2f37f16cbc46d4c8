//! All pictures that the flags name, in directories and in a manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use engine::{UsageError, refuse};
use evaluation::Label;

use super::flags::Evaluate;
use super::inputs::{Identity, Inputs, Picture, first_problems};
use super::manifest;

/// Lists every picture that the flags name.
///
/// # Errors
/// When a directory or the manifest is not there, or no picture in them can be used.
pub(super) fn gather(command: &Evaluate) -> anyhow::Result<Inputs> {
    let mut inputs = Inputs::default();
    // clap skips `requires` where the required flag would conflict with a given one.
    if command.manifest.is_none() && !command.group_by.is_empty() {
        let problem = "--group-by needs a --manifest, whose columns it names";
        return Err(UsageError(problem.to_owned()).into());
    }
    if let Some(file) = &command.manifest {
        manifest::read(file, &command.group_by, &mut inputs)?;
    }
    let out = command.output.out.canonicalize().ok();
    let live = command.live.iter().map(|directory| (Label::Live, None, directory));
    let spoof = command.spoof.iter().map(|directory| (Label::Spoof, None, directory));
    let attack =
        command.attack.iter().map(|(name, directory)| (Label::Spoof, Some(name), directory));
    for (label, attack_type, directory) in live.chain(spoof).chain(attack) {
        Walk { label, attack_type, out: out.as_deref() }.all_in(directory, &mut inputs)?;
    }
    inputs.drop_repeated();
    if inputs.pictures.is_empty() {
        let problems = match inputs.problems.len() {
            0 => "nothing is listed".to_owned(),
            all => format!("{all} problems, the first: {}", first_problems(&inputs.problems)),
        };
        refuse!("there is no picture to evaluate; {problems}");
    }
    for (label, name) in [(Label::Live, "bona fide picture"), (Label::Spoof, "attack")] {
        if !inputs.pictures.iter().any(|picture| picture.label == label) {
            let problem = format!("there is no {name}: figures that need both cannot be had");
            inputs.problem("all", problem);
        }
    }
    inputs.name_similar_types();
    Ok(inputs)
}

/// A walk through a directory and its subdirectories, in the order of names.
struct Walk<'a> {
    label: Label,
    attack_type: Option<&'a String>,
    /// The directory of the reports, which holds no pictures.
    out: Option<&'a Path>,
}

impl Walk<'_> {
    fn all_in(&self, directory: &Path, inputs: &mut Inputs) -> anyhow::Result<()> {
        let shown = directory.display();
        if !directory.is_dir() {
            refuse!("{shown} is no directory");
        }
        let canonical = directory.canonicalize().context("a directory has a path")?;
        let listed_before = inputs.pictures.len() + inputs.problems.len();
        self.walk(directory, &mut vec![canonical], inputs);
        if inputs.pictures.len() + inputs.problems.len() == listed_before {
            inputs.problem(shown, "there is no picture in it");
        }
        Ok(())
    }

    /// `above` are the directories on the way here: a link to one of them would never end.
    fn walk(&self, directory: &Path, above: &mut Vec<PathBuf>, inputs: &mut Inputs) {
        let names = std::fs::read_dir(directory).and_then(|entries| {
            entries.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<BTreeSet<_>>>()
        });
        let names = match names {
            Ok(names) => names,
            Err(error) => {
                inputs.problem(directory.display(), format!("it cannot be listed: {error}"));
                return;
            }
        };
        for name in names {
            let path = directory.join(&name);
            // The report of this or an earlier evaluation; its directory may still hold pictures.
            let is_report =
                path.ends_with("report.html") && path.with_file_name("journal.jsonl").is_file();
            if is_no_picture(&path) || is_report {
                inputs.passed_over += 1;
            } else if path.is_dir() {
                let canonical = path.canonicalize().unwrap_or_else(|_| path.clone());
                if self.out == Some(&canonical) {
                    inputs.passed_over += 1;
                } else if above.contains(&canonical) {
                    inputs.problem(path.display(), "it links to a directory above it");
                } else {
                    above.push(canonical);
                    self.walk(&path, above, inputs);
                    above.pop();
                }
            } else {
                let picture = Picture {
                    file: path.display().to_string(),
                    path,
                    label: self.label,
                    attack_type: self.attack_type.cloned(),
                    groups: BTreeMap::new(),
                    identity: Identity::default(),
                };
                inputs.add("", picture);
            }
        }
    }
}

/// True if the name alone shows that this is no picture. Every other file counts, and the report
/// names it if it is no picture.
fn is_no_picture(path: &Path) -> bool {
    let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let extension = path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase);
    let is_text = matches!(extension.as_deref(), Some("txt" | "csv" | "json" | "jsonl" | "md"));
    // A directory may have any extension.
    is_hidden || is_text && !path.is_dir()
}

//! Which pictures, what each is said to be, and what is wrong with that.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fmt::Display;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::Context;
use evaluation::{Label, Problem};

use super::manifest;
use crate::cli::Evaluate;
use crate::keys::Unusable;

/// A picture to measure, and what it is said to be.
#[derive(Debug, Clone)]
pub(super) struct Picture {
    /// Its name in reports: as it was listed.
    pub file: String,
    /// Where it is.
    pub path: PathBuf,
    pub label: Label,
    pub attack_type: Option<String>,
    /// Its values in the columns that figures are broken down by.
    pub groups: BTreeMap<String, String>,
    pub identity: Identity,
}

/// What a file is known again by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    /// Its path without links and dots.
    pub path: PathBuf,
    pub bytes: u64,
    /// When it was modified, nanoseconds since 1970.
    pub modified_ns: i64,
}

/// All that was asked for.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    pub pictures: Vec<Picture>,
    /// What is wrong with files, rows and columns.
    pub problems: Vec<Problem>,
    /// Files and directories in the directories that are clearly no pictures.
    pub passed_over: usize,
}

impl Inputs {
    /// Every picture that the command names.
    ///
    /// # Errors
    /// When what it names is not there, or nothing in it can be used.
    pub(super) fn gather(command: &Evaluate) -> anyhow::Result<Self> {
        let mut inputs = Self::default();
        // `requires` says nothing where what it requires would conflict with what is there.
        if command.manifest.is_none() && !command.group_by.is_empty() {
            let why = "--group-by needs a --manifest, whose columns it names";
            return Err(Unusable(why.to_owned()).into());
        }
        if let Some(file) = &command.manifest {
            manifest::read(file, &command.group_by, &mut inputs)?;
        }
        let attacks = command.attack.iter().map(|(name, directory)| (Some(name), directory));
        let spoof = command.spoof.iter().map(|directory| (None, directory)).chain(attacks);
        let spoof = spoof.map(|(attack_type, directory)| (Label::Spoof, attack_type, directory));
        let live = command.live.iter().map(|directory| (Label::Live, None, directory));
        for (label, attack_type, directory) in live.chain(spoof) {
            let walk = Walk { label, attack_type, out: command.output.out.canonicalize().ok() };
            walk.all_in(directory, &mut inputs)?;
        }
        inputs.drop_repeated();
        if inputs.pictures.is_empty() {
            let first = inputs.problems.iter().take(3);
            let first: Vec<_> = first.map(|p| format!("{}: {}", p.file, p.what)).collect();
            let why = match inputs.problems.len() {
                0 => "nothing is listed".to_owned(),
                all => format!("{all} problems, the first: {}", first.join("; ")),
            };
            return Err(Unusable(format!("there is no picture to evaluate; {why}")).into());
        }
        for (label, name) in [(Label::Live, "bona fide picture"), (Label::Spoof, "attack")] {
            if !inputs.pictures.iter().any(|picture| picture.label == label) {
                let what = format!("there is no {name}: figures that need both cannot be had");
                inputs.problem("all", what);
            }
        }
        inputs.name_similar_types();
        Ok(inputs)
    }

    /// Types of attack that are probably meant to be one. They count as two: APCER is a figure of each.
    fn name_similar_types(&mut self) {
        let types = self.pictures.iter().filter_map(|picture| picture.attack_type.clone());
        let mut spelled: HashMap<String, String> = HashMap::new();
        for attack_type in types.collect::<BTreeSet<_>>() {
            let first = spelled.entry(attack_type.to_lowercase()).or_insert(attack_type.clone());
            if *first != attack_type {
                let types = format!("`{first}` and `{attack_type}`");
                let what =
                    format!("the attack types {types} differ in case only, and count as two");
                self.problem("all", what);
            }
        }
    }

    pub(super) fn problem(&mut self, file: impl Display, what: impl Into<String>) {
        self.problems.push(Problem { file: file.to_string(), what: what.into() });
    }

    /// Adds a picture, or says what is wrong with its file.
    pub(super) fn add(&mut self, picture: Listed) {
        let Listed { at, file, path, label, attack_type, groups } = picture;
        match identify(&path) {
            Ok(identity) => {
                self.pictures.push(Picture { file, path, label, attack_type, groups, identity });
            }
            Err(error) => self.problem(file, format!("{at}it cannot be read: {error}")),
        }
    }

    /// Drops files that are listed twice, and both where the two contradict each other.
    fn drop_repeated(&mut self) {
        let mut first_of = HashMap::new();
        let mut is_kept = vec![true; self.pictures.len()];
        let mut problems = Vec::new();
        for (i, picture) in self.pictures.iter().enumerate() {
            let Picture { file, label, attack_type, identity, .. } = picture;
            let &mut first = first_of.entry(&identity.path).or_insert(i);
            if first == i {
                continue;
            }
            is_kept[i] = false;
            let of_first = &self.pictures[first];
            let what = if of_first.label != *label {
                is_kept[first] = false;
                "it is listed as live and as an attack, and left out"
            } else if of_first.attack_type == *attack_type {
                "it is listed twice, and counted once"
            } else {
                "it is listed as attacks of two types, and counted as the first"
            };
            problems.push(Problem { file: file.clone(), what: what.to_owned() });
        }
        self.problems.extend(problems);
        let mut is_kept = is_kept.into_iter();
        self.pictures.retain(|_| is_kept.next().unwrap_or(true));
    }
}

/// A picture as it was listed.
pub(super) struct Listed {
    /// Where, for whoever is to put it right: `line 5: `, or nothing.
    pub at: String,
    pub file: String,
    pub path: PathBuf,
    pub label: Label,
    pub attack_type: Option<String>,
    pub groups: BTreeMap<String, String>,
}

/// What the file at `path` is known again by. Reading anything but a file might never end.
fn identify(path: &Path) -> std::io::Result<Identity> {
    let metadata = path.metadata()?;
    if !metadata.is_file() {
        return Err(std::io::Error::other("it is no file"));
    }
    let modified_ns = |metadata: &Metadata| {
        let since = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        i64::try_from(since.as_nanos()).ok()
    };
    Ok(Identity {
        path: path.canonicalize()?,
        bytes: metadata.len(),
        modified_ns: modified_ns(&metadata).unwrap_or_default(),
    })
}

/// A walk through a directory and all below it, in the order of names.
struct Walk<'a> {
    label: Label,
    attack_type: Option<&'a String>,
    /// Where reports are written, which holds no pictures.
    out: Option<PathBuf>,
}

impl Walk<'_> {
    fn all_in(&self, directory: &Path, inputs: &mut Inputs) -> anyhow::Result<()> {
        let shown = directory.display();
        if !directory.is_dir() {
            return Err(Unusable(format!("{shown} is no directory")).into());
        }
        let canonical = directory.canonicalize().context("a directory has a path")?;
        let before = inputs.pictures.len() + inputs.problems.len();
        self.walk(directory, &mut vec![canonical], inputs);
        if inputs.pictures.len() + inputs.problems.len() == before {
            inputs.problem(shown, "there is no picture in it");
        }
        Ok(())
    }

    /// `above` are the directories on the way here: a link to one of them would never end.
    fn walk(&self, directory: &Path, above: &mut Vec<PathBuf>, inputs: &mut Inputs) {
        let names = std::fs::read_dir(directory).and_then(|entries| {
            entries.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<Vec<_>>>()
        });
        let mut names = match names {
            Ok(names) => names,
            Err(error) => {
                inputs.problem(directory.display(), format!("it cannot be listed: {error}"));
                return;
            }
        };
        names.sort();
        for name in names {
            let path = directory.join(&name);
            if is_no_picture(&path) || is_report(&path) {
                inputs.passed_over += 1;
            } else if path.is_dir() {
                let canonical = path.canonicalize().unwrap_or_else(|_| path.clone());
                if self.out.as_ref() == Some(&canonical) {
                    inputs.passed_over += 1;
                } else if above.contains(&canonical) {
                    inputs.problem(path.display(), "it links to a directory above it");
                } else {
                    above.push(canonical);
                    self.walk(&path, above, inputs);
                    above.pop();
                }
            } else {
                let file = path.display().to_string();
                let (label, attack_type) = (self.label, self.attack_type.cloned());
                let groups = BTreeMap::new();
                inputs.add(Listed { at: String::new(), file, path, label, attack_type, groups });
            }
        }
    }
}

/// Whether the name alone says so. Whatever else is no picture is named in the report.
fn is_no_picture(path: &Path) -> bool {
    let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let extension = path.extension().map(OsStr::to_ascii_lowercase);
    let is_text = ["txt", "csv", "json", "jsonl", "md"]
        .map(Some)
        .contains(&extension.as_ref().and_then(|e| e.to_str()));
    // Directories may be called what they like.
    is_hidden || is_text && !path.is_dir()
}

/// Whether an evaluation wrote it, now or earlier: its directory may hold pictures all the same.
fn is_report(path: &Path) -> bool {
    path.ends_with("report.html") && path.with_file_name("journal.jsonl").is_file()
}

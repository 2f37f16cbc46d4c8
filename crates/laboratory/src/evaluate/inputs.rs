//! The pictures to measure: labels, identities, and the problems with them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use evaluation::{Label, Problem};
use serde::{Deserialize, Serialize};

/// A picture to measure, with its label.
#[derive(Debug, Clone)]
pub(super) struct Picture {
    /// Its name in reports, as it was listed.
    pub file: String,
    /// Canonical after [`Inputs::add`].
    pub path: PathBuf,
    pub label: Label,
    pub attack_type: Option<String>,
    /// Its values in the columns of `--group-by`.
    pub groups: BTreeMap<String, String>,
    /// Found by [`Inputs::add`].
    pub identity: Identity,
}

/// The facts by which a later run recognises a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub(super) struct Identity {
    /// Canonical path.
    pub file: String,
    pub bytes: u64,
    /// Time of modification, nanoseconds since 1970; 0 where it is unknown.
    pub modified_ns: i64,
}

/// The pictures of a run.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    pub pictures: Vec<Picture>,
    /// Problems with files, rows and columns.
    pub problems: Vec<Problem>,
    /// Number of files and directories that were skipped because their names are no pictures'.
    pub passed_over: usize,
}

impl Inputs {
    /// Notes attack types that differ in case only. They count as two: APCER is a figure of each.
    pub(super) fn name_similar_types(&mut self) {
        let types = self.pictures.iter().filter_map(|picture| picture.attack_type.clone());
        let mut spelled: HashMap<String, String> = HashMap::new();
        for attack_type in types.collect::<BTreeSet<_>>() {
            let first = spelled.entry(attack_type.to_lowercase()).or_insert(attack_type.clone());
            if *first != attack_type {
                let problem = format!(
                    "the attack types `{first}` and `{attack_type}` differ in case only, and count as two"
                );
                self.problem("all", problem);
            }
        }
    }

    pub(super) fn problem(&mut self, file: impl Display, what: impl Into<String>) {
        self.problems.push(Problem { file: file.to_string(), what: what.into() });
    }

    /// Adds a picture with its identity, or the problem with its file. `at` is the place of the
    /// picture in the manifest for messages, as in `line 5: `, or nothing.
    pub(super) fn add(&mut self, at: &str, picture: Picture) {
        match identify(&picture.path) {
            Ok((path, identity)) => self.pictures.push(Picture { path, identity, ..picture }),
            Err(error) => self.problem(picture.file, format!("{at}it cannot be read: {error}")),
        }
    }

    /// Drops files that are listed twice, and both where the two contradict each other.
    pub(super) fn drop_repeated(&mut self) {
        let mut first_of = HashMap::new();
        let mut is_kept = vec![true; self.pictures.len()];
        let mut problems = Vec::new();
        for (i, picture) in self.pictures.iter().enumerate() {
            let Picture { file, path, label, attack_type, .. } = picture;
            let &mut first = first_of.entry(path).or_insert(i);
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

/// The canonical path and the identity of a regular file. Reading anything else might never end.
fn identify(path: &Path) -> std::io::Result<(PathBuf, Identity)> {
    let metadata = path.metadata()?;
    if !metadata.is_file() {
        return Err(std::io::Error::other("it is no file"));
    }
    let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    let path = path.canonicalize()?;
    let identity = Identity {
        file: path.display().to_string(),
        bytes: metadata.len(),
        modified_ns: i64::try_from(modified.as_nanos()).unwrap_or_default(),
    };
    Ok((path, identity))
}

/// The first problems, in one line.
pub(super) fn first_problems(problems: &[Problem]) -> String {
    let first = problems.iter().take(3);
    first.map(|it| format!("{}: {}", it.file, it.what)).collect::<Vec<_>>().join("; ")
}

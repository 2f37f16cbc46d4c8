//! Which execution provider ran which nodes: not what a session was asked for, but what its runs show.
//!
//! ONNX Runtime writes what it ran to a file, one line a node and run, with names, types, shapes and times of
//! nodes; no number of any tensor is in it. The file is made in a private directory, read, and removed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use ort::session::Session;
use serde::Deserialize;
use tempfile::TempDir;

/// Each node of a model that was run, and the execution provider that ran it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Providers(BTreeSet<Ran>);

/// A node that was run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ran {
    /// The execution provider that ran it.
    pub provider: String,
    /// Its place in the graph as it was run, where the profile has it.
    index: Option<usize>,
    /// What it does: `Conv`, say. Several that a provider has made one of have a name of the provider's.
    pub operator: String,
    /// Its name in the graph, or its operator and number where it has none.
    pub name: String,
}

impl Providers {
    /// The nodes, by provider and then in the graph's order.
    pub fn nodes(&self) -> impl Iterator<Item = &Ran> {
        self.0.iter()
    }

    /// How many nodes each execution provider ran, as in `{"CPUExecutionProvider": 31}`.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for ran in &self.0 {
            *counts.entry(ran.provider.clone()).or_default() += 1;
        }
        counts
    }
}

/// As if of one graph, each behind the one before.
impl<'a, const N: usize> From<[(&'a str, &'a str, &'a str); N]> for Providers {
    /// From provider, operator and name of each node.
    fn from(nodes: [(&'a str, &'a str, &'a str); N]) -> Self {
        let nodes = nodes.into_iter().enumerate();
        Self(
            nodes
                .map(|(index, (provider, operator, name))| Ran {
                    provider: provider.to_owned(),
                    index: Some(index),
                    operator: operator.to_owned(),
                    name: name.to_owned(),
                })
                .collect(),
        )
    }
}

/// Why it is not known which execution provider ran a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// Nothing can be written anywhere.
    #[error(
        "a profile cannot be written: {tried}; name a directory that can be written to with the variable TMPDIR"
    )]
    NoDirectory {
        /// Each place and what the system says of it.
        tried: String,
    },
    /// The session was not loaded with a [watched](crate::Runtime::watched) runtime, or its profile has been read.
    #[error("the model is not being profiled")]
    NotWatched,
    /// The runtime does not end it.
    #[error("ONNX Runtime gives no profile")]
    End(#[source] ort::Error),
    /// The file is not there, or cannot be read.
    #[error("the profile cannot be read")]
    Read(#[source] std::io::Error),
    /// The file was cut short: its directory may be full.
    #[error("the profile is no whole JSON; is the directory for temporary files full?")]
    Format(#[source] serde_json::Error),
    /// The model was not run.
    #[error("the profile has no node in it")]
    Empty,
}

/// The directory for the profiles of the sessions that are watched together. Nobody else can read it; it is
/// removed, with what is in it, when this is dropped.
#[derive(Debug)]
pub(crate) struct Profiles {
    directory: TempDir,
    sessions: AtomicUsize,
}

impl Profiles {
    /// In the first of `places` that can be written to.
    pub(crate) fn make(places: &[PathBuf]) -> Result<Self, ProfileError> {
        let mut tried = Vec::new();
        for place in places {
            match private_directory(place) {
                Ok(directory) => return Ok(Self { directory, sessions: AtomicUsize::new(0) }),
                Err(error) => tried.push(error.to_string()),
            }
        }
        Err(ProfileError::NoDirectory { tried: tried.join("; ") })
    }

    /// A path for the profile of another session; ONNX Runtime adds the time and its ending.
    pub(crate) fn next(&self) -> PathBuf {
        let session = self.sessions.fetch_add(1, Ordering::Relaxed);
        self.directory.path().join(format!("session-{session}"))
    }
}

/// Where temporary files belong; and memory, for containers whose root cannot be written to.
pub(crate) fn places() -> Vec<PathBuf> {
    vec![std::env::temp_dir(), PathBuf::from("/dev/shm")]
}

fn private_directory(place: &Path) -> std::io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("livegate-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o700));
    }
    builder.tempdir_in(place)
}

/// Ends the profile of `session`, and reads and removes it.
pub(crate) fn end(session: &mut Session) -> Result<Providers, ProfileError> {
    let path = session.end_profiling().map_err(ProfileError::End)?;
    let text = std::fs::read(&path).map_err(ProfileError::Read)?;
    // Its directory goes, too; whatever is left is removed then.
    let _ = std::fs::remove_file(&path);
    providers(&text)
}

/// An event of a profile, as far as it is looked at.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    name: std::borrow::Cow<'a, str>,
    cat: &'a str,
    #[serde(default)]
    args: Args<'a>,
}

#[derive(Default, Deserialize)]
struct Args<'a> {
    provider: Option<&'a str>,
    node_index: Option<&'a str>,
    op_name: Option<&'a str>,
}

/// What ONNX Runtime adds to the name of a node for the time that its kernel took.
const KERNEL: &str = "_kernel_time";

/// Each node once, however often it ran.
fn providers(profile: &[u8]) -> Result<Providers, ProfileError> {
    let events: Vec<Event<'_>> = serde_json::from_slice(profile).map_err(ProfileError::Format)?;
    let ran = |Event { name, args, .. }: &Event<'_>| {
        Some(Ran {
            provider: args.provider?.to_owned(),
            index: args.node_index.and_then(|index| index.parse().ok()),
            operator: args.op_name.unwrap_or_default().to_owned(),
            name: name.strip_suffix(KERNEL).unwrap_or(name).to_owned(),
        })
    };
    let nodes: BTreeSet<Ran> =
        events.iter().filter(|event| event.cat == "Node").filter_map(ran).collect();
    if nodes.is_empty() { Err(ProfileError::Empty) } else { Ok(Providers(nodes)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_ran_twice_counts_once_and_each_provider_for_itself() {
        let text = r#"[
{"cat" : "Session","pid" :7,"tid" :7,"dur" :1,"ts" :2,"ph" : "X","name" :"model_run","args" : {}},
{"cat" : "Node","dur" :1,"name" :"a","args" : {"provider" : "CPUExecutionProvider","node_index" : "1"}},
{"cat" : "Node","dur" :1,"name" :"a","args" : {"provider" : "CPUExecutionProvider","node_index" : "1"}},
{"cat" : "Node","dur" :1,"name" :"a","args" : {"provider" : "CPUExecutionProvider","node_index" : "12"}},
{"cat" : "Node","dur" :1,"name" :"/s_kernel_time","args" : {"op_name" : "Shape","provider" : "CPUExecutionProvider","node_index" : "2"}},
{"cat" : "Node","dur" :1,"name" :"\"b","args" : {"provider" : "OpenVINOExecutionProvider","node_index" : "3"}},
{"cat" : "Node","dur" :1,"name" :"fence","args" : {"op_name" : "x"}}
]"#;
        let found = providers(text.as_bytes()).unwrap();
        let expected = [("CPUExecutionProvider", 3), ("OpenVINOExecutionProvider", 1)];
        assert_eq!(found.counts(), expected.map(|(name, nodes)| (name.to_owned(), nodes)).into());
        let named = found.nodes().map(|it| (&*it.operator, &*it.name)).collect::<Vec<_>>();
        assert_eq!(named, [("", "a"), ("Shape", "/s"), ("", "a"), ("", "\"b")]);
        assert!(matches!(providers(b"[\n"), Err(ProfileError::Format(_))));
        assert!(matches!(providers(b""), Err(ProfileError::Format(_))));
        assert!(matches!(providers(b"[]"), Err(ProfileError::Empty)));
    }

    #[test]
    fn profiles_go_where_something_can_be_written_and_nowhere_else() {
        let (whole, file) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
        let (gone, file) = (whole.path().join("gone"), file.path().to_owned());
        let places = [gone.clone(), file.clone(), whole.path().to_owned()];
        let profiles = Profiles::make(&places).unwrap();
        assert_ne!(profiles.next(), profiles.next());
        assert!(profiles.next().starts_with(whole.path()));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = profiles.directory.path().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
        }
        drop(profiles);
        assert_eq!(whole.path().read_dir().unwrap().count(), 0);
        let said = Profiles::make(&[gone.clone(), file]).unwrap_err().to_string();
        assert!(said.contains(gone.to_str().unwrap()) && said.contains("TMPDIR"), "{said}");
    }
}

//! The execution provider that ran each node, read from ONNX Runtime's profile of a session.
//!
//! The profile is a file with one line per node and run: names, types, shapes and times of nodes,
//! and no number of a tensor. It is written to a private directory, read, and removed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use ort::session::Session;
use serde_json::Value;
use tempfile::TempDir;

/// The nodes of a model that ran, each with its execution provider.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Providers(BTreeSet<Ran>);

/// A node that ran.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ran {
    /// The execution provider that ran it.
    pub provider: String,
    /// Its place in the graph that ran, if the profile has it.
    index: Option<usize>,
    /// Its operator: `Conv`, say. Nodes that a provider has fused have a name of the provider's.
    pub operator: String,
    /// Its name in the graph, or its operator and number if it has no name.
    pub name: String,
}

impl Ran {
    fn new(provider: &str, index: Option<usize>, operator: &str, name: &str) -> Self {
        let [provider, operator, name] = [provider, operator, name].map(str::to_owned);
        Self { provider, index, operator, name }
    }
}

impl Providers {
    /// The nodes, by provider and then in the graph's order.
    pub fn nodes(&self) -> impl Iterator<Item = &Ran> {
        self.0.iter()
    }

    /// The number of nodes that each execution provider ran, as `{"CPUExecutionProvider": 31}`.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for ran in &self.0 {
            *counts.entry(ran.provider.clone()).or_default() += 1;
        }
        counts
    }
}

/// Nodes of one graph in its order, for tests.
impl<'a, const N: usize> From<[(&'a str, &'a str, &'a str); N]> for Providers {
    /// From provider, operator and name of each node.
    fn from(nodes: [(&'a str, &'a str, &'a str); N]) -> Self {
        let nodes = nodes.into_iter().enumerate();
        let ran = nodes
            .map(|(i, (provider, operator, name))| Ran::new(provider, Some(i), operator, name));
        Self(ran.collect())
    }
}

/// Why it is not known which execution provider ran a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// No directory can be written to.
    #[error(
        "a profile cannot be written: {tried}; name a directory that can be written to with the \
         variable TMPDIR"
    )]
    NoDirectory {
        /// Each directory and the system's error.
        tried: String,
    },
    /// The session is not [watched](crate::Runtime::watched), or its profile has been read.
    #[error("the model is not being profiled")]
    NotWatched,
    /// ONNX Runtime does not end the profile.
    #[error("ONNX Runtime gives no profile")]
    End(#[source] ort::Error),
    /// The file is missing, or cannot be read.
    #[error("the profile cannot be read")]
    Read(#[source] std::io::Error),
    /// The file was cut short: its directory may be full.
    #[error("the profile is no whole JSON; is the directory for temporary files full?")]
    Format(#[source] serde_json::Error),
    /// The model was not run.
    #[error("the profile has no node in it")]
    Empty,
}

/// The directory for the profiles of all sessions of one watched runtime. Only this user can read
/// it. Dropping it removes the directory with its files.
#[derive(Debug)]
pub(crate) struct Profiles {
    directory: TempDir,
    sessions: AtomicUsize,
}

impl Profiles {
    /// Makes the directory in the system's directory for temporary files. Containers may have a
    /// read-only root: then in memory.
    pub(crate) fn make() -> Result<Self, ProfileError> {
        Self::make_in(&[std::env::temp_dir(), PathBuf::from("/dev/shm")])
    }

    /// Makes the directory in the first of `parents` that can be written to.
    fn make_in(parents: &[PathBuf]) -> Result<Self, ProfileError> {
        let mut tried = Vec::new();
        for parent in parents {
            match private_directory(parent) {
                Ok(directory) => return Ok(Self { directory, sessions: AtomicUsize::new(0) }),
                Err(error) => tried.push(error.to_string()),
            }
        }
        Err(ProfileError::NoDirectory { tried: tried.join("; ") })
    }

    /// The path for the profile of the next session. ONNX Runtime appends the time and `.json`.
    pub(crate) fn next(&self) -> PathBuf {
        let session = self.sessions.fetch_add(1, Ordering::Relaxed);
        self.directory.path().join(format!("session-{session}"))
    }
}

fn private_directory(parent: &Path) -> std::io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("livegate-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o700));
    }
    builder.tempdir_in(parent)
}

/// Ends the profile of `session`, and reads and removes it.
pub(crate) fn end(session: &mut Session) -> Result<Providers, ProfileError> {
    let path = session.end_profiling().map_err(ProfileError::End)?;
    let text = std::fs::read(&path).map_err(ProfileError::Read)?;
    // If this fails, the file goes with its directory.
    let _ = std::fs::remove_file(&path);
    providers(&text)
}

/// The suffix that ONNX Runtime adds to a node's name for the time of its kernel.
const KERNEL: &str = "_kernel_time";

/// Reads the nodes from a profile. A node that ran several times is listed once.
fn providers(profile: &[u8]) -> Result<Providers, ProfileError> {
    let events: Vec<Value> = serde_json::from_slice(profile).map_err(ProfileError::Format)?;
    let ran = |event: &Value| {
        let (name, args) = (event["name"].as_str()?, &event["args"]);
        let index = args["node_index"].as_str().and_then(|index| index.parse().ok());
        let operator = args["op_name"].as_str().unwrap_or_default();
        let name = name.strip_suffix(KERNEL).unwrap_or(name);
        Some(Ran::new(args["provider"].as_str()?, index, operator, name))
    };
    let nodes: BTreeSet<Ran> =
        events.iter().filter(|event| event["cat"] == "Node").filter_map(ran).collect();
    if nodes.is_empty() { Err(ProfileError::Empty) } else { Ok(Providers(nodes)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_ran_twice_counts_once_for_its_provider() {
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
    fn profiles_are_written_to_the_first_directory_that_allows_it() {
        let (whole, file) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
        let (gone, file) = (whole.path().join("gone"), file.path().to_owned());
        let parents = [gone.clone(), file.clone(), whole.path().to_owned()];
        let profiles = Profiles::make_in(&parents).unwrap();
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
        let message = Profiles::make_in(&[gone.clone(), file]).unwrap_err().to_string();
        assert!(
            message.contains(gone.to_str().unwrap()) && message.contains("TMPDIR"),
            "{message}"
        );
    }
}

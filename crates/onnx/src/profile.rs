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

/// How many nodes of a model each execution provider ran, as in `{"CPUExecutionProvider": 31}`.
pub type Providers = BTreeMap<String, usize>;

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
}

/// Each node once, however often it ran.
fn providers(profile: &[u8]) -> Result<Providers, ProfileError> {
    let events: Vec<Event<'_>> = serde_json::from_slice(profile).map_err(ProfileError::Format)?;
    let nodes: BTreeSet<_> = events
        .iter()
        .filter(|event| event.cat == "Node")
        .filter_map(|Event { name, args, .. }| Some((args.provider?, args.node_index, name)))
        .collect();
    let mut providers = Providers::new();
    for (provider, ..) in nodes {
        *providers.entry(provider.to_owned()).or_default() += 1;
    }
    if providers.is_empty() { Err(ProfileError::Empty) } else { Ok(providers) }
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
{"cat" : "Node","dur" :1,"name" :"a","args" : {"provider" : "CPUExecutionProvider","node_index" : "2"}},
{"cat" : "Node","dur" :1,"name" :"\"b","args" : {"provider" : "OpenVINOExecutionProvider","node_index" : "3"}},
{"cat" : "Node","dur" :1,"name" :"fence","args" : {"op_name" : "x"}}
]"#;
        let found = providers(text.as_bytes()).unwrap();
        let expected = [("CPUExecutionProvider", 2), ("OpenVINOExecutionProvider", 1)];
        assert_eq!(found, expected.map(|(name, nodes)| (name.to_owned(), nodes)).into());
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

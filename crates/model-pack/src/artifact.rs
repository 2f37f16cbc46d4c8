//! One file that Livegate needs and does not carry: what it is, and where it comes from.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use crate::digest::Digest;
use crate::source::Source;

/// One file that Livegate needs and does not carry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// Its name where it is installed: no directories.
    pub file: String,
    /// The one thing that decides whether it is the right file.
    pub sha256: Digest,
    /// Its length, bytes.
    pub size_bytes: u64,
    /// Under what terms it may be used (SPDX, where there is an identifier).
    pub licence: String,
    /// Who made it and where it is published.
    pub origin: String,
    /// Models only: what it was trained on, as far as its makers say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training_data: Option<String>,
    /// Where to get it; tried in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
}

/// Why a file was not put in place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It is another file.
    #[error("its sha256 is {found}, not {expected}")]
    Digest {
        /// What the manifest says.
        expected: Digest,
        /// What came.
        found: Digest,
    },
    /// It is longer than it should be; the rest was not read.
    #[error("it is longer than {expected} bytes")]
    TooLong {
        /// What the manifest says, bytes.
        expected: u64,
    },
}

impl Artifact {
    /// Whether `directory` holds this file, whole and unchanged.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn is_in(&self, directory: &Path) -> std::io::Result<bool> {
        let path = directory.join(&self.file);
        // Before it is opened: a pipe would be waited for.
        let metadata = match path.metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        if !metadata.is_file() || metadata.len() != self.size_bytes {
            return Ok(false);
        }
        let file = File::open(path)?;
        Ok(Digest::of_reader(&mut file.take(self.size_bytes + 1))? == self.sha256)
    }

    /// Writes what `content` gives into `directory` under this file's name: beside it first, hashed on
    /// the way, then moved into place in one step. A wrong or broken file leaves nothing behind.
    ///
    /// # Errors
    /// When it is another file, or reading or writing fails.
    pub fn place(&self, content: &mut dyn Read, directory: &Path) -> Result<(), PlaceError> {
        std::fs::create_dir_all(directory)?;
        let mut beside = tempfile::Builder::new()
            .prefix(PART_PREFIX)
            .suffix(&self.file)
            .tempfile_in(directory)?;
        let mut hasher = sha2::Sha256::new();
        let mut buffer = vec![0; 1 << 16];
        let mut length = 0;
        loop {
            let read = content.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            length += read as u64;
            if length > self.size_bytes {
                return Err(PlaceError::TooLong { expected: self.size_bytes });
            }
            hasher.update(&buffer[..read]);
            beside.write_all(&buffer[..read])?;
        }
        let found = Digest::finish(hasher);
        if found != self.sha256 {
            return Err(PlaceError::Digest { expected: self.sha256, found });
        }
        persist(beside, &directory.join(&self.file))?;
        Ok(())
    }
}

/// How much there is of some artifacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bulk {
    /// What has to be fetched for them, bytes: of each the first source, and an archive once.
    pub download_bytes: u64,
    /// What they take where they are installed, bytes.
    pub disk_bytes: u64,
}

impl Bulk {
    /// That of `artifacts`.
    #[must_use]
    pub fn of(artifacts: &[Artifact]) -> Self {
        let mut archives = Vec::new();
        let mut bulk = Self::default();
        for artifact in artifacts {
            bulk.disk_bytes += artifact.size_bytes;
            bulk.download_bytes += match artifact.sources.first() {
                Some(
                    Source::Npm { npm: asked, download_bytes, .. }
                    | Source::Pip { pip: asked, download_bytes, .. },
                ) => {
                    if archives.contains(&asked) {
                        continue;
                    }
                    archives.push(asked);
                    *download_bytes
                }
                Some(Source::Url { .. }) => artifact.size_bytes,
                None => 0,
            };
        }
        bulk
    }
}

/// How the names of files begin that are not whole yet.
pub(crate) const PART_PREFIX: &str = ".part-";

/// Moves a finished file into place, readable by everyone who may use the home directory.
pub(crate) fn persist(beside: tempfile::NamedTempFile, path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        beside.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    beside.as_file().sync_all()?;
    beside.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artifact(content: &[u8]) -> Artifact {
        Artifact {
            file: "file.bin".into(),
            sha256: Digest::of(content),
            size_bytes: content.len() as u64,
            licence: "CC0-1.0".into(),
            origin: "this test".into(),
            training_data: None,
            sources: vec![],
        }
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(directory).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn the_right_file_is_placed_and_found_again() {
        let home = tempfile::tempdir().unwrap();
        let wanted = artifact(b"right");
        assert!(!wanted.is_in(home.path()).unwrap());
        wanted.place(&mut &b"right"[..], home.path()).unwrap();
        assert!(wanted.is_in(home.path()).unwrap());
        assert_eq!(names(home.path()), ["file.bin"]);
    }

    #[test]
    fn a_wrong_a_long_or_a_broken_file_leaves_nothing_behind() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(std::io::Error::other("line cut"))
            }
        }
        let home = tempfile::tempdir().unwrap();
        let wanted = artifact(b"right");
        let place = |content: &mut dyn Read| wanted.place(content, home.path()).unwrap_err();
        assert!(matches!(place(&mut &b"wrong"[..]), PlaceError::Digest { .. }));
        assert!(matches!(place(&mut &b"righ"[..]), PlaceError::Digest { .. }));
        assert!(matches!(place(&mut std::io::repeat(b'r')), PlaceError::TooLong { expected: 5 }));
        assert!(matches!(place(&mut (&b"rig"[..]).chain(Broken)), PlaceError::Io(_)));
        assert!(names(home.path()).is_empty());
    }

    #[test]
    fn a_changed_file_is_not_the_file() {
        let home = tempfile::tempdir().unwrap();
        let wanted = artifact(b"right");
        for content in ["wrong", "right and more", ""] {
            std::fs::write(home.path().join("file.bin"), content).unwrap();
            assert!(!wanted.is_in(home.path()).unwrap(), "{content}");
        }
    }

    #[test]
    fn an_archive_is_fetched_once_for_all_its_files() {
        let pip = |pip: &str, download_bytes| Source::Pip {
            pip: pip.into(),
            platforms: vec![],
            member: "file.bin".into(),
            download_bytes,
        };
        let from = |source| Artifact { sources: vec![source], ..artifact(b"right") };
        let artifacts = [
            from(pip("one==1", 100)),
            from(pip("one==1", 100)),
            from(pip("two==1", 20)),
            from(Source::Url { url: "https://host/file.bin".into() }),
            artifact(b"right"),
        ];
        assert_eq!(Bulk::of(&artifacts), Bulk { download_bytes: 125, disk_bytes: 25 });
        assert_eq!(Bulk::of(&[]), Bulk::default());
    }
}

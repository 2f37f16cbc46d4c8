//! One file that Livegate fetches: its hash, its licence and its sources.

use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::file;
use crate::source::Source;

/// One file that Livegate fetches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// Its name where it is installed, without directories.
    pub file: String,
    /// The digest that identifies the file.
    pub sha256: Digest,
    /// Its length, bytes.
    pub size_bytes: u64,
    /// Its licence (the SPDX identifier, if there is one).
    pub licence: String,
    /// Its author and the place of its publication.
    pub origin: String,
    /// Models only: the training data, as far as the authors name them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training_data: Option<String>,
    /// Its sources, which are tried in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
}

/// Why a file was not put in place.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The content is another file.
    #[error("its sha256 is {found}, not {expected}")]
    Digest {
        /// The digest in the manifest.
        expected: Digest,
        /// The digest of the content.
        found: Digest,
    },
    /// The content is too long; the rest was not read.
    #[error("it is longer than {expected} bytes")]
    TooLong {
        /// The length in the manifest, bytes.
        expected: u64,
    },
}

impl Artifact {
    /// True if `directory` has this file, complete and unchanged.
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    pub fn is_in(&self, directory: &Path) -> std::io::Result<bool> {
        match file::open(&directory.join(&self.file)) {
            Ok(Some((file, length))) if length == self.size_bytes => {
                let (found, _) = Digest::of_copy(&mut file.take(length + 1), &mut std::io::sink())?;
                Ok(found == self.sha256)
            }
            Ok(_) => Ok(false),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes `content` into `directory` under this file's name. The content is hashed while it is
    /// written beside its place, and then moved there in one step. Wrong or broken content leaves
    /// no file.
    ///
    /// # Errors
    /// When the content is another file, or when reading or writing fails.
    pub fn place(&self, content: &mut dyn Read, directory: &Path) -> Result<(), PlaceError> {
        std::fs::create_dir_all(directory)?;
        let mut part = file::new_part(directory)?;
        let (found, length) = Digest::of_copy(&mut content.take(self.size_bytes + 1), &mut part)?;
        if length > self.size_bytes {
            return Err(PlaceError::TooLong { expected: self.size_bytes });
        }
        if found != self.sha256 {
            return Err(PlaceError::Digest { expected: self.sha256, found });
        }
        Ok(file::persist(part, &directory.join(&self.file))?)
    }
}

/// The size of several artifacts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bulk {
    /// Bytes to download: from the first source of each, with every archive once.
    pub download_bytes: u64,
    /// Bytes that they take when they are installed.
    pub disk_bytes: u64,
}

impl Bulk {
    /// The size of `artifacts`.
    #[must_use]
    pub fn of(artifacts: &[Artifact]) -> Self {
        let mut archives = Vec::new();
        let mut bulk = Self::default();
        for artifact in artifacts {
            bulk.disk_bytes += artifact.size_bytes;
            let Some(source) = artifact.sources.first() else { continue };
            bulk.download_bytes += match source.package() {
                Err(_) => artifact.size_bytes,
                Ok(package) if archives.contains(&package.name) => 0,
                Ok(package) => {
                    archives.push(package.name);
                    package.download_bytes
                }
            };
        }
        bulk
    }
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
    fn the_right_file_is_placed_and_then_found() {
        let home = tempfile::tempdir().unwrap();
        let wanted = artifact(b"right");
        assert!(!wanted.is_in(home.path()).unwrap());
        wanted.place(&mut &b"right"[..], home.path()).unwrap();
        assert!(wanted.is_in(home.path()).unwrap());
        assert_eq!(names(home.path()), ["file.bin"]);
    }

    #[test]
    fn wrong_long_or_broken_content_leaves_no_file() {
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
    fn a_changed_file_is_noticed() {
        let home = tempfile::tempdir().unwrap();
        let wanted = artifact(b"right");
        for content in ["wrong", "right and more", ""] {
            std::fs::write(home.path().join("file.bin"), content).unwrap();
            assert!(!wanted.is_in(home.path()).unwrap(), "{content}");
        }
    }

    #[test]
    fn an_archive_counts_once_for_all_its_files() {
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

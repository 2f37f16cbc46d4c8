//! A pack on disk, checked.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::digest::Digest;
use crate::manifest::{Manifest, ManifestError};

/// A pack whose files are all there and all the right ones. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Pack {
    /// What it says of itself.
    pub manifest: Arc<Manifest>,
    /// SHA-256 of `pack.toml`, which holds the hashes of all other files: equal digests are equal packs.
    pub digest: Digest,
    files: Arc<[Arc<[u8]>]>,
}

/// Why a directory is no usable pack.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// A file is missing or cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// `pack.toml` is not one.
    #[error("{} is no pack manifest", path.display())]
    Manifest {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: ManifestError,
    },
    /// The pack is called otherwise than its directory.
    #[error("{} holds a pack called `{name}`; a pack's directory has its name", path.display())]
    Name {
        /// The directory.
        path: PathBuf,
        /// What the manifest says.
        name: String,
    },
    /// A model file is not the one that the manifest names.
    #[error("{} has sha256 {found}; the manifest says {expected}", path.display())]
    Digest {
        /// Which file.
        path: PathBuf,
        /// What the manifest says.
        expected: Digest,
        /// What the file has.
        found: Digest,
    },
}

impl Pack {
    /// Reads the pack in `directory` and checks every file against its hash.
    ///
    /// # Errors
    /// When a file is missing, unreadable or another one.
    pub fn open(directory: &Path) -> Result<Self, PackError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|source| PackError::Read { path: path.to_owned(), source })
        };
        let path = directory.join("pack.toml");
        let text = read(&path)?;
        let digest = Digest::of(&text);
        let manifest = Manifest::parse(&String::from_utf8_lossy(&text))
            .map_err(|source| PackError::Manifest { path, source })?;
        if directory.file_name() != Some(OsStr::new(&manifest.name)) {
            return Err(PackError::Name { path: directory.to_owned(), name: manifest.name });
        }
        let files = manifest
            .artifacts()
            .map(|artifact| {
                let path = directory.join(&artifact.file);
                let bytes = read(&path)?;
                let (expected, found) = (artifact.sha256, Digest::of(&bytes));
                if found == expected {
                    Ok(bytes.into())
                } else {
                    Err(PackError::Digest { path, expected, found })
                }
            })
            .collect::<Result<_, PackError>>()?;
        Ok(Self { manifest: Arc::new(manifest), digest, files })
    }

    /// The detector's ONNX file.
    #[must_use]
    pub fn detector_model(&self) -> &[u8] {
        &self.files[0]
    }

    /// The scorers' ONNX files, in the manifest's order.
    pub fn scorer_models(&self) -> impl Iterator<Item = &[u8]> {
        self.files[1..=self.manifest.scorers.len()].iter().map(|file| &**file)
    }

    /// The landmarker's ONNX file, if the pack has one.
    #[must_use]
    pub fn landmarker_model(&self) -> Option<&[u8]> {
        self.files.get(1 + self.manifest.scorers.len()).map(|file| &**file)
    }
}

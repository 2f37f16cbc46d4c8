//! A pack on disk, read and checked.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::artifact::Artifact;
use crate::digest::Digest;
use crate::file;
use crate::manifest::{Manifest, ManifestError};

/// Maximum length of a `pack.toml`, bytes. The catalogue's have 3000 to 5000.
const MOST_MANIFEST_BYTES: u64 = 1 << 20;

/// A pack whose files are complete and unchanged. Clones share them.
#[derive(Debug, Clone)]
pub struct Pack {
    /// The content of its `pack.toml`.
    pub manifest: Arc<Manifest>,
    /// SHA-256 of `pack.toml`, which has the hashes of all other files. Packs with equal digests
    /// are equal.
    pub digest: Digest,
    files: Arc<[Arc<[u8]>]>,
}

/// Why a directory is not a usable pack.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A file is missing or cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A link leads out of the pack.
    #[error(
        "{} leads out of the pack, to {}; a pack holds its files itself",
        path.display(),
        target.display()
    )]
    Outside {
        /// The file.
        path: PathBuf,
        /// The target of the link.
        target: PathBuf,
    },
    /// The manifest is too long.
    #[error("{} has more than {MOST_MANIFEST_BYTES} bytes; no pack manifest does", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// A model file has another length than the manifest says.
    #[error(
        "{} has {found} bytes, and the one that the manifest names {expected}: it was changed or \
         cut short; {REPAIR_HINT}",
        path.display()
    )]
    Size {
        /// The file.
        path: PathBuf,
        /// The length in the manifest, bytes.
        expected: u64,
        /// The length of the file, bytes.
        found: u64,
    },
    /// `pack.toml` is not a valid manifest.
    #[error("{} is no pack manifest", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// The manifest's error.
        source: ManifestError,
    },
    /// The pack and its directory have different names.
    #[error("{} holds a pack called `{name}`; a pack's directory has its name", path.display())]
    Name {
        /// The directory.
        path: PathBuf,
        /// The name in the manifest.
        name: String,
    },
    /// A model file has another hash than the manifest says.
    #[error(
        "{} has sha256 {found}, and the one that the manifest names {expected}: it was changed; \
         {REPAIR_HINT}",
        path.display()
    )]
    Digest {
        /// The file.
        path: PathBuf,
        /// The digest in the manifest.
        expected: Digest,
        /// The digest of the file.
        found: Digest,
    },
}

/// Advice for a model file that was changed.
const REPAIR_HINT: &str = "put that one back (`livegate packs install NAME` does, for packs that \
                           Livegate knows), or make a pack of the new one (`livegate packs new`)";

impl Pack {
    /// Reads the pack in `directory` and checks every file against its hash. Nothing outside the
    /// directory is read, and no more of a file than it should have.
    ///
    /// # Errors
    /// When a file is missing, unreadable or changed.
    pub fn open(directory: &Path) -> Result<Self, PackError> {
        let (manifest, digest) = Self::manifest_in(directory)?;
        let file = |artifact: &Artifact| {
            let mut model =
                Vec::with_capacity(usize::try_from(artifact.size_bytes).unwrap_or_default());
            copy_checked(directory, artifact, &mut model)?;
            Ok(model.into())
        };
        let files = manifest.artifacts().map(file).collect::<Result<_, PackError>>()?;
        Ok(Self { manifest: Arc::new(manifest), digest, files })
    }

    /// Reads the manifest of the pack in `directory`, and its SHA-256. The models are not read.
    ///
    /// # Errors
    /// When `pack.toml` is missing, unreadable or invalid, or the directory has another name than
    /// the pack.
    pub fn manifest_in(directory: &Path) -> Result<(Manifest, Digest), PackError> {
        let path = directory.join("pack.toml");
        let (file, length) = open(directory, &path)?;
        if length > MOST_MANIFEST_BYTES {
            return Err(PackError::TooLong { path });
        }
        let mut text = Vec::new();
        if let Err(source) = file.take(MOST_MANIFEST_BYTES).read_to_end(&mut text) {
            return Err(PackError::Read { path, source });
        }
        let manifest = Manifest::parse(&String::from_utf8_lossy(&text))
            .map_err(|source| PackError::Manifest { path, source })?;
        if directory.file_name() != Some(OsStr::new(&manifest.name)) {
            return Err(PackError::Name { path: directory.to_owned(), name: manifest.name });
        }
        Ok((manifest, Digest::of(&text)))
    }

    /// Checks that `directory` has the models of `manifest`, unchanged. They are read in pieces and
    /// not kept.
    ///
    /// # Errors
    /// When a model is missing, unreadable or changed.
    pub fn check_models(directory: &Path, manifest: &Manifest) -> Result<(), PackError> {
        let mut artifacts = manifest.artifacts();
        artifacts.try_for_each(|artifact| copy_checked(directory, artifact, &mut std::io::sink()))
    }

    /// A pack that is not on disk yet. `models` are the files of [`Manifest::artifacts`], in that
    /// order; they are not checked.
    #[must_use]
    pub fn unsaved(manifest: Manifest, models: &[&[u8]]) -> Self {
        let digest = Digest::of(manifest.to_toml().as_bytes());
        let files = models.iter().map(|file| Arc::from(*file)).collect();
        Self { digest, files, manifest: Arc::new(manifest) }
    }

    /// Every ONNX file, in the order of [`Manifest::artifacts`].
    pub fn models(&self) -> impl Iterator<Item = &[u8]> {
        self.files.iter().map(|file| &**file)
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

/// Copies a model file to `to`, and checks its length and its hash.
fn copy_checked(
    directory: &Path,
    artifact: &Artifact,
    to: &mut dyn Write,
) -> Result<(), PackError> {
    let path = directory.join(&artifact.file);
    let (file, found) = open(directory, &path)?;
    let expected = artifact.size_bytes;
    if found != expected {
        return Err(PackError::Size { path, expected, found });
    }
    let found = match Digest::of_copy(&mut file.take(expected + 1), to) {
        Ok((found, _)) => found,
        Err(source) => return Err(PackError::Read { path, source }),
    };
    let expected = artifact.sha256;
    if found == expected { Ok(()) } else { Err(PackError::Digest { path, expected, found }) }
}

/// Opens the file at `path`, and returns it with its length.
fn open(directory: &Path, path: &Path) -> Result<(File, u64), PackError> {
    let unreadable = |source| PackError::Read { path: path.to_owned(), source };
    let root = directory.canonicalize().map_err(unreadable)?;
    let target = path.canonicalize().map_err(unreadable)?;
    // Some systems mount a pack with links inside it. A link that leads out could show any file of
    // the machine.
    if !target.starts_with(&root) {
        return Err(PackError::Outside { path: path.to_owned(), target });
    }
    let opened = file::open(&target).map_err(unreadable)?;
    opened.ok_or_else(|| unreadable(std::io::Error::other("it is not a file")))
}

//! A pack on disk, checked.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::artifact::Artifact;
use crate::digest::Digest;
use crate::manifest::{Manifest, ManifestError};

/// Longest `pack.toml` that is read, bytes. Those of the catalogue have 3000.
const MOST_MANIFEST_BYTES: u64 = 1 << 20;

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
    /// A link leads out of the pack.
    #[error("{} leads out of the pack, to {}; a pack holds its files itself", path.display(), target.display())]
    Outside {
        /// Which file.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// A file is longer than any of its kind.
    #[error("{} has more than {most} bytes; no pack manifest does", path.display())]
    TooLong {
        /// Which file.
        path: PathBuf,
        /// What is read at most, bytes.
        most: u64,
    },
    /// A model file is not the one that the manifest names: it has another length.
    #[error(
        "{} has {found} bytes, and the one that the manifest names {expected}: it was changed or cut \
         short; {PUT_RIGHT}",
        path.display()
    )]
    Size {
        /// Which file.
        path: PathBuf,
        /// What the manifest says, bytes.
        expected: u64,
        /// What the file has, bytes.
        found: u64,
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
    #[error(
        "{} has sha256 {found}, and the one that the manifest names {expected}: it was changed; \
         {PUT_RIGHT}",
        path.display()
    )]
    Digest {
        /// Which file.
        path: PathBuf,
        /// What the manifest says.
        expected: Digest,
        /// What the file has.
        found: Digest,
    },
}

/// What to do about a model file that is another one.
const PUT_RIGHT: &str = "put that one back (`livegate packs install NAME` does, for packs that Livegate \
                         knows), or make a pack of the new one (`livegate packs new`)";

impl Pack {
    /// Reads the pack in `directory` and checks every file against its hash. Nothing outside the directory
    /// is read, and no more of a file than it may have.
    ///
    /// # Errors
    /// When a file is missing, unreadable or another one.
    pub fn open(directory: &Path) -> Result<Self, PackError> {
        let (manifest, digest) = Self::manifest_in(directory)?;
        let file = |artifact: &Artifact| {
            let path = directory.join(&artifact.file);
            let (expected, most) = (artifact.sha256, artifact.size_bytes);
            let (bytes, length) = read(directory, &path, most)?;
            if length != most {
                return Err(PackError::Size { path, expected: most, found: length });
            }
            let found = Digest::of(&bytes);
            if found != expected {
                return Err(PackError::Digest { path, expected, found });
            }
            Ok(bytes.into())
        };
        let files = manifest.artifacts().map(file).collect::<Result<_, PackError>>()?;
        Ok(Self { manifest: Arc::new(manifest), digest, files })
    }

    /// What the pack in `directory` says of itself, and the SHA-256 of that; its models are not looked at.
    ///
    /// # Errors
    /// When `pack.toml` is missing, unreadable or no manifest, or the directory has another name.
    pub fn manifest_in(directory: &Path) -> Result<(Manifest, Digest), PackError> {
        let path = directory.join("pack.toml");
        let (text, length) = read(directory, &path, MOST_MANIFEST_BYTES)?;
        if length > MOST_MANIFEST_BYTES {
            return Err(PackError::TooLong { path, most: MOST_MANIFEST_BYTES });
        }
        let manifest = Manifest::parse(&String::from_utf8_lossy(&text))
            .map_err(|source| PackError::Manifest { path, source })?;
        if directory.file_name() != Some(OsStr::new(&manifest.name)) {
            return Err(PackError::Name { path: directory.to_owned(), name: manifest.name });
        }
        Ok((manifest, Digest::of(&text)))
    }

    /// Whether the models of `manifest` are in `directory` and unchanged. They are read in pieces and not
    /// kept.
    ///
    /// # Errors
    /// The first that is missing, unreadable or another one.
    pub fn check_models(directory: &Path, manifest: &Manifest) -> Result<(), PackError> {
        for artifact in manifest.artifacts() {
            let path = directory.join(&artifact.file);
            let (file, length) = open(directory, &path)?;
            let expected = artifact.size_bytes;
            if length != expected {
                return Err(PackError::Size { path, expected, found: length });
            }
            let found = match Digest::of_reader(&mut file.take(expected + 1)) {
                Ok(found) => found,
                Err(source) => return Err(PackError::Read { path, source }),
            };
            if found != artifact.sha256 {
                return Err(PackError::Digest { path, expected: artifact.sha256, found });
            }
        }
        Ok(())
    }

    /// A pack that is in no directory yet, for whoever is making one. `models` are the files of
    /// [`Manifest::artifacts`], in that order; that they are is for the caller to see to.
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

/// The file at `path` and its length, where that is at most `most` bytes; of a longer one, nothing and its
/// length, as far as it is known without reading it.
fn read(directory: &Path, path: &Path, most: u64) -> Result<(Vec<u8>, u64), PackError> {
    let (file, length) = open(directory, path)?;
    if length > most {
        return Ok((Vec::new(), length));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| PackError::Read { path: path.to_owned(), source })?;
    let length = bytes.len() as u64;
    Ok((bytes, length))
}

/// The file at `path`, opened, and the length that it says it has.
fn open(directory: &Path, path: &Path) -> Result<(File, u64), PackError> {
    let unreadable = |source| PackError::Read { path: path.to_owned(), source };
    let root = directory.canonicalize().map_err(unreadable)?;
    let target = path.canonicalize().map_err(unreadable)?;
    // Links within the pack are how some mount it; one that leads out could show any file of the machine.
    if !target.starts_with(&root) {
        return Err(PackError::Outside { path: path.to_owned(), target });
    }
    let metadata = target.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        // A pipe would be waited for.
        return Err(unreadable(std::io::Error::other("it is not a file")));
    }
    let file = File::open(&target).map_err(unreadable)?;
    Ok((file, metadata.len()))
}

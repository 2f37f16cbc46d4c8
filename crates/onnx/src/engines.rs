//! Engines of TensorRT, kept on disk: compiling a model for a card takes a minute or more, and reading what came of it
//! a second.
//!
//! Each set of engines has a directory of its own, named after all that it depends on, and a lock beside it: who builds
//! holds the lock, and others wait and then use what was built. A manifest with the SHA-256 of each file is written when
//! a set is whole. What is not as the manifest says never reaches TensorRT, which trusts what it reads.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use sha2::Digest;

use crate::error::chain;

/// The file that says which files a set of engines consists of.
const MANIFEST: &str = "manifest.json";

/// The name of the set of engines that depends on `parts`, in this order: their SHA-256.
pub(crate) fn key(parts: &[&[u8]]) -> String {
    let mut hasher = sha2::Sha256::new();
    for part in parts {
        // So that no part can be taken for the end of the one before.
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hexadecimal(&hasher.finalize())
}

fn hexadecimal(digest: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    digest.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// What `load` makes with the engines `key` in `parent`: it is given their directory, uses those that are in it, and
/// leaves there what it builds. Damaged ones are removed before, and all of them when `load` fails over them
/// (`is_of_engines`); then it is asked once more. Where nothing can be kept it is given no directory.
pub(crate) fn with_engines<T, E: std::error::Error>(
    parent: &Path,
    key: &str,
    load: impl Fn(Option<&Path>) -> Result<T, E>,
    is_of_engines: impl Fn(&E) -> bool,
) -> Result<T, E> {
    let opened = Kept::open(parent, key).and_then(|kept| kept.whole().map(|whole| (kept, whole)));
    let (kept, was_whole) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            let parent = parent.display();
            tracing::warn!(
                "engines of TensorRT cannot be kept in {parent} and are built at every start: {error}"
            );
            return load(None);
        }
    };
    let directory = kept.directory.display();
    let began = Instant::now();
    if !was_whole {
        tracing::info!(
            "a model is compiled for this card by TensorRT, once, into {directory}: it may take minutes"
        );
    }
    let mut loaded = load(Some(&kept.directory));
    let mut is_built = !was_whole;
    if let (true, Err(error)) = (was_whole, &loaded)
        && is_of_engines(error)
    {
        tracing::warn!(
            "the engines in {directory} cannot be used and are built anew: {}",
            chain(error)
        );
        if let Err(error) = kept.clear() {
            tracing::warn!("{directory} cannot be cleared: {error}");
        }
        loaded = load(Some(&kept.directory));
        is_built = true;
    }
    if loaded.is_ok() {
        if let Err(error) = kept.seal() {
            tracing::warn!(
                "{directory} is no whole set of engines and will be built again: {error}"
            );
        }
        if is_built {
            let seconds = began.elapsed().as_secs();
            tracing::info!("the model is compiled: it took {seconds} s");
        }
    }
    loaded
}

/// A set of engines, held by this process alone until it is dropped.
struct Kept {
    directory: PathBuf,
    _lock: File,
}

/// File to SHA-256.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Manifest(BTreeMap<String, String>);

impl Kept {
    /// Waits for whoever holds it.
    fn open(parent: &Path, key: &str) -> std::io::Result<Self> {
        let directory = parent.join(key);
        private_directory(&directory)?;
        let lock = File::create(parent.join(format!("{key}.lock")))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let directory = directory.display();
                tracing::info!(
                    "another process is at work on the engines in {directory}: waiting for it"
                );
                lock.lock()?;
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(Self { directory, _lock: lock })
    }

    /// Whether every engine is there as it was built; if not, what is there is removed.
    fn whole(&self) -> std::io::Result<bool> {
        let directory = self.directory.display();
        let why = match self.files() {
            Ok(files) if files.is_empty() && !self.manifest().exists() => return Ok(false),
            Ok(files) => match self.read() {
                None if self.manifest().exists() => "its manifest cannot be read".to_owned(),
                None => "it was not built to its end".to_owned(),
                Some(manifest) => match differing(&manifest, &Manifest(files)) {
                    None => return Ok(true),
                    Some(file) => format!("{file} is not as it was built"),
                },
            },
            Err(error) => error.to_string(),
        };
        tracing::warn!("the set of engines {directory} is removed and built anew: {why}");
        self.clear()?;
        Ok(false)
    }

    fn manifest(&self) -> PathBuf {
        self.directory.join(MANIFEST)
    }

    fn read(&self) -> Option<Manifest> {
        serde_json::from_slice(&std::fs::read(self.manifest()).ok()?).ok()
    }

    /// The SHA-256 of every file but the manifest.
    fn files(&self) -> std::io::Result<BTreeMap<String, String>> {
        let mut files = BTreeMap::new();
        for entry in self.directory.read_dir()? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name != MANIFEST {
                let mut hasher = sha2::Sha256::new();
                // What is no file cannot be read, and so is nothing whole.
                hasher.update(std::fs::read(entry.path())?);
                files.insert(name, hexadecimal(&hasher.finalize()));
            }
        }
        Ok(files)
    }

    /// Writes down what there is. TensorRT replaces by itself what is not for its shapes: that is written down anew.
    fn seal(&self) -> std::io::Result<()> {
        let manifest = Manifest(self.files()?);
        if manifest.0.is_empty() || self.read().as_ref() == Some(&manifest) {
            return Ok(());
        }
        let mut file = tempfile::NamedTempFile::new_in(&self.directory)?;
        serde_json::to_writer_pretty(&mut file, &manifest)?;
        file.flush()?;
        file.persist(self.manifest())?;
        Ok(())
    }

    /// The manifest first: without it nothing counts.
    fn clear(&self) -> std::io::Result<()> {
        if self.manifest().exists() {
            std::fs::remove_file(self.manifest())?;
        }
        std::fs::remove_dir_all(&self.directory)?;
        private_directory(&self.directory)
    }
}

/// A file that is in only one of them, or is not the same in both.
fn differing(manifest: &Manifest, found: &Manifest) -> Option<String> {
    let mut names = manifest.0.keys().chain(found.0.keys());
    names.find(|name| manifest.0.get(*name) != found.0.get(*name)).cloned()
}

/// Nobody else is to put machine code there.
fn private_directory(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}

#[cfg(test)]
mod tests;

//! Engines of TensorRT, kept on disk. Compiling a model for a card takes a minute or more, reading
//! the engine takes a second.
//!
//! Each set of engines has a directory, named after everything that it depends on, and a lock
//! beside it. The process that builds holds the lock; others wait and then use the result. A set
//! that is whole has a manifest with the SHA-256 of each file. TensorRT trusts the files that it
//! reads, so it never gets a file that differs from the manifest.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use sha2::{Digest, Sha256};

use crate::error::chain;

/// The file that lists the files of a set of engines.
const MANIFEST: &str = "manifest.json";

/// The name of the set of engines that depends on `parts`, in this order: their SHA-256.
pub(crate) fn key(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        // Keeps the end of one part from counting as the start of the next.
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    const_hex::encode(hasher.finalize())
}

/// The result of `load` with the engines `key` in `parent`. `load` gets their directory, uses the
/// engines in it, and leaves the engines that it builds.
///
/// A damaged set is removed first. If `load` fails because of the engines (`is_of_engines`), they
/// are removed and `load` runs once more. `load` gets no directory if none can be written.
pub(crate) fn with_engines<T, E: std::error::Error>(
    parent: &Path,
    key: &str,
    load: impl Fn(Option<&Path>) -> Result<T, E>,
    is_of_engines: impl Fn(&E) -> bool,
) -> Result<T, E> {
    let opened = EngineSet::open(parent, key).and_then(|set| Ok((set.check()?, set)));
    let (mut is_whole, set) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            tracing::warn!(
                "TensorRT's engines cannot be kept in {} and are built at every start: {error}",
                parent.display()
            );
            return load(None);
        }
    };
    let directory = set.directory.display();
    let started = Instant::now();
    if !is_whole {
        tracing::info!(
            "TensorRT compiles a model for this card, once, into {directory}: it may take minutes"
        );
    }
    let mut loaded = load(Some(&set.directory));
    if let Err(error) = &loaded
        && is_whole
        && is_of_engines(error)
    {
        let error = chain(error);
        tracing::warn!("the engines in {directory} cannot be used and are built anew: {error}");
        if let Err(error) = set.clear() {
            tracing::warn!("{directory} cannot be cleared: {error}");
        }
        loaded = load(Some(&set.directory));
        is_whole = false;
    }
    if loaded.is_ok() {
        if let Err(error) = set.seal() {
            tracing::warn!("the engines in {directory} will be built again: {error}");
        }
        if !is_whole {
            let seconds = started.elapsed().as_secs();
            tracing::info!("TensorRT has compiled the model in {seconds} s");
        }
    }
    loaded
}

/// A set of engines, locked by this process until it is dropped.
struct EngineSet {
    directory: PathBuf,
    _lock: File,
}

/// The SHA-256 of each file, by its name.
type Files = BTreeMap<String, String>;

impl EngineSet {
    /// Makes the directory, and waits for its lock.
    fn open(parent: &Path, key: &str) -> std::io::Result<Self> {
        let directory = parent.join(key);
        private_directory(&directory)?;
        let lock = File::create(parent.join(format!("{key}.lock")))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let directory = directory.display();
                tracing::info!("waiting for another process that builds engines in {directory}");
                lock.lock()?;
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(Self { directory, _lock: lock })
    }

    /// Whether every engine is as it was built. Removes a damaged set.
    fn check(&self) -> std::io::Result<bool> {
        let has_manifest = self.manifest().exists();
        let damage = match (self.files(), self.read_manifest()) {
            (Err(error), _) => error.to_string(),
            (Ok(found), None) if found.is_empty() && !has_manifest => return Ok(false),
            (Ok(_), None) if has_manifest => "its manifest cannot be read".to_owned(),
            (Ok(_), None) => "it was not built to its end".to_owned(),
            (Ok(found), Some(listed)) => {
                let mut names = listed.keys().chain(found.keys());
                match names.find(|name| listed.get(*name) != found.get(*name)) {
                    None => return Ok(true),
                    Some(name) => format!("{name} is not as it was built"),
                }
            }
        };
        let directory = self.directory.display();
        tracing::warn!("the set of engines {directory} is removed and built anew: {damage}");
        self.clear()?;
        Ok(false)
    }

    fn manifest(&self) -> PathBuf {
        self.directory.join(MANIFEST)
    }

    fn read_manifest(&self) -> Option<Files> {
        serde_json::from_slice(&std::fs::read(self.manifest()).ok()?).ok()
    }

    /// Hashes every file but the manifest. Fails for a directory, which is no part of a whole set.
    fn files(&self) -> std::io::Result<Files> {
        let mut files = Files::new();
        for entry in self.directory.read_dir()? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name != MANIFEST {
                let digest = Sha256::digest(std::fs::read(entry.path())?);
                files.insert(name, const_hex::encode(digest));
            }
        }
        Ok(files)
    }

    /// Writes the manifest. TensorRT replaces engines of other shapes itself, so the manifest may
    /// have to be written anew.
    fn seal(&self) -> std::io::Result<()> {
        let files = self.files()?;
        if files.is_empty() || self.read_manifest().as_ref() == Some(&files) {
            return Ok(());
        }
        let mut manifest = tempfile::NamedTempFile::new_in(&self.directory)?;
        serde_json::to_writer_pretty(&mut manifest, &files)?;
        manifest.flush()?;
        manifest.persist(self.manifest())?;
        Ok(())
    }

    /// Removes the manifest first: without it the other files do not count.
    fn clear(&self) -> std::io::Result<()> {
        if self.manifest().exists() {
            std::fs::remove_file(self.manifest())?;
        }
        std::fs::remove_dir_all(&self.directory)?;
        private_directory(&self.directory)
    }
}

/// Makes a directory that only this user can write machine code to.
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

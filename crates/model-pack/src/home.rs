//! The directory that everything is installed into.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::artifact::{Artifact, Bulk, PART_PREFIX};
use crate::catalog::{self, Library};
use crate::manifest::Manifest;
use crate::receipt;

/// The directory that everything is installed into: `runtime/`, `packs/NAME/`, `sample/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
}

impl Home {
    /// The home at `root`, which need not exist yet.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the files of `library` go.
    #[must_use]
    pub fn runtime_directory(&self, library: Library) -> PathBuf {
        let runtime = self.root.join("runtime");
        match library {
            Library::Cpu => runtime,
            Library::OpenVino => runtime.join("openvino"),
            Library::Gpu => runtime.join("gpu"),
            // Beside: each set has a receipt of its own.
            Library::Nvidia => runtime.join("gpu/nvidia"),
        }
    }

    /// Where the sample portrait goes.
    #[must_use]
    pub fn sample_directory(&self) -> PathBuf {
        self.root.join("sample")
    }

    /// Where the pack `name` goes.
    #[must_use]
    pub fn pack_directory(&self, name: &str) -> PathBuf {
        self.root.join("packs").join(name)
    }

    /// Names of the packs that are installed, whole or not, in the order of the alphabet.
    ///
    /// # Errors
    /// When the directory is there and cannot be read.
    pub fn packs(&self) -> std::io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(self.root.join("packs")) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if !name.starts_with('.') && self.has_pack(&name) {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Whether the pack `name` is installed. Its `pack.toml` is put there last.
    #[must_use]
    pub fn has_pack(&self, name: &str) -> bool {
        self.pack_directory(name).join("pack.toml").is_file()
    }

    /// Whether a pack of the catalogue is here whole: every file unchanged, and `pack.toml` the very text
    /// that this version of the program installs.
    #[must_use]
    pub fn is_whole(&self, manifest: &Manifest, text: &str) -> bool {
        let directory = self.pack_directory(&manifest.name);
        holds(&directory.join("pack.toml"), text).unwrap_or(false)
            && manifest.artifacts().all(|artifact| artifact.is_in(&directory).unwrap_or(false))
    }

    /// The pack that serves when none is asked for: the best of those installed.
    #[must_use]
    pub fn default_pack(&self) -> Option<&'static str> {
        catalog::preferred().into_iter().find(|name| self.has_pack(name))
    }

    /// The file of `library` to load, if there is one for this platform, and all of its files are installed
    /// unchanged. One file is hashed each time; for many, the installer's receipt counts as long as it fits
    /// them (`receipt.rs` says what that is worth).
    #[must_use]
    pub fn runtime_library(&self, library: Library) -> Option<PathBuf> {
        let mut artifacts = catalog::runtime_library(library)?;
        artifacts.extend(catalog::made_files(library));
        let directory = self.runtime_directory(library);
        let is_whole = match &artifacts[..] {
            [artifact] => artifact.is_in(&directory).unwrap_or(false),
            artifacts => receipt::are_in(artifacts, &directory).unwrap_or(false),
        };
        is_whole.then(|| directory.join(&artifacts[0].file))
    }

    /// The files of `library` that are not there, or changed, each of which is read for it; nothing where there is
    /// no such library for this platform.
    #[must_use]
    pub fn missing_files(&self, library: Library) -> Option<Vec<String>> {
        let mut artifacts = catalog::runtime_library(library)?;
        artifacts.extend(catalog::made_files(library));
        let directory = self.runtime_directory(library);
        artifacts.retain(|artifact| !artifact.is_in(&directory).unwrap_or(false));
        Some(artifacts.into_iter().map(|artifact| artifact.file).collect())
    }

    /// What bringing `library` would take, by the names and lengths of the files that are there, without reading them;
    /// nothing where there is no such library for this platform.
    #[must_use]
    pub fn bulk(&self, library: Library) -> Option<Bulk> {
        let mut artifacts = catalog::runtime_library(library)?;
        let directory = self.runtime_directory(library);
        artifacts.retain(|artifact| {
            let there = directory.join(&artifact.file).metadata();
            !there.is_ok_and(|there| there.len() == artifact.size_bytes)
        });
        Some(Bulk::of(&artifacts))
    }

    /// The sample portrait, if it is installed unchanged.
    #[must_use]
    pub fn sample_portrait(&self) -> Option<PathBuf> {
        unchanged(&self.sample_directory(), &catalog::sample_portrait())
    }

    /// Removes what an interrupted setup has left. What cannot be removed (a client that outlived its setup may
    /// still be writing) is harmless and left to the next.
    pub(crate) fn sweep(&self) {
        let packs = std::fs::read_dir(self.root.join("packs")).into_iter().flatten();
        let packs = packs.filter_map(Result::ok).map(|entry| entry.path());
        let runtimes = Library::ALL.map(|library| self.runtime_directory(library));
        let ours = [self.root.clone(), self.sample_directory()].into_iter().chain(runtimes);
        for directory in ours.chain(packs) {
            for entry in std::fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok) {
                if entry.file_name().to_string_lossy().starts_with(PART_PREFIX) {
                    let path = entry.path();
                    let _ = std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir_all(&path));
                }
            }
        }
    }
}

/// Whether the file at `path` is this text; another length is not read, and a pipe not waited for.
fn holds(path: &Path, text: &str) -> std::io::Result<bool> {
    let metadata = path.metadata()?;
    let length = text.len() as u64;
    if !metadata.is_file() || metadata.len() != length {
        return Ok(false);
    }
    let mut there = Vec::with_capacity(text.len());
    File::open(path)?.take(length + 1).read_to_end(&mut there)?;
    Ok(there == text.as_bytes())
}

fn unchanged(directory: &Path, artifact: &Artifact) -> Option<PathBuf> {
    artifact.is_in(directory).unwrap_or(false).then(|| directory.join(&artifact.file))
}

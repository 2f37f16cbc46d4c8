//! The directory that everything is installed into.

use std::path::{Path, PathBuf};

use crate::artifact::Bulk;
use crate::catalog::{self, Library};
use crate::file::{self, PART_PREFIX};
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

    /// The directory of the files of `library`.
    #[must_use]
    pub fn runtime_directory(&self, library: Library) -> PathBuf {
        let runtime = self.root.join("runtime");
        match library {
            Library::Cpu => runtime,
            Library::OpenVino => runtime.join("openvino"),
            Library::Gpu => runtime.join("gpu"),
            // A directory of its own, because each set has its own receipt.
            Library::Nvidia => runtime.join("gpu/nvidia"),
        }
    }

    /// The directory of the sample portrait.
    #[must_use]
    pub fn sample_directory(&self) -> PathBuf {
        self.root.join("sample")
    }

    /// The directory of the pack `name`.
    #[must_use]
    pub fn pack_directory(&self, name: &str) -> PathBuf {
        self.root.join("packs").join(name)
    }

    /// Names of the packs that are installed, complete or not, in alphabetical order.
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

    /// True if the pack `name` is installed. Its `pack.toml` is written last.
    #[must_use]
    pub fn has_pack(&self, name: &str) -> bool {
        self.pack_directory(name).join("pack.toml").is_file()
    }

    /// True if a pack of the catalogue is complete: every file is unchanged, and `pack.toml` has
    /// the text that this version of the program installs.
    #[must_use]
    pub fn is_whole(&self, manifest: &Manifest, text: &str) -> bool {
        let directory = self.pack_directory(&manifest.name);
        file::holds(&directory.join("pack.toml"), text).unwrap_or(false)
            && manifest.artifacts().all(|artifact| artifact.is_in(&directory).unwrap_or(false))
    }

    /// The pack that serves by default: the best of those installed.
    #[must_use]
    pub fn default_pack(&self) -> Option<&'static str> {
        catalog::preferred().into_iter().find(|name| self.has_pack(name))
    }

    /// The file of `library` to load, if all its files for this platform are installed unchanged. A
    /// single file is hashed each time; several are compared with the installer's receipt
    /// (`receipt.rs`).
    #[must_use]
    pub fn runtime_library(&self, library: Library) -> Option<PathBuf> {
        let artifacts = catalog::all_files(library)?;
        let directory = self.runtime_directory(library);
        let is_whole = match &artifacts[..] {
            [artifact] => artifact.is_in(&directory).unwrap_or(false),
            artifacts => receipt::are_in(artifacts, &directory).unwrap_or(false),
        };
        is_whole.then(|| directory.join(&artifacts[0].file))
    }

    /// The files of `library` that are missing or changed; each is hashed. `None` if the library
    /// does not exist for this platform.
    #[must_use]
    pub fn missing_files(&self, library: Library) -> Option<Vec<String>> {
        let mut artifacts = catalog::all_files(library)?;
        let directory = self.runtime_directory(library);
        artifacts.retain(|artifact| !artifact.is_in(&directory).unwrap_or(false));
        Some(artifacts.into_iter().map(|artifact| artifact.file).collect())
    }

    /// The size of the files of `library` that are missing, by names and lengths; no file is read.
    /// `None` if the library does not exist for this platform.
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
        let (portrait, directory) = (catalog::sample_portrait(), self.sample_directory());
        portrait.is_in(&directory).unwrap_or(false).then(|| directory.join(portrait.file))
    }

    /// Removes the incomplete files of an interrupted setup. Files that cannot be removed are
    /// harmless and left to the next setup: a package client that outlived its setup may still
    /// write them.
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

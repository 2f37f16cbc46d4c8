//! The directory that everything is installed into.

use std::path::{Path, PathBuf};

use crate::artifact::Artifact;
use crate::catalog;
use crate::manifest::Manifest;

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

    /// Where the ONNX Runtime library goes.
    #[must_use]
    pub fn runtime_directory(&self) -> PathBuf {
        self.root.join("runtime")
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

    /// Whether the pack `name` is installed. Its `pack.toml` is put there last.
    #[must_use]
    pub fn has_pack(&self, name: &str) -> bool {
        self.pack_directory(name).join("pack.toml").is_file()
    }

    /// Installed packs of the catalogue whose `pack.toml` is another version's: what they are installed
    /// with belongs to the program, and is put right by installing them again.
    #[must_use]
    pub fn outdated_packs(&self) -> Vec<(Manifest, &'static str)> {
        let is_outdated = |(manifest, text): &(Manifest, &str)| {
            let path = self.pack_directory(&manifest.name).join("pack.toml");
            std::fs::read(path).is_ok_and(|installed| installed != text.as_bytes())
        };
        catalog::catalog().into_iter().filter(is_outdated).collect()
    }

    /// The pack that serves when none is asked for: the best of those installed.
    #[must_use]
    pub fn default_pack(&self) -> Option<&'static str> {
        catalog::preferred().into_iter().find(|name| self.has_pack(name))
    }

    /// The ONNX Runtime library, if it is installed and there is one for this platform.
    #[must_use]
    pub fn runtime_library(&self) -> Option<PathBuf> {
        let library = catalog::runtime_library()?;
        existing(&self.runtime_directory(), &library)
    }

    /// The sample portrait, if it is installed.
    #[must_use]
    pub fn sample_portrait(&self) -> Option<PathBuf> {
        existing(&self.sample_directory(), &catalog::sample_portrait())
    }
}

fn existing(directory: &Path, artifact: &Artifact) -> Option<PathBuf> {
    let path = directory.join(&artifact.file);
    path.is_file().then_some(path)
}

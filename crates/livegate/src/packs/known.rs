//! The packs that Livegate knows, and those that are installed.

use engine::refuse;
use liveness::chain;
use model_pack::{Digest, Home, Manifest, Pack, PackError, catalog};

/// A pack of the catalogue, or one of the operator's own that is installed.
pub(super) struct Known {
    pub name: String,
    pub manifest: Result<Manifest, PackError>,
    /// The digest of `pack.toml`, where there is one.
    pub digest: Option<Digest>,
    pub is_installed: bool,
    /// The problem of its files.
    pub problem: Option<String>,
    pub serves_by_default: bool,
    pub is_in_catalogue: bool,
}

impl Known {
    /// The state of its files.
    pub(super) fn state(&self) -> &'static str {
        match self.problem {
            _ if !self.is_installed => "not installed",
            None => "whole",
            Some(_) => "changed",
        }
    }
}

/// All packs: those of the catalogue, the best first, then the operator's own.
pub(super) fn known(home: &Home) -> anyhow::Result<Vec<Known>> {
    let mut packs = Vec::new();
    for (manifest, text) in catalog() {
        let name = manifest.name.clone();
        let is_installed = home.has_pack(&name);
        let problem = (is_installed && !home.is_whole(&manifest, text)).then(|| {
            format!(
                "it is not what this version of Livegate installs; `livegate packs install {name}` \
                 puts it right, and so does using it"
            )
        });
        packs.push(Known {
            serves_by_default: home.default_pack() == Some(&*name),
            digest: Some(Digest::of(text.as_bytes())),
            manifest: Ok(manifest),
            is_in_catalogue: true,
            name,
            is_installed,
            problem,
        });
    }
    for name in home.packs()? {
        if packs.iter().any(|pack| pack.name == name) {
            continue;
        }
        let directory = home.pack_directory(&name);
        let (manifest, digest) = match Pack::manifest_in(&directory) {
            Ok((manifest, digest)) => (Ok(manifest), Some(digest)),
            Err(error) => (Err(error), None),
        };
        let problem = match &manifest {
            Ok(manifest) => Pack::check_models(&directory, manifest).err().map(|it| chain(&it)),
            Err(error) => Some(chain(error)),
        };
        packs.push(Known {
            name,
            manifest,
            digest,
            is_installed: true,
            problem,
            serves_by_default: false,
            is_in_catalogue: false,
        });
    }
    Ok(packs)
}

/// The pack called `name`.
///
/// # Errors
/// When there is none.
pub(super) fn find(home: &Home, name: &str) -> anyhow::Result<Known> {
    let mut packs = known(home)?;
    if let Some(position) = packs.iter().position(|pack| pack.name == name) {
        return Ok(packs.swap_remove(position));
    }
    let names: Vec<&str> = packs.iter().map(|pack| &*pack.name).collect();
    let names = names.join(", ");
    refuse!("there is no pack `{name}`; there are: {names}")
}

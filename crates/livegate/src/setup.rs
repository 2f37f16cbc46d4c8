//! `livegate setup`, and the setup that `serve` and `verify` do by themselves where something is
//! missing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use etcetera::base_strategy::{BaseStrategy, choose_native_strategy};
use model_pack::nvidia::{self, HostLibraries};
use model_pack::{
    Artifact, Bulk, Home, InstallError, Installer, Library, Manifest, Options, catalog, preferred,
    runtime_library, sample_portrait,
};
use onnx::Device;

use crate::cli::{Place, Setup, Sources};
use crate::device::{DeviceChoice, library};
use crate::progress::Progress;
use crate::{runtime, tell};

/// The home that the flags name, or the platform's own.
pub(crate) fn home(place: &Place) -> anyhow::Result<Home> {
    if let Some(root) = &place.home {
        let root = std::path::absolute(root).context("--home is no path")?;
        return Ok(Home::new(root));
    }
    let platform = choose_native_strategy()
        .context("there is no home directory; name a place with --home or LIVEGATE_HOME")?;
    Ok(Home::new(platform.data_dir().join("livegate")))
}

/// The command that brings `library`.
pub(crate) fn how(library: Library) -> &'static str {
    match library {
        Library::Cpu => "setup",
        Library::OpenVino => "setup --device openvino",
        Library::Gpu | Library::Nvidia => "setup --device cuda",
    }
}

/// What is to be installed.
struct Wanted {
    runtimes: Vec<Library>,
    sample: bool,
    /// Packs of the catalogue.
    packs: Vec<(Manifest, &'static str)>,
    /// Whether each of them must be had, or any.
    all_packs: bool,
}

pub(crate) fn run(command: &Setup, place: &Place) -> anyhow::Result<ExitCode> {
    let home = home(place)?;
    let devices = match &command.devices[..] {
        [] => &[Device::default()],
        devices => devices,
    };
    let mut runtimes = Vec::new();
    for &device in devices {
        runtimes.extend(libraries(device, &home, command.bring_cuda));
    }
    // In the order of the first of each.
    let mut seen = Vec::new();
    runtimes.retain(|library| {
        !seen.contains(library) && {
            seen.push(*library);
            true
        }
    });
    let wanted = Wanted {
        runtimes: if place.onnxruntime.is_none() { runtimes } else { Vec::new() },
        sample: true,
        packs: chosen(&command.packs)?,
        all_packs: !command.packs.is_empty(),
    };
    install(&home, &wanted, &command.sources)?;
    if devices.contains(&Device::TensorRt)
        && let Err(missing) = HostLibraries::look().all(&nvidia::TENSORRT)
    {
        let missing: Vec<_> = missing.iter().map(|it| it.file).collect();
        let missing = missing.join(", ");
        tell(&format!(
            "NOT INSTALLED: TensorRT 10, which Livegate cannot bring and this host does not have: {missing} missing"
        ));
    }
    if let Some(name) = home.default_pack() {
        tell(&format!("Ready. Without --pack, `{name}` serves."));
    }
    Ok(ExitCode::SUCCESS)
}

/// Installs packs of the catalogue, and what is missing to try them.
pub(crate) fn install_packs(
    home: &Home,
    place: &Place,
    names: &[String],
    sources: &Sources,
) -> anyhow::Result<()> {
    let wanted = Wanted {
        // Any will do.
        runtimes: missing_runtimes(home, place, DeviceChoice::Auto),
        sample: home.sample_portrait().is_none(),
        packs: chosen(names)?,
        all_packs: true,
    };
    install(home, &wanted, sources)
}

/// Installs what `serve` or `verify` will need and is not there whole. `pack` is the one asked for.
pub(crate) fn ensure(
    home: &Home,
    place: &Place,
    device: DeviceChoice,
    pack: Option<&str>,
    sample: bool,
    sources: &Sources,
) -> anyhow::Result<()> {
    let serving = pack.or_else(|| home.default_pack());
    let known = catalog().into_iter().find(|(manifest, _)| Some(&*manifest.name) == serving);
    let packs = match (known, serving) {
        (Some((manifest, text)), _) if home.is_whole(&manifest, text) => Vec::new(),
        (Some(pack), _) => vec![pack],
        // Somebody's own.
        (None, Some(name)) if home.has_pack(name) => Vec::new(),
        (None, Some(name)) => chosen(&[name.to_owned()])?,
        (None, None) => chosen(&[])?,
    };
    let wanted = Wanted {
        runtimes: missing_runtimes(home, place, device),
        sample: sample && home.sample_portrait().is_none(),
        packs,
        all_packs: serving.is_some(),
    };
    if wanted.runtimes.is_empty() && !wanted.sample && wanted.packs.is_empty() {
        return Ok(());
    }
    if wanted.runtimes.iter().any(|it| matches!(it, Library::Gpu | Library::Nvidia)) {
        // Before a gigabyte is brought for nothing; `setup` brings it all the same, to be carried elsewhere.
        runtime::driver()?;
    }
    install(home, &wanted, sources)
}

/// What `device` needs installed: a build of ONNX Runtime, and what that needs and the host does not have.
fn libraries(device: Device, home: &Home, bring_cuda: bool) -> Vec<Library> {
    let mut libraries = vec![library(device)];
    // What was brought once is looked after.
    let is_brought = home.runtime_directory(Library::Nvidia).is_dir();
    if device.is_gpu() && (bring_cuda || is_brought || hosts_cuda().is_none()) {
        libraries.push(Library::Nvidia);
    }
    libraries
}

/// The directories in which this host has CUDA 13 and cuDNN 9 of its own, if it has all that is needed of them.
fn hosts_cuda() -> Option<BTreeSet<PathBuf>> {
    let files = HostLibraries::look().all(&nvidia::CUDA_AND_CUDNN).ok()?;
    Some(files.iter().filter_map(|file| file.parent()).map(Path::to_owned).collect())
}

/// The libraries for `device` that are not there whole, unless another is named.
fn missing_runtimes(home: &Home, place: &Place, device: DeviceChoice) -> Vec<Library> {
    let is_missing = |library: &Library| home.runtime_library(*library).is_none();
    if place.onnxruntime.is_some() {
        return Vec::new();
    }
    match device.named() {
        Some(device) => libraries(device, home, false).into_iter().filter(is_missing).collect(),
        None if [Library::Gpu, Library::OpenVino, Library::Cpu].iter().all(is_missing) => {
            vec![Library::Cpu]
        }
        None => Vec::new(),
    }
}

/// The packs called `names`, or those that may serve unasked.
fn chosen(names: &[String]) -> anyhow::Result<Vec<(Manifest, &'static str)>> {
    let mut packs = catalog();
    let known: Vec<String> = packs.iter().map(|(manifest, _)| manifest.name.clone()).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        bail!("there is no pack `{unknown}`; there are: {}", known.join(", "));
    }
    packs.retain(|(manifest, _)| {
        if names.is_empty() {
            preferred().contains(&manifest.name.as_str())
        } else {
            names.contains(&manifest.name)
        }
    });
    Ok(packs)
}

fn install(home: &Home, wanted: &Wanted, sources: &Sources) -> anyhow::Result<()> {
    // Before a byte is brought, so that one may still say no.
    for (manifest, _) in &wanted.packs {
        if let Some(caveat) = &manifest.caveat {
            let line = "=".repeat(78);
            tell(&format!("{line}\nCAVEAT of the pack `{}`: {caveat}\n{line}", manifest.name));
        }
    }
    tell(&format!("Setting up {}", home.root().display()));
    let options = Options {
        from: sources.from.clone(),
        offline: sources.offline,
        mirror: sources.mirror.clone(),
    };
    say_how_much(home, wanted, sources);
    let progress = Progress::new();
    let show = |event: model_pack::Event<'_>| progress.show(&event);
    let installer = Installer::open(home, &options, &show)?;
    // Everything is tried before anything is given up, so that all that is missing is named at once.
    let runtimes = wanted.runtimes.iter();
    let mut runtimes: Vec<_> = runtimes
        .filter_map(|&library| Some((library, installer.install_runtime(library).err()?)))
        .collect();
    let mut failures = Vec::new();
    for (manifest, text) in &wanted.packs {
        if let Err(error) = installer.install_pack(manifest, text) {
            failures.push((manifest, error));
        }
    }
    let sample = if wanted.sample { installer.install_sample() } else { Ok(()) };
    if let Err(error) = &sample {
        tell("NOT INSTALLED: the sample portrait");
        say_why(error);
        say_by_hand(&[sample_portrait()], &home.sample_directory(), "setup");
    }
    for (manifest, error) in &failures {
        tell(&format!("NOT INSTALLED: the pack `{}`", manifest.name));
        say_why(error);
        let artifacts: Vec<Artifact> = manifest.artifacts().cloned().collect();
        say_by_hand(&artifacts, &home.pack_directory(&manifest.name), "setup");
    }
    for (library, error) in &runtimes {
        tell(&format!("NOT INSTALLED: {library}"));
        say_why(error);
        match runtime_library(*library) {
            Some(files) => say_by_hand(&files, &home.runtime_directory(*library), how(*library)),
            None => tell("  name one (1.24 or newer) with --onnxruntime"),
        }
    }
    if !wanted.packs.is_empty() {
        say_which_serves(home, wanted);
    }
    if let Some((library, error)) = runtimes.pop() {
        let unusable =
            format!("there is nothing to run models with: {library} could not be installed");
        return Err(anyhow::Error::new(error).context(unusable));
    }
    let none_serves = home.default_pack().is_none() && !wanted.packs.is_empty();
    if let Some((manifest, error)) = failures.pop()
        && (wanted.all_packs || none_serves)
    {
        let unusable = format!("the pack `{}` could not be installed", manifest.name);
        return Err(anyhow::Error::new(error).context(unusable));
    }
    Ok(())
}

/// How much of each library is to come, and what is not to come as the host has it.
fn say_how_much(home: &Home, wanted: &Wanted, sources: &Sources) {
    let megabytes = |bytes: u64| (bytes as f64 / 1e6).round();
    for &library in &wanted.runtimes {
        let Some(Bulk { download_bytes, disk_bytes }) = home.bulk(library) else { continue };
        if disk_bytes > 0 {
            let fetch = if sources.offline { 0 } else { download_bytes };
            let (fetch, disk) = (megabytes(fetch), megabytes(disk_bytes));
            let at_most = if sources.from.is_some() { "at most " } else { "" };
            tell(&format!("  {library}: {at_most}{fetch} MB to fetch, {disk} MB on disk"));
        }
    }
    if wanted.runtimes.contains(&Library::Gpu)
        && !wanted.runtimes.contains(&Library::Nvidia)
        && let Some(directories) = hosts_cuda()
    {
        let directories: Vec<_> = directories.iter().map(|it| it.display().to_string()).collect();
        let directories = directories.join(", ");
        tell(&format!("  {}: this host's own are used, in {directories}", Library::Nvidia));
    }
}

/// Which sources were asked, and what each said.
fn say_why(error: &InstallError) {
    match error {
        InstallError::NoSource { attempts, .. } => {
            for attempt in attempts {
                tell(&format!("    {}: {}", attempt.from, attempt.why));
            }
        }
        other => tell(&format!("    {other}")),
    }
}

/// What to put where, and where to get it, for those of `artifacts` that are not there.
fn say_by_hand(artifacts: &[Artifact], directory: &Path, then: &str) {
    tell("  by hand:");
    for artifact in artifacts {
        if !artifact.is_in(directory).unwrap_or(false) {
            let Artifact { file, sha256, size_bytes, .. } = artifact;
            let directory = directory.display();
            tell(&format!(
                "    put {file} into {directory}, or into a directory named with --from"
            ));
            tell(&format!("      sha256 {sha256}, {size_bytes} bytes"));
            for source in &artifact.sources {
                tell(&format!("      from {source}"));
            }
        }
    }
    tell(&format!("    then run `livegate {then}` again"));
}

/// Says which pack serves, and how they were measured to differ.
fn say_which_serves(home: &Home, wanted: &Wanted) {
    match home.default_pack() {
        Some(name) => tell(&format!("SERVES UNLESS ANOTHER IS NAMED: the pack `{name}`")),
        None => tell("NO PACK SERVES BY ITSELF: name one with --pack"),
    }
    let mut packs = catalog();
    packs.retain(|(manifest, _)| {
        preferred().contains(&manifest.name.as_str())
            || wanted.packs.iter().any(|(wanted, _)| wanted.name == manifest.name)
    });
    for (manifest, _) in packs.iter().filter(|(m, _)| home.default_pack() == Some(&*m.name)) {
        tell(&format!("  {}", manifest.summary));
    }
    let measured = packs.iter().filter_map(|(m, _)| Some((&m.name, m.evaluation.as_ref()?)));
    tell("  At a score of 0.5 (`livegate packs show NAME` says on which pictures, and of what):");
    tell(&format!(
        "    {:<12} {:>5} {:>7} {:>25} {:>25}",
        "pack", "AUC", "EER", "attacks accepted (APCER)", "people rejected (BPCER)"
    ));
    for (name, evaluation) in measured {
        let percent = |share: f64| format!("{:.1}%", share * 100.0);
        tell(&format!(
            "    {name:<12} {:>5.3} {:>7} {:>25} {:>25}",
            evaluation.auc,
            percent(evaluation.eer),
            percent(evaluation.apcer_at_half),
            percent(evaluation.bpcer_at_half)
        ));
    }
}

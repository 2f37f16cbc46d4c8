//! `livegate setup`, and the setup that `serve` and `verify` do by themselves where something is
//! missing.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{Context, bail};
use etcetera::base_strategy::{BaseStrategy, choose_native_strategy};
use model_pack::{
    Artifact, Home, InstallError, Installer, Manifest, Options, catalog, preferred,
    runtime_library, sample_portrait,
};

use crate::cli::{Place, Setup, Sources};
use crate::progress::Progress;
use crate::tell;

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

/// What is to be installed.
struct Wanted {
    runtime: bool,
    sample: bool,
    /// Packs of the catalogue.
    packs: Vec<(Manifest, &'static str)>,
    /// Whether each of them must be had, or any.
    all_packs: bool,
}

pub(crate) fn run(command: &Setup, place: &Place) -> anyhow::Result<ExitCode> {
    let home = home(place)?;
    let wanted = Wanted {
        runtime: place.onnxruntime.is_none(),
        sample: true,
        packs: chosen(&command.packs)?,
        all_packs: !command.packs.is_empty(),
    };
    install(&home, &wanted, &command.sources)?;
    if let Some(name) = home.default_pack() {
        tell(&format!("Ready. Without --pack, `{name}` serves."));
    }
    Ok(ExitCode::SUCCESS)
}

/// Installs what `serve` or `verify` will need and is not there. `pack` is the one asked for.
pub(crate) fn ensure(
    home: &Home,
    place: &Place,
    pack: Option<&str>,
    sample: bool,
    sources: &Sources,
) -> anyhow::Result<()> {
    let has_pack = pack.map_or_else(|| home.default_pack().is_some(), |name| home.has_pack(name));
    let mut packs = home.outdated_packs();
    if !has_pack {
        packs.extend(chosen(pack.map(str::to_owned).as_slice())?);
    }
    let wanted = Wanted {
        runtime: place.onnxruntime.is_none() && home.runtime_library().is_none(),
        sample: sample && home.sample_portrait().is_none(),
        packs,
        all_packs: pack.is_some(),
    };
    if !wanted.runtime && !wanted.sample && wanted.packs.is_empty() {
        return Ok(());
    }
    install(home, &wanted, sources)
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
    tell(&format!("Setting up {}", home.root().display()));
    let options = Options {
        from: sources.from.clone(),
        offline: sources.offline,
        mirror: sources.mirror.clone(),
    };
    let progress = Progress::new();
    let show = |event: model_pack::Event<'_>| progress.show(&event);
    let installer = Installer::open(home, &options, &show)?;
    if wanted.runtime {
        let library = runtime_library();
        installer.install_runtime().map_err(|error| missing(error, library.as_ref()))?;
    }
    let mut failures = Vec::new();
    for (manifest, text) in &wanted.packs {
        if let Some(caveat) = &manifest.caveat {
            tell(&format!("NOTE on the pack `{}`: {caveat}", manifest.name));
        }
        if let Err(error) = installer.install_pack(manifest, text) {
            failures.push((manifest, error));
        }
    }
    if wanted.sample
        && let Err(error) = installer.install_sample()
    {
        let portrait = sample_portrait();
        tell(&format!("Without a sample portrait: {:#}", missing(error, Some(&portrait))));
    }
    say_which_serves(home, wanted, &failures);
    let none_serves = home.default_pack().is_none() && !wanted.packs.is_empty();
    if let Some((manifest, error)) = failures.pop()
        && (wanted.all_packs || none_serves)
    {
        let unusable = format!("the pack `{}` could not be installed", manifest.name);
        return Err(anyhow::Error::new(error).context(unusable));
    }
    Ok(())
}

/// An error that says what to put where by hand.
fn missing(error: InstallError, artifact: Option<&Artifact>) -> anyhow::Error {
    let by_hand = match (&error, artifact) {
        (InstallError::NoSource { directory, .. }, Some(artifact)) => {
            format!("{error}. By hand:\n{}", by_hand(artifact, &directory.display().to_string()))
        }
        (InstallError::NoLibrary, _) => {
            format!("{error}; name one (1.24 or newer) with --onnxruntime")
        }
        _ => return error.into(),
    };
    anyhow::anyhow!(by_hand)
}

/// What to put where, and where to get it.
fn by_hand(artifact: &Artifact, directory: &str) -> String {
    let mut text = format!(
        "    put {} into {directory}, or into a directory named with --from\n      \
         sha256 {}, {} bytes",
        artifact.file, artifact.sha256, artifact.size_bytes
    );
    for source in &artifact.sources {
        let _ = write!(text, "\n      from {source}");
    }
    text
}

/// Says which pack serves, which could not be had and why, and how they were measured to differ.
fn say_which_serves(home: &Home, wanted: &Wanted, failures: &[(&Manifest, InstallError)]) {
    if wanted.packs.is_empty() {
        return;
    }
    for (manifest, error) in failures {
        tell(&format!("NOT INSTALLED: the pack `{}`", manifest.name));
        match error {
            InstallError::NoSource { attempts, .. } => {
                for attempt in attempts {
                    tell(&format!("    {}: {}", attempt.from, attempt.why));
                }
            }
            other => tell(&format!("    {other}")),
        }
        tell("  By hand:");
        let directory = home.pack_directory(&manifest.name);
        for artifact in manifest.artifacts() {
            if !artifact.is_in(&directory).unwrap_or(false) {
                tell(&by_hand(artifact, &directory.display().to_string()));
            }
        }
        tell("    then run `livegate setup` again");
    }
    match home.default_pack() {
        Some(name) => tell(&format!("SERVES UNLESS ANOTHER IS NAMED: the pack `{name}`")),
        None => tell("NO PACK SERVES BY ITSELF: name one with --pack"),
    }
    let mut packs = catalog();
    packs.retain(|(manifest, _)| {
        preferred().contains(&manifest.name.as_str())
            || wanted.packs.iter().any(|(wanted, _)| wanted.name == manifest.name)
    });
    if let Some((first, _)) = packs.first() {
        tell(&format!("  Measured at a score of 0.5 on {}:", first.evaluation.pictures));
    }
    tell(&format!(
        "    {:<12} {:>5} {:>7} {:>25} {:>25}",
        "pack", "AUC", "EER", "attacks accepted (APCER)", "people rejected (BPCER)"
    ));
    for (Manifest { name, evaluation, .. }, _) in &packs {
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

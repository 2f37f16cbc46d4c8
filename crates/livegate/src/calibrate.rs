//! `livegate calibrate`: what `evaluate` measured becomes a pack's calibration and levels.

mod manifest;
mod shown;

use std::fs::File;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use evaluation::{CalibrateError, Evaluation, Presentation, Targets};
use model_pack::{Home, Manifest, Pack, catalog, is_plain};
use serde_json::Value;

use crate::cli::{Calibrate, Place};
use crate::config::{Config, Layers};
use crate::engine::Engine;
use crate::keys::Unusable;
use crate::{print, runtime, setup};

pub(crate) fn run(command: &Calibrate, place: &Place) -> anyhow::Result<ExitCode> {
    let name = &command.name;
    check_spelling(name)?;
    let home = setup::home(place)?;
    let config = Layers::load(&command.engine.settings, &command.engine.flags())?.config()?;
    check_name(name, &home)?;
    let presentations = read_scores(&command.scores)?;
    let measured = Measured::beside(&command.scores);
    let targets = Targets {
        convenience_bpcer: command.convenience_bpcer,
        hardened_apcer: command.hardened_apcer,
    };
    let calibrated = evaluation::calibrate(&presentations, targets)
        .map_err(|error: CalibrateError| Unusable(error.to_string()))?;

    let source = command.engine.pack.as_deref();
    let source = source.or(measured.as_ref().map(|measured| measured.pack.as_str()));
    let source = source.or(config.pack.as_deref()).or_else(|| home.default_pack());
    setup::ensure(&home, place, config.device, source, false, &command.engine.sources)?;
    let source = source.or_else(|| home.default_pack()).context("there is no pack to copy")?;
    let from = home.pack_directory(source);
    let pack = Pack::open(&from).with_context(|| format!("the pack `{source}` cannot be used"))?;
    if !command.force {
        check_same(&pack, measured.as_ref(), command)?;
    }

    let pictures = command.pictures.clone().unwrap_or_else(|| {
        let (live, attacks) = (calibrated.live, calibrated.attacks);
        format!("{live} pictures of living people and {attacks} attacks")
    });
    let text = std::fs::read_to_string(from.join("pack.toml")).context("it was just read")?;
    let old = shown::Old::of(&pack.manifest, &presentations)?;
    let at_half = Evaluation::of(&calibrated.apply(&presentations), 0.5);
    let text = manifest::edited(&text, name, &calibrated, &at_half, &pictures)?;
    install(
        &New { name, text: &text, from: &from, manifest: &pack.manifest },
        &home,
        place,
        &config,
    )?;
    print(&shown::text(&old, &calibrated, source, name))?;
    Ok(ExitCode::SUCCESS)
}

/// Refuses what cannot be a directory of packs, or not be typed as one.
fn check_spelling(name: &str) -> Result<(), Unusable> {
    const LONGEST: usize = 100;
    if name.len() > LONGEST {
        let why = format!("--name is longer than {LONGEST} characters: choose another");
        return Err(Unusable(why));
    }
    if !is_plain(name) || name.starts_with('-') {
        return Err(Unusable(format!(
            "--name `{name}` is not a pack name: use letters, digits, `-`, `_` and `.`, and begin with a \
             letter, a digit or `_`"
        )));
    }
    Ok(())
}

fn check_name(name: &str, home: &Home) -> Result<(), Unusable> {
    if catalog().iter().any(|(manifest, _)| manifest.name == name) {
        let why = "is the name of a built-in pack, which is put back whenever it is changed";
        return Err(Unusable(format!("`{name}` {why}: choose another --name")));
    }
    let directory = home.pack_directory(name);
    if directory.exists() {
        let directory = directory.display();
        return Err(Unusable(format!("{directory} is there already: choose another --name")));
    }
    Ok(())
}

fn read_scores(path: &Path) -> Result<Vec<Presentation>, Unusable> {
    let shown = path.display();
    let file = File::open(path).map_err(|error| Unusable(format!("{shown}: {error}")))?;
    evaluation::read_scores(file)
        .map_err(|error| Unusable(format!("{shown}: {:#}", anyhow::Error::new(error))))
}

/// The pack that scores are of.
struct Measured {
    pack: String,
    digest: String,
}

impl Measured {
    /// What the report.json beside scores.csv says, if there is one.
    fn beside(scores: &Path) -> Option<Self> {
        let report = std::fs::read(scores.with_file_name("report.json")).ok()?;
        let run = serde_json::from_slice::<Value>(&report).ok()?.get("run")?.clone();
        let text = |key: &str| Some(run.get(key)?.as_str()?.to_owned());
        Some(Self { pack: text("pack")?, digest: text("pack_digest")? })
    }
}

/// Refuses scores of another pack. Those of nobody knows which need the pack to be named.
fn check_same(
    pack: &Pack,
    measured: Option<&Measured>,
    command: &Calibrate,
) -> Result<(), Unusable> {
    let name = &pack.manifest.name;
    match measured {
        Some(measured) if measured.digest == pack.digest.to_string() => Ok(()),
        Some(Measured { pack: other, digest }) => Err(Unusable(format!(
            "the scores are of the pack `{other}` ({digest:.12}), not of `{name}` ({:.12}) as it is \
             now: evaluate that one, or use --force if their models are the same",
            pack.digest.to_string()
        ))),
        None if command.engine.pack.is_some() => Ok(()),
        None => Err(Unusable(
            "there is no report.json beside the scores to say which pack they are of: name it with \
             --pack"
                .to_owned(),
        )),
    }
}

/// A pack that is not there yet.
struct New<'a> {
    name: &'a str,
    /// Its pack.toml.
    text: &'a str,
    /// Where the files are that it shares with the old one.
    from: &'a Path,
    manifest: &'a Manifest,
}

/// Puts a pack into `home` once it has reproduced its golden vectors; until then it is beside it.
fn install(new: &New<'_>, home: &Home, place: &Place, config: &Config) -> anyhow::Result<()> {
    let staging = tempfile::Builder::new().prefix(".calibrating-").tempdir_in(home.root());
    let staging =
        staging.with_context(|| format!("{} cannot be written", home.root().display()))?;
    let beside = Home::new(staging.path().to_owned());
    let directory = beside.pack_directory(new.name);
    let copied = std::fs::create_dir_all(&directory).and_then(|()| {
        for artifact in new.manifest.artifacts() {
            std::fs::copy(new.from.join(&artifact.file), directory.join(&artifact.file))?;
        }
        std::fs::write(directory.join("pack.toml"), new.text)
    });
    copied.with_context(|| format!("{} cannot be written", directory.display()))?;
    let runtime = runtime::load(place, home, config.device)?;
    let config = Config { pack: Some(new.name.to_owned()), ..config.clone() };
    let engine = Engine::with(runtime, &beside, &config)?;
    engine.pipeline().with_context(|| format!("the pack `{}` does not serve", new.name))?;
    let to = home.pack_directory(new.name);
    std::fs::rename(&directory, &to)
        .with_context(|| format!("the pack cannot be moved to {}", to.display()))
}

//! `livegate calibrate`: a copy of a pack with calibration and levels from what `evaluate`
//! measured.

mod flags;
mod manifest;
mod shown;

use std::fs::File;
use std::path::Path;

use anyhow::Context;
use engine::exit;
use engine::terminal::print;
use engine::{Engine, Place, UsageError, auto, install};
use evaluation::{CalibrateError, Evaluation, Presentation, Targets};
use model_pack::{Home, Manifest, Pack};
use serde::Deserialize;

pub use self::flags::Calibrate;
use crate::pack_name::check_new;

/// Runs the command.
///
/// # Errors
/// When a flag or a file is wrong, or a pack does not work.
pub fn run(command: &Calibrate, place: &Place) -> anyhow::Result<u8> {
    let name = &command.name;
    let home = place.home()?;
    let mut config = command.engine.model.layers([])?.config()?;
    check_new(name, &home, "--name")?;
    let presentations = read_scores(&command.scores)?;
    let measured = Measured::beside(&command.scores);
    let targets = Targets {
        convenience_bpcer: command.convenience_bpcer,
        hardened_apcer: command.hardened_apcer,
    };
    let calibrated = evaluation::calibrate(&presentations, targets)
        .map_err(|error: CalibrateError| UsageError(error.to_string()))?;

    if let (None, Some(measured)) = (&command.engine.model.pack, &measured) {
        config.pack = Some(measured.pack.clone());
    }
    install::ensure(place, &home, &config, false, &command.engine.sources)?;
    let source = config.pack.as_deref().or_else(|| home.default_pack());
    let source = source.context("there is no pack to copy")?;
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
    let shown = shown::text(&pack.manifest, &presentations, &calibrated, name)?;
    let at_half = Evaluation::of(&calibrated.apply(&presentations), 0.5);
    let text = manifest::edited(&text, name, &calibrated, &at_half, &pictures)?;
    let staging = tempfile::Builder::new().prefix(".calibrating-").tempdir_in(home.root());
    let staging =
        staging.with_context(|| format!("{} cannot be written", home.root().display()))?;
    let beside = Home::new(staging.path().to_owned());
    let directory = beside.pack_directory(name);
    copy(&pack.manifest, &from, &directory, &text)
        .with_context(|| format!("{} cannot be written", directory.display()))?;
    // The copy must reproduce its golden vectors before it is moved into place.
    let runtime = auto::load_runtime(place, &home, config.device)?;
    config.pack = Some(name.clone());
    drop(Engine::with(runtime, &beside, &config)?.serving_pipeline()?);
    let to = home.pack_directory(name);
    std::fs::rename(&directory, &to)
        .with_context(|| format!("the pack cannot be moved to {}", to.display()))?;
    print(&shown)?;
    Ok(exit::SUCCESS)
}

fn read_scores(path: &Path) -> Result<Vec<Presentation>, UsageError> {
    let shown = path.display();
    let file = File::open(path).map_err(|error| UsageError(format!("{shown}: {error}")))?;
    evaluation::read_scores(file)
        .map_err(|error| UsageError(format!("{shown}: {:#}", anyhow::Error::new(error))))
}

/// A report of `evaluate`.
#[derive(Deserialize)]
struct Report {
    run: Measured,
}

/// The pack that the scores were measured with.
#[derive(Deserialize)]
struct Measured {
    pack: String,
    pack_digest: String,
}

impl Measured {
    /// Reads the report.json beside scores.csv, if there is one.
    fn beside(scores: &Path) -> Option<Self> {
        let report = std::fs::read(scores.with_file_name("report.json")).ok()?;
        serde_json::from_slice::<Report>(&report).ok().map(|report| report.run)
    }
}

/// Refuses scores of another pack. Without report.json, a flag must name the pack.
fn check_same(
    pack: &Pack,
    measured: Option<&Measured>,
    command: &Calibrate,
) -> Result<(), UsageError> {
    let name = &pack.manifest.name;
    match measured {
        Some(measured) if measured.pack_digest == pack.digest.to_string() => Ok(()),
        Some(Measured { pack: other, pack_digest: digest }) => Err(UsageError(format!(
            "the scores are of the pack `{other}` ({digest:.12}), not of `{name}` ({:.12}) as it is \
             now: evaluate that one, or use --force if their models are the same",
            pack.digest.to_string()
        ))),
        None if command.engine.model.pack.is_some() => Ok(()),
        None => Err(UsageError(
            "there is no report.json beside the scores to say which pack they are of: name it with \
             --pack"
                .to_owned(),
        )),
    }
}

/// Makes the directory `to` of a pack: the model files in `from`, and `text` as its pack.toml.
fn copy(manifest: &Manifest, from: &Path, to: &Path, text: &str) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for artifact in manifest.artifacts() {
        std::fs::copy(from.join(&artifact.file), to.join(&artifact.file))?;
    }
    std::fs::write(to.join("pack.toml"), text)
}

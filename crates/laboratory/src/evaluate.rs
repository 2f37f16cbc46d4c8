//! `livegate evaluate`: a pack measured on labelled pictures, through the pipeline that serves.

mod flags;
mod gather;
mod inputs;
mod journal;
mod manifest;
mod measure;
mod outputs;
mod robustness;
mod run;
mod summary;

use std::num::NonZeroUsize;
use std::path::Path;

use anyhow::Context;
use engine::config::Config;
use engine::exit;
use engine::terminal::{print, print_json, tell};
use engine::{Engine, Place, UsageError, core_files, install, refuse};
use evaluation::{NamedThreshold, Run};
use liveness::{Bar, Terms, Threshold};
use model_pack::{Manifest, SecurityLevel};
use serde_json::{Value, json};
use strum::VariantArray;
use time::OffsetDateTime;

pub use self::flags::Evaluate;
use self::flags::Output;
use self::inputs::first_problems;
use self::journal::Journal;
use self::measure::Limits;
use self::robustness::Alteration;
use crate::settings::scoring_settings;

const PROGRAM_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs the command.
///
/// # Errors
/// When a flag or a file is wrong, the pack does not work, or no picture has a result.
pub fn run(command: &Evaluate, place: &Place) -> anyhow::Result<u8> {
    core_files::refuse();
    let home = place.home()?;
    let config = command.config()?;
    let inputs = gather::gather(command)?;
    let Output { out, fresh, thumbnails, json } = &command.output;
    std::fs::create_dir_all(out).with_context(|| format!("{} cannot be made", out.display()))?;
    // Before the models are loaded, so that a second run in this directory ends at once.
    let mut journal = Journal::lock(out)?;
    install::ensure(place, &home, &config, false, &command.engine.sources)?;
    let engine = Engine::load(place, &home, &config)?;
    let terms = engine.terms(command.bar.bar(), command.exact);
    let level = terms.bar.level();
    let threshold = threshold(terms.bar, &engine.pack().manifest)?;
    let limits = Limits {
        terms: Terms { bar: Bar::Threshold(threshold), ..terms },
        max_bytes: config.ingress.max_body_bytes,
        frame: config.liveness.limits(),
    };
    journal.open(&fingerprint(command, &config, &engine), *fresh)?;
    let alterations = if command.robustness { Alteration::VARIANTS } else { &[] };
    let workers = config.workers.or_else(|| std::thread::available_parallelism().ok());
    let workers = workers.unwrap_or(NonZeroUsize::MIN);
    tell(&format!(
        "Measuring {} pictures with the pack `{}`; if stopped, it goes on from {} the next time",
        inputs.pictures.len(),
        engine.pack().manifest.name,
        out.display()
    ));
    let results = run::run(&engine, limits, &inputs.pictures, alterations, &mut journal, workers)?;
    let manifest = &engine.pack().manifest;
    let level_of_pack = |level: SecurityLevel| {
        let threshold = manifest.levels.get(level)?.threshold;
        Some(NamedThreshold { name: level.to_string(), threshold })
    };
    let described = Run {
        program_version: format!("livegate {PROGRAM_VERSION}"),
        pack: manifest.name.clone(),
        pack_digest: engine.pack().digest.to_string(),
        device: engine.device().to_string(),
        onnxruntime: engine.runtime().build_info().to_owned(),
        exact: command.exact,
        settings: scoring_settings(&config)?,
        threshold: threshold.get(),
        security_level: level.map(|level| level.to_string()),
        levels: SecurityLevel::ALL.into_iter().filter_map(level_of_pack).collect(),
        source: source(command),
        at: OffsetDateTime::now_utc(),
    };
    let (mut report, presentations) = outputs::report(described, &inputs, &results, alterations);
    if *thumbnails {
        outputs::add_thumbnails(&mut report, &inputs.pictures, &limits.frame);
    }
    outputs::write(out, &report, &presentations)?;
    // A script must not take the figures of no result for a result.
    let failures = outputs::failures(&presentations);
    if failures.len() == presentations.len() {
        let (all, first) = (failures.len(), first_problems(&failures));
        refuse!("none of {all} pictures got a result; the first: {first}");
    }
    if *json {
        print_json(&summary::json(&report, inputs.passed_over, out)?)?;
    } else {
        print(&summary::text(&report, inputs.passed_over, out))?;
    }
    Ok(exit::SUCCESS)
}

/// The number that scores are compared with.
fn threshold(bar: Bar, manifest: &Manifest) -> Result<Threshold, UsageError> {
    match bar {
        Bar::Threshold(threshold) => Ok(threshold),
        Bar::Level(level) => {
            let point = manifest.levels.get(level);
            point.and_then(|point| Threshold::try_from(point.threshold).ok()).ok_or_else(|| {
                let name = &manifest.name;
                UsageError(format!("the pack `{name}` has no threshold for the level `{level}`"))
            })
        }
    }
}

/// The facts that results depend on, beside the picture. The threshold is not among them.
fn fingerprint(command: &Evaluate, config: &Config, engine: &Engine) -> Value {
    json!({
        "livegate": PROGRAM_VERSION,
        "onnxruntime": engine.runtime().build_info(),
        "pack": engine.pack().manifest.name,
        "pack_digest": engine.pack().digest.to_string(),
        "device": engine.device().to_string(),
        "exact": command.exact,
        "liveness": config.liveness,
        "min_picture_side_px": config.ingress.min_picture_side_px,
        "max_body_bytes": config.ingress.max_body_bytes,
    })
}

/// The flags that name the pictures, as on the command line.
fn source(command: &Evaluate) -> String {
    let flag = |name: &str, path: &Path| format!("--{name} {}", path.display());
    let Evaluate { manifest, live, spoof, attack, .. } = command;
    let manifest = manifest.iter().map(|file| flag("manifest", file));
    let live = live.iter().map(|directory| flag("live", directory));
    let spoof = spoof.iter().map(|directory| flag("spoof", directory));
    let attack =
        attack.iter().map(|(name, directory)| format!("--attack {name}={}", directory.display()));
    manifest.chain(live).chain(spoof).chain(attack).collect::<Vec<_>>().join(" ")
}

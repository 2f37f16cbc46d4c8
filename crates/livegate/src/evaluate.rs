//! `livegate evaluate`: a pack measured on labelled pictures, through the pipeline that serves.

mod inputs;
mod journal;
mod manifest;
mod measure;
mod outputs;
mod robustness;
mod run;
mod summary;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::process::ExitCode;

use anyhow::Context;
use evaluation::{NamedThreshold, Outcome, Presentation, Report, Run};
use liveness::{Bar, Terms, Threshold};
use model_pack::{Manifest, SecurityLevel};
use time::OffsetDateTime;

pub(crate) use self::summary::percent;

use self::inputs::Inputs;
use self::journal::{Fingerprint, Journal, Locked};
use self::measure::Limits;
use self::robustness::Alteration;
use crate::cli::{Evaluate, Output, Place};
use crate::config::{Config, Layers};
use crate::engine::Engine;
use crate::keys::Unusable;
use crate::{core_files, print, print_json, setup, tell};

const PROGRAM_VERSION: &str = env!("CARGO_PKG_VERSION");

pub(crate) fn run(command: &Evaluate, place: &Place) -> anyhow::Result<ExitCode> {
    core_files::refuse();
    let home = setup::home(place)?;
    let config = Layers::load(&command.engine.settings, &command.flags())?.config()?;
    let inputs = Inputs::gather(command)?;
    let Output { out, fresh, thumbnails, json } = &command.output;
    std::fs::create_dir_all(out).with_context(|| format!("{} cannot be made", out.display()))?;
    // Before the models are loaded, so that a second run here ends at once.
    let journal = Locked::take(out)?;
    setup::ensure(
        &home,
        place,
        config.device,
        config.pack.as_deref(),
        false,
        &command.engine.sources,
    )?;
    let engine = Engine::load(place, &home, &config)?;
    let bar = command.bar.bar().unwrap_or(config.ingress.bar());
    let threshold = threshold(bar, &engine.pack().manifest)?;
    let limits = limits(threshold, command.exact, &config);
    let mut journal = Journal::open(journal, &fingerprint(command, &config, &engine), *fresh)?;
    let alterations = if command.robustness { &Alteration::ALL[..] } else { &[] };
    let workers = config.workers.or_else(|| std::thread::available_parallelism().ok());
    let workers = workers.unwrap_or(NonZeroUsize::MIN);
    tell(&format!(
        "Measuring {} pictures with the pack `{}`; if stopped, it goes on from {} the next time",
        inputs.pictures.len(),
        engine.pack().manifest.name,
        out.display()
    ));
    let results = run::run(&engine, limits, &inputs.pictures, alterations, &mut journal, workers)?;
    let described = Run {
        threshold: threshold.get(),
        security_level: bar.level().map(|level| level.to_string()),
        source: source(command),
        exact: command.exact,
        settings: settings(&config)?,
        ..of_engine(&engine)
    };
    let (mut report, presentations) = outputs::report(described, &inputs, &results, alterations);
    if *thumbnails {
        outputs::add_thumbnails(&mut report, &inputs.pictures, &limits.frame);
    }
    outputs::write(out, &report, &presentations)?;
    refuse_nothing(&report, &presentations)?;
    if *json {
        print_json(&summary::json(&report, inputs.passed_over, out)?)?;
    } else {
        print(&summary::text(&report, inputs.passed_over, out))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Whoever runs this in a script must not take figures of nothing for figures.
fn refuse_nothing(report: &Report, presentations: &[Presentation]) -> Result<(), Unusable> {
    let has_failed = |each: &Presentation| matches!(each.outcome, Outcome::Failed { .. });
    if !presentations.iter().all(has_failed) {
        return Ok(());
    }
    let failed = report.problems.iter().filter(|problem| {
        presentations.iter().any(|presentation| presentation.file == problem.file)
    });
    let first: Vec<_> = failed.take(3).map(|p| format!("{}: {}", p.file, p.what)).collect();
    let all = presentations.len();
    Err(Unusable(format!("none of {all} pictures got a result; the first: {}", first.join("; "))))
}

/// The number that scores are held against.
fn threshold(bar: Bar, manifest: &Manifest) -> Result<Threshold, Unusable> {
    match bar {
        Bar::Threshold(threshold) => Ok(threshold),
        Bar::Level(level) => {
            let point = manifest.levels.get(level);
            point.and_then(|point| Threshold::try_from(point.threshold).ok()).ok_or_else(|| {
                let name = &manifest.name;
                Unusable(format!("the pack `{name}` has no threshold for the level `{level}`"))
            })
        }
    }
}

/// As the service has them.
fn limits(threshold: Threshold, exact: bool, config: &Config) -> Limits {
    Limits {
        terms: Terms {
            bar: Bar::Threshold(threshold),
            min_picture_side_px: config.ingress.min_picture_side_px,
            exact,
            every_face: false,
        },
        max_bytes: config.ingress.max_body_bytes,
        frame: frame::Limits {
            max_side_px: config.liveness.max_picture_side_px,
            ..frame::Limits::default()
        },
    }
}

/// The threshold is not part of it: no score hangs on it.
fn fingerprint(command: &Evaluate, config: &Config, engine: &Engine) -> Fingerprint {
    Fingerprint {
        livegate: PROGRAM_VERSION,
        onnxruntime: engine.runtime_build().to_owned(),
        pack: engine.pack().manifest.name.clone(),
        pack_digest: engine.pack().digest.to_string(),
        device: engine.device().to_string(),
        exact: command.exact,
        liveness: config.liveness,
        min_picture_side_px: config.ingress.min_picture_side_px,
        max_body_bytes: config.ingress.max_body_bytes,
    }
}

/// What ran, without what was asked of it.
fn of_engine(engine: &Engine) -> Run {
    let manifest = &engine.pack().manifest;
    let level = |level: SecurityLevel| {
        let threshold = manifest.levels.get(level)?.threshold;
        Some(NamedThreshold { name: level.to_string(), threshold })
    };
    Run {
        program_version: format!("livegate {PROGRAM_VERSION}"),
        pack: manifest.name.clone(),
        pack_digest: engine.pack().digest.to_string(),
        device: engine.device().to_string(),
        onnxruntime: engine.runtime_build().to_owned(),
        exact: false,
        settings: BTreeMap::new(),
        threshold: Threshold::default().get(),
        security_level: None,
        levels: SecurityLevel::ALL.into_iter().filter_map(level).collect(),
        source: String::new(),
        at: OffsetDateTime::now_utc(),
    }
}

/// What scores and refusals hang on: the limits of `ingress`, and what is not the default in `liveness`.
pub(crate) fn settings(config: &Config) -> anyhow::Result<BTreeMap<String, String>> {
    let here = serde_json::to_value(config.liveness)?;
    let default = serde_json::to_value(liveness::Settings::default())?;
    let liveness = here.as_object().into_iter().flatten();
    let changed = liveness.filter(|(key, value)| default.get(key) != Some(value));
    let mut settings: BTreeMap<String, String> =
        changed.map(|(key, value)| (format!("liveness.{key}"), value.to_string())).collect();
    for (key, value) in [
        ("min_picture_side_px", config.ingress.min_picture_side_px),
        ("max_body_bytes", config.ingress.max_body_bytes),
    ] {
        settings.insert(format!("ingress.{key}"), value.to_string());
    }
    Ok(settings)
}

/// What the pictures were taken from, as the flags have it.
fn source(command: &Evaluate) -> String {
    let flag = |name: &str, what: &std::path::Path| format!("--{name} {}", what.display());
    let manifest = command.manifest.iter().map(|file| flag("manifest", file));
    let live = command.live.iter().map(|directory| flag("live", directory));
    let spoof = command.spoof.iter().map(|directory| flag("spoof", directory));
    let attacks = command.attack.iter();
    let attacks =
        attacks.map(|(name, directory)| format!("--attack {name}={}", directory.display()));
    manifest.chain(live).chain(spoof).chain(attacks).collect::<Vec<_>>().join(" ")
}

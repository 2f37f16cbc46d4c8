//! `livegate packs new`: a pack of the operator's own model.

mod flags;
mod graph;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::Context;
use engine::progress::Progress;
use engine::terminal::{print, tell};
use engine::{Place, UsageError, auto, refuse};
use frame::{Size, TensorSpec};
use liveness::{Device, GoldenError, LoadError, Mismatch, Pipeline, chain};
use model_pack::{
    Activation, Artifact, Calibration, Crop, Digest, Fusion, Home, Installer, Levels,
    MOST_MODEL_BYTES, Manifest, Options, Pack, Scorer, ScorerSpec, inline_toml, is_plain,
};
use onnx::{Model, Runtime};

use self::flags::CropShape;
pub use self::flags::New;
use self::graph::{Described, activation, describe};
use crate::pack_name::check_new;

/// Above these log-odds for the drawn face (1100 to 1), a score hardly depends on preprocessing.
const SURE_LOG_ODDS: f64 = 7.0;

/// Stands for a fact about the model that no flag gives.
const NOT_STATED: &str = "not stated";

/// Runs the command.
///
/// # Errors
/// When a flag or a file is wrong, or the model does not work.
pub fn run(command: &New, home: &Home, place: &Place) -> anyhow::Result<()> {
    check_new(&command.name, home, "name")?;
    let donor = donor(command.detector_from.as_deref(), home)?;
    let model = read(&command.scorer)?;
    let config = command.on.config()?;
    let runtime = auto::load_runtime(place, home, config.device)?.runtime;
    let runtime = config.gpu.first_card(&runtime, home);
    // Without a flag, the CPU's answers are recorded, which every device must reproduce.
    let device = config.device.named().unwrap_or_default();
    let file = command.scorer.display();
    let graph = Model::graph(&runtime, &model)
        .map_err(|error| UsageError(format!("{file}: {}", chain(&error))))?;
    let size = command.size.as_deref().map(|sides| Size::new(sides[0], sides[1]));
    let described = describe(&graph, size, command.classes)
        .map_err(|UsageError(problem)| UsageError(format!("{file}: {problem}")))?;
    if command.live_class >= described.classes {
        let (live, most) = (command.live_class, described.classes - 1);
        refuse!("{file}: --live-class says {live}, and the model's classes are 0 to {most}");
    }
    let mut draft = draft(command, &donor, &model, spec(command, &described))?;
    // The flags may be out of a manifest's bounds, and models are run with them next.
    draft.check_bounds().map_err(|error| UsageError(format!("the flags make no pack: {error}")))?;
    if command.activation.is_none() {
        let guessed = activation(&runtime, &model, device, &described)
            .map_err(|error| UsageError(format!("{file}: {}", chain(&error))))?;
        draft.scorers[0].spec.activation = guessed.ok_or_else(|| {
            UsageError(format!(
                "{file}: its numbers are from 0 to 1 and do not add up to 1, as those of a sigmoid for each \
                 class: say with --activation what they are (`probabilities` takes that of the live class as \
                 it comes)"
            ))
        })?;
    }
    let manifest = recorded(draft, &donor, &model, &runtime, device)
        .map_err(|error| UsageError(format!("{file}: {error}")))?;
    let pack = Pack::unsaved(manifest, &models(&donor, &model));
    // In memory first, so that a pack that does not serve is not written.
    Pipeline::load(&runtime, &pack, device, config.liveness)?;
    let progress = Progress::default();
    let (options, show) =
        (Options::default(), |event: model_pack::Event<'_>| progress.show(&event));
    let path = Installer::open(home, &options, &show)?.add_pack(&pack)?;
    Pipeline::load(&runtime, &Pack::open(&path)?, device, config.liveness)?;
    print(&format!("{} is made, and answers on {} as recorded.", path.display(), device))?;
    print_next_steps(command, &described, &pack.manifest)
}

/// The pack that the detector, and the landmarker if it has one, is taken from.
fn donor(name: Option<&str>, home: &Home) -> anyhow::Result<Pack> {
    let name = name.or_else(|| home.default_pack()).ok_or_else(|| {
        let advice = "install one that has it (`livegate packs install starter`), or name one of yours \
                      with --detector-from";
        UsageError(format!("there is no pack to take a face detector from; {advice}"))
    })?;
    let installed = home.packs()?;
    if !installed.iter().any(|installed| installed == name) {
        let there = installed.join(", ");
        refuse!("the pack `{name}` is not installed; there are: {there}");
    }
    Pack::open(&home.pack_directory(name))
        .with_context(|| format!("the detector of the pack `{name}` cannot be used"))
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let unreadable = || format!("{} cannot be read", path.display());
    // Before it is opened: a pipe would block, and a device may never end.
    if !path.metadata().with_context(unreadable)?.is_file() {
        refuse!("{} is not a file", path.display());
    }
    let mut bytes = Vec::new();
    let file = File::open(path).with_context(unreadable)?;
    file.take(MOST_MODEL_BYTES + 1).read_to_end(&mut bytes).with_context(unreadable)?;
    if bytes.len() as u64 > MOST_MODEL_BYTES {
        refuse!("{} has more than 256 MiB; no model of a pack may", path.display());
    }
    Ok(bytes)
}

/// The preprocessing and the output, from the flags and the graph.
fn spec(command: &New, described: &Described) -> ScorerSpec {
    let New { scale, resize, channels, mean, std, live_class, .. } = *command;
    ScorerSpec {
        crop: match command.crop {
            CropShape::Shifted => Crop::Shifted { scale },
            CropShape::SquareReflected => Crop::SquareReflected { scale },
        },
        input: described.size,
        resize,
        tensor: TensorSpec { channels, scale: command.pixel_scale, mean, std },
        activation: command.activation.unwrap_or(Activation::Softmax),
        classes: described.classes,
        live_class,
    }
}

/// The manifest without golden vectors.
fn draft(
    command: &New,
    donor: &Pack,
    model: &[u8],
    spec: ScorerSpec,
) -> Result<Manifest, UsageError> {
    let stem = command.scorer.file_stem().unwrap_or_default().to_string_lossy();
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let id = command.id.clone().unwrap_or_else(|| stem.chars().map(plain).collect());
    if !is_plain(&id) {
        refuse!("`{id}` is no id for a model: use letters, digits, `-`, `_` and `.` (--id)");
    }
    let manifest = &donor.manifest;
    let others = std::iter::once((&manifest.detector.id, &manifest.detector.artifact));
    let mut others = others.chain(manifest.landmarker.as_ref().map(|it| (&it.id, &it.artifact)));
    let file = format!("{id}.onnx");
    if others.any(|(other, artifact)| *other == id || artifact.file == file) {
        refuse!(
            "the pack `{}`, which the face detector is taken from, has a model `{id}` already; call this one \
             otherwise with --id",
            manifest.name
        );
    }
    let stated = |text: &Option<String>| text.clone().unwrap_or_else(|| NOT_STATED.to_owned());
    let detector = donor.manifest.detector.clone();
    let artifact = Artifact {
        file,
        sha256: Digest::of(model),
        size_bytes: model.len() as u64,
        licence: stated(&command.licence),
        origin: stated(&command.origin),
        training_data: Some(stated(&command.training_data)),
        sources: Vec::new(),
    };
    let summary = format!("{id}, with the face detector {}", detector.id);
    Ok(Manifest {
        name: command.name.clone(),
        summary: command.summary.clone().unwrap_or(summary),
        caveat: None,
        detector,
        landmarker: donor.manifest.landmarker.clone(),
        scorers: vec![Scorer { id, artifact, spec }],
        max_face_share: 1.0,
        fusion: Fusion::Mean,
        calibration: Calibration { slope: 1.0, offset: 0.0 },
        evaluation: None,
        levels: Levels::default(),
        golden: Vec::new(),
    })
}

/// The files of the pack, in the order of its manifest.
fn models<'a>(donor: &'a Pack, model: &'a [u8]) -> Vec<&'a [u8]> {
    [donor.detector_model(), model].into_iter().chain(donor.landmarker_model()).collect()
}

/// The manifest with the golden vectors that its models give.
fn recorded(
    mut draft: Manifest,
    donor: &Pack,
    model: &[u8],
    runtime: &Runtime,
    device: Device,
) -> Result<Manifest, UsageError> {
    let pack = Pack::unsaved(draft.clone(), &models(donor, model));
    let golden = liveness::record(runtime, &pack, device).map_err(|error| match error {
        LoadError::Golden(GoldenError::Missed {
            mismatch: Mismatch::NoProbability { found, .. }, ..
        }) => UsageError(format!(
            "for the drawn face the model gives {found}, which is no probability; if its numbers are \
             logits, say --activation softmax, and else look at --pixel-scale, --mean and --std"
        )),
        LoadError::Golden(error) => {
            UsageError(format!("it does not answer for the drawn face: {}", chain(&error)))
        }
        error => UsageError(chain(&error)),
    })?;
    draft.golden = vec![golden];
    Manifest::parse(&draft.to_toml())
        .map_err(|error| UsageError(format!("the flags make no pack: {}", chain(&error))))
}

fn print_next_steps(
    command: &New,
    described: &Described,
    manifest: &Manifest,
) -> anyhow::Result<()> {
    let New { name, .. } = command;
    let Scorer { id, artifact, spec } = &manifest.scorers[0];
    let Described { input, output, size: Size { width, height }, classes } = described;
    print(&format!(
        "\nRead from the graph: input {input:?}, {width}x{height} px; output {output:?}, {classes} classes."
    ))?;
    print("Taken as the flags have it, or by default; the model cannot tell:")?;
    print(&format!("  crop = {}", inline_toml(&spec.crop)))?;
    print(&format!("  resize = {}", inline_toml(&spec.resize)))?;
    print(&format!("  tensor = {}", inline_toml(&spec.tensor)))?;
    let guessed = match command.activation {
        None => {
            " (guessed from its numbers for two test pictures; if wrong, make it again with --activation)"
        }
        Some(_) => "",
    };
    print(&format!("  activation = {}{guessed}", inline_toml(&spec.activation)))?;
    print(&format!("  live_class = {}", spec.live_class))?;
    let fields = [("licence", &artifact.licence), ("origin", &artifact.origin)];
    let fields =
        fields.into_iter().chain(artifact.training_data.iter().map(|it| ("training_data", it)));
    let open = fields.filter(|(_, text)| *text == NOT_STATED).map(|(key, _)| key);
    let open: Vec<&str> = open.collect();
    if !open.is_empty() {
        print(&format!("Still to be filled in, in pack.toml: {}", open.join(", ")))?;
    }
    print("Still to be measured, on labelled pictures of your own (docs/PACKS.md):")?;
    print(&format!("  livegate evaluate --pack {name} --live DIR --spoof DIR --out OUT"))?;
    print(&format!("  livegate calibrate OUT/scores.csv --pack {name} --name NEW"))?;
    let log_odds = manifest.golden.first().and_then(|golden| golden.log_odds.get(id)).copied();
    if log_odds.is_some_and(|log_odds| log_odds.abs() > SURE_LOG_ODDS) {
        tell(
            "NOTE: the model is so sure of the drawn face that this golden vector will hardly notice a change \
             of its preprocessing.",
        );
    }
    tell(&format!(
        "WARNING: these golden vectors were recorded from this very pack. They show when something changes; \
         they cannot tell whether the preprocessing is right. Check that once: `livegate verify PICTURE --pack \
         {name} --exact --json` prints the model's raw probability (`models.{id}`) and the face's box; your training \
         code must give that probability for that box, to about 0.01."
    ));
    Ok(())
}

//! `livegate packs show`: every fact about a pack.

use anyhow::anyhow;
use engine::terminal::{percent, print, print_json};
use liveness::chain;
use model_pack::{Artifact, Manifest, OperatingPoint, SecurityLevel, inline_toml};
use serde_json::json;

use super::known::Known;

pub(super) fn run(pack: &Known, json: bool) -> anyhow::Result<()> {
    let manifest = pack.manifest.as_ref().map_err(|error| anyhow!(chain(error)))?;
    if json {
        return print_json(&as_json(pack, manifest));
    }
    let mut lines = Lines::default();
    lines.0.push(format!("{}: {}", manifest.name, manifest.summary));
    if let Some(caveat) = &manifest.caveat {
        lines.fact("CAVEAT", caveat);
    }
    let serves = if pack.serves_by_default { "; serves by default" } else { "" };
    lines.fact("state", format!("{}{serves}", pack.state()));
    if let Some(problem) = &pack.problem {
        lines.fact("", problem);
    }
    if let Some(digest) = &pack.digest {
        lines.fact("digest", digest);
    }
    describe(manifest, &mut lines);
    print(&lines.0.join("\n"))
}

fn as_json(pack: &Known, manifest: &Manifest) -> serde_json::Value {
    json!({
        "name": pack.name,
        "installed": pack.is_installed,
        "state": pack.state(),
        "problem": pack.problem,
        "serves_by_default": pack.serves_by_default,
        "in_catalogue": pack.is_in_catalogue,
        "digest": pack.digest,
        "landmarks": manifest.gives_landmarks(),
        "manifest": manifest,
    })
}

/// Lines of a name and a fact.
#[derive(Default)]
struct Lines(Vec<String>);

impl Lines {
    fn heading(&mut self, heading: &str) {
        self.0.push(format!("\n{heading}"));
    }

    fn fact(&mut self, name: &str, fact: impl std::fmt::Display) {
        self.0.push(format!("  {name:<14} {fact}"));
    }

    fn artifact(&mut self, artifact: &Artifact) {
        self.fact("file", format!("{}, {} bytes", artifact.file, artifact.size_bytes));
        self.fact("sha256", artifact.sha256);
        self.fact("licence", &artifact.licence);
        self.fact("origin", &artifact.origin);
        let training_data = artifact.training_data.as_deref().unwrap_or("not stated");
        self.fact("training data", training_data);
    }
}

fn describe(manifest: &Manifest, lines: &mut Lines) {
    let detector = &manifest.detector;
    lines.heading(&format!("detector {}", detector.id));
    lines.artifact(&detector.artifact);
    let spec = &detector.spec;
    lines.fact("input", inline_toml(&spec.fit));
    lines.fact("pixels", inline_toml(&spec.tensor));
    let landmarks = if spec.gives_landmarks() { "boxes and five landmarks" } else { "boxes only" };
    lines.fact("output", format!("{landmarks}, as {} gives them", word(&spec.family)));
    lines.fact(
        "keeps",
        format!(
            "confidences from {}, overlaps (IoU) up to {}",
            spec.min_confidence, spec.max_overlap_iou
        ),
    );
    lines.fact("shows", format!("the picture at {} of that size", inline_toml(&spec.looks)));
    if let Some(landmarker) = &manifest.landmarker {
        lines.heading(&format!("landmarker {}", landmarker.id));
        lines.artifact(&landmarker.artifact);
        let spec = &landmarker.spec;
        let (scale, shift) = (spec.crop_scale, spec.crop_shift);
        lines.fact("crop", format!("a square of {scale} times the face, {shift} of it lower"));
        lines.fact("input", format!("{0}x{0} px, gray", spec.input_side_px));
        lines.fact("output", format!("landmarks, as {} gives them", word(&spec.family)));
    }
    for scorer in &manifest.scorers {
        lines.heading(&format!("scorer {}", scorer.id));
        lines.artifact(&scorer.artifact);
        let spec = &scorer.spec;
        lines.fact("crop", inline_toml(&spec.crop));
        let (width, height) = (spec.input.width, spec.input.height);
        lines.fact("input", format!("{width}x{height} px, resized {}", word(&spec.resize)));
        lines.fact("pixels", inline_toml(&spec.tensor));
        let (classes, live) = (spec.classes, spec.live_class);
        let activation = word(&spec.activation);
        lines.fact("output", format!("{activation} of {classes} classes; class {live} is live"));
    }
    lines.heading("score");
    let can_tell = manifest.landmarker.is_some() || manifest.detector.spec.upright.is_some();
    lines.fact(
        "upright",
        if can_tell { "pictures on their side are turned" } else { "pictures are taken as sent" },
    );
    let share = percent(manifest.max_face_share);
    lines.fact("face", format!("at most {share} of the picture's width or height"));
    lines.fact("fusion", word(&manifest.fusion));
    let (slope, offset) = (manifest.calibration.slope, manifest.calibration.offset);
    lines.fact("calibration", format!("log-odds * {slope} + {offset}"));
    for level in SecurityLevel::ALL {
        let figures =
            manifest.levels.get(level).map_or_else(|| "not measured".to_owned(), level_line);
        lines.fact(level.as_str(), figures);
    }
    match &manifest.evaluation {
        None => lines.fact("evaluation", "not measured"),
        Some(it) => {
            lines.fact("evaluation", &it.pictures);
            lines.fact("", format!("AUC {:.3}, EER {}", it.auc, percent(it.eer)));
            let (apcer, bpcer) = (percent(it.apcer_at_half), percent(it.bpcer_at_half));
            lines.fact("", format!("at a score of 0.5: APCER {apcer}, BPCER {bpcer}"));
        }
    }
    lines.fact("held to", counted(manifest));
}

/// The number of golden vectors.
pub(super) fn counted(manifest: &Manifest) -> String {
    match manifest.golden.len() {
        1 => "1 golden vector".to_owned(),
        count => format!("{count} golden vectors"),
    }
}

/// A value as in `pack.toml`, without the quotes of a text.
fn word(value: &impl serde::Serialize) -> String {
    inline_toml(value).trim_matches('"').to_owned()
}

fn level_line(point: OperatingPoint) -> String {
    let share = |share: Option<f64>| share.map_or_else(|| "not measured".to_owned(), percent);
    let (apcer, bpcer) = (share(point.apcer), share(point.bpcer));
    format!("threshold {}, APCER {apcer}, BPCER {bpcer}", point.threshold)
}

//! A manifest as the text of a `pack.toml`, laid out as people write it: one line a step of preprocessing.

use std::fmt::Write as _;

use serde::Serialize;

use crate::artifact::Artifact;
use crate::golden::Golden;
use crate::manifest::{Levels, Manifest, SecurityLevel};

/// A part of a manifest as `pack.toml` has it on one line, as in `{ shifted = { scale = 2.7 } }`.
///
/// # Panics
/// When the value is or holds one that TOML has no word for, as `None`. No part of a manifest does.
#[must_use]
pub fn inline_toml(value: &impl Serialize) -> String {
    let mut text = String::new();
    value
        .serialize(toml::ser::ValueSerializer::new(&mut text))
        .expect("it is a part of a manifest");
    text
}

impl Manifest {
    /// The text of its `pack.toml`. Parsed, it is this manifest again; what is not there yet is said in
    /// comments.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = Text::default();
        text.key("name", &self.name);
        text.key("summary", &self.summary);
        if let Some(caveat) = &self.caveat {
            text.key("caveat", caveat);
        }
        text.key("max_face_share", &self.max_face_share);
        text.key("fusion", &self.fusion);

        text.header("[detector]");
        text.key("id", &self.detector.id);
        text.artifact("detector", &self.detector.artifact);
        let spec = &self.detector.spec;
        text.header("[detector.spec]");
        text.key("family", &spec.family);
        text.key("fit", &spec.fit);
        text.key("tensor", &spec.tensor);
        text.key("min_confidence", &spec.min_confidence);
        text.key("max_overlap_iou", &spec.max_overlap_iou);
        text.key("looks", &spec.looks);
        if let Some(trusted) = &spec.trusted_face_px {
            text.key("trusted_face_px", trusted);
        }
        if let Some(upright) = &spec.upright {
            text.key("upright", upright);
        }
        if let Some(landmarker) = &self.landmarker {
            text.header("[landmarker]");
            text.key("id", &landmarker.id);
            text.artifact("landmarker", &landmarker.artifact);
            let spec = &landmarker.spec;
            text.header("[landmarker.spec]");
            text.key("family", &spec.family);
            text.key("input_side_px", &spec.input_side_px);
            text.key("crop_scale", &spec.crop_scale);
            text.key("crop_shift", &spec.crop_shift);
            text.key("upright", &spec.upright);
        }

        for scorer in &self.scorers {
            text.header("[[scorers]]");
            text.key("id", &scorer.id);
            text.artifact("scorers", &scorer.artifact);
            let spec = &scorer.spec;
            text.header("[scorers.spec]");
            text.key("crop", &spec.crop);
            text.key("input", &spec.input);
            text.key("resize", &spec.resize);
            text.key("tensor", &spec.tensor);
            text.key("activation", &spec.activation);
            text.key("classes", &spec.classes);
            text.key("live_class", &spec.live_class);
        }

        text.header("[calibration]");
        if (self.calibration.slope, self.calibration.offset) == (1.0, 0.0) {
            text.line(format_args!("# As the models come: no operating point has been fitted."));
        }
        text.key("slope", &self.calibration.slope);
        text.key("offset", &self.calibration.offset);
        match &self.evaluation {
            None => text.comment("No [evaluation]: it has not been measured on labelled pictures."),
            Some(evaluation) => {
                text.header("[evaluation]");
                text.key("pictures", &evaluation.pictures);
                text.key("auc", &evaluation.auc);
                text.key("eer", &evaluation.eer);
                text.key("apcer_at_half", &evaluation.apcer_at_half);
                text.key("bpcer_at_half", &evaluation.bpcer_at_half);
            }
        }
        text.levels(&self.levels);
        for golden in &self.golden {
            text.golden(golden);
        }
        text.0
    }
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        self.0.write_fmt(line).and_then(|()| self.0.write_char('\n')).expect("a text takes all");
    }

    fn key(&mut self, key: &str, value: &impl Serialize) {
        self.line(format_args!("{key} = {}", inline_toml(value)));
    }

    fn header(&mut self, header: &str) {
        self.line(format_args!("\n{header}"));
    }

    fn comment(&mut self, comment: &str) {
        self.line(format_args!("\n# {comment}"));
    }

    fn artifact(&mut self, of: &str, artifact: &Artifact) {
        self.header(&format!("[{of}.artifact]"));
        self.key("file", &artifact.file);
        self.key("sha256", &artifact.sha256);
        self.key("size_bytes", &artifact.size_bytes);
        self.key("licence", &artifact.licence);
        self.key("origin", &artifact.origin);
        if let Some(training_data) = &artifact.training_data {
            self.key("training_data", training_data);
        }
        if !artifact.sources.is_empty() {
            self.key("sources", &artifact.sources);
        }
    }

    fn levels(&mut self, levels: &Levels) {
        if *levels == Levels::default() {
            self.comment(
                "No [levels]: none can be chosen by name until its threshold is measured.",
            );
        }
        for level in SecurityLevel::ALL {
            if let Some(point) = levels.get(level) {
                self.header(&format!("[levels.{level}]"));
                self.key("threshold", &point.threshold);
                for (key, share) in [("apcer", point.apcer), ("bpcer", point.bpcer)] {
                    if let Some(share) = share {
                        self.key(key, &share);
                    }
                }
            }
        }
    }

    fn golden(&mut self, golden: &Golden) {
        self.header("[[golden]]");
        self.key("picture", &golden.picture);
        for face in &golden.faces {
            self.header("[[golden.faces]]");
            self.key("top_left", &face.rect.top_left);
            self.key("delta", &face.rect.delta);
            self.key("confidence", &face.confidence);
            if let Some(landmarks) = &face.landmarks {
                self.key("landmarks", landmarks);
            }
        }
        self.header("[golden.log_odds]");
        for (id, log_odds) in &golden.log_odds {
            // Quoted where it has a dot, which would make two keys of it.
            let id = if id.contains('.') { inline_toml(id) } else { id.clone() };
            self.key(&id, log_odds);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;

    #[test]
    fn a_manifest_is_itself_again_when_its_text_is_parsed() {
        for (manifest, _) in catalog() {
            let text = manifest.to_toml();
            assert_eq!(Manifest::parse(&text).unwrap(), manifest, "{text}");
        }
    }

    #[test]
    fn texts_are_quoted_whatever_is_in_them() {
        let (mut manifest, _) = catalog().remove(0);
        let id = std::mem::replace(&mut manifest.scorers[0].id, "v1.2".into());
        manifest.fusion = anti_spoof::Fusion::Mean;
        manifest.golden[0].log_odds.remove(&id);
        manifest.golden[0].log_odds.insert("v1.2".into(), 0.5);
        manifest.summary = "\"\"\" name = 'x' \\ \\u001b # ü".into();
        assert_eq!(Manifest::parse(&manifest.to_toml()).unwrap(), manifest);
    }
}

//! Writing a manifest as the text of a `pack.toml`, with one line for each step of preprocessing.

use serde::Serialize;

use crate::golden::Golden;
use crate::levels::{Levels, SecurityLevel};
use crate::manifest::{Manifest, Model};

/// A part of a manifest on one line, as in `{ shifted = { scale = 2.7 } }`.
///
/// # Panics
/// When TOML cannot express the value (`None`, say). It can express every part of a manifest.
#[must_use]
pub fn inline_toml(value: &impl Serialize) -> String {
    let mut text = String::new();
    value
        .serialize(toml::ser::ValueSerializer::new(&mut text))
        .expect("it is a part of a manifest");
    text
}

/// Writes fields of a part under their own names.
macro_rules! keys {
    ($text:ident, $part:expr; $($field:ident),+) => {
        $($text.key(stringify!($field), &$part.$field);)+
    };
}

impl Manifest {
    /// The text of a `pack.toml`. Parsed, it gives this manifest again. Comments say which parts
    /// are missing.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = Text::default();
        keys!(text, self; name, summary);
        text.optional("caveat", self.caveat.as_ref());
        keys!(text, self; max_face_share, fusion);

        text.model("[detector]", &self.detector);
        let spec = &self.detector.spec;
        keys!(text, spec; family, fit, tensor, min_confidence, max_overlap_iou, looks);
        text.optional("trusted_face_px", spec.trusted_face_px.as_ref());
        text.optional("upright", spec.upright.as_ref());
        if let Some(landmarker) = &self.landmarker {
            text.model("[landmarker]", landmarker);
            keys!(text, landmarker.spec; family, input_side_px, crop_scale, crop_shift, upright);
        }
        for scorer in &self.scorers {
            text.model("[[scorers]]", scorer);
            keys!(text, scorer.spec; crop, input, resize, tensor, activation, classes, live_class);
        }

        text.line("\n[calibration]");
        if (self.calibration.slope, self.calibration.offset) == (1.0, 0.0) {
            text.line("# As the models come: no operating point has been fitted.");
        }
        keys!(text, self.calibration; slope, offset);
        if let Some(evaluation) = &self.evaluation {
            text.line("\n[evaluation]");
            keys!(text, evaluation; pictures, auc, eer, apcer_at_half, bpcer_at_half);
        } else {
            text.line("\n# No [evaluation]: it has not been measured on labelled pictures.");
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
    fn line(&mut self, line: &str) {
        self.0 += line;
        self.0.push('\n');
    }

    fn key(&mut self, key: &str, value: &impl Serialize) {
        self.line(&format!("{key} = {}", inline_toml(value)));
    }

    fn optional(&mut self, key: &str, value: Option<&impl Serialize>) {
        if let Some(value) = value {
            self.key(key, value);
        }
    }

    /// Writes the model's `header`, its id and artifact, and the header of its spec.
    fn model<S>(&mut self, header: &str, model: &Model<S>) {
        let name = header.trim_matches(['[', ']']);
        self.line(&format!("\n{header}"));
        keys!(self, model; id);
        self.line(&format!("\n[{name}.artifact]"));
        let artifact = &model.artifact;
        keys!(self, artifact; file, sha256, size_bytes, licence, origin);
        self.optional("training_data", artifact.training_data.as_ref());
        if !artifact.sources.is_empty() {
            keys!(self, artifact; sources);
        }
        self.line(&format!("\n[{name}.spec]"));
    }

    fn levels(&mut self, levels: &Levels) {
        if *levels == Levels::default() {
            self.line(
                "\n# No [levels]: none can be chosen by name until its threshold is measured.",
            );
        }
        for level in SecurityLevel::ALL {
            if let Some(point) = levels.get(level) {
                self.line(&format!("\n[levels.{level}]"));
                keys!(self, point; threshold);
                self.optional("apcer", point.apcer.as_ref());
                self.optional("bpcer", point.bpcer.as_ref());
            }
        }
    }

    fn golden(&mut self, golden: &Golden) {
        self.line("\n[[golden]]");
        keys!(self, golden; picture);
        for face in &golden.faces {
            self.line("\n[[golden.faces]]");
            keys!(self, face.rect; top_left, delta);
            keys!(self, face; confidence);
            self.optional("landmarks", face.landmarks.as_ref());
        }
        self.line("\n[golden.log_odds]");
        for (id, log_odds) in &golden.log_odds {
            // An id with a dot is quoted, because the dot would make two keys of it.
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
    fn the_text_of_a_manifest_parses_to_the_same_manifest() {
        for (manifest, _) in catalog() {
            let text = manifest.to_toml();
            assert_eq!(Manifest::parse(&text).unwrap(), manifest, "{text}");
        }
    }

    #[test]
    fn texts_with_quotes_and_escapes_survive() {
        let (mut manifest, _) = catalog().remove(0);
        let id = std::mem::replace(&mut manifest.scorers[0].id, "v1.2".into());
        manifest.fusion = anti_spoof::Fusion::Mean;
        manifest.golden[0].log_odds.remove(&id);
        manifest.golden[0].log_odds.insert("v1.2".into(), 0.5);
        manifest.summary = "\"\"\" name = 'x' \\ \\u001b # ü".into();
        assert_eq!(Manifest::parse(&manifest.to_toml()).unwrap(), manifest);
    }
}

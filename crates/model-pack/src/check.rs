//! Reading a manifest: parsing, then the checks that its types do not make.

use toml::Value;

use crate::golden::Golden;
use crate::manifest::{Manifest, ManifestError, Scorer};

impl Manifest {
    /// Reads the text of a `pack.toml`.
    ///
    /// # Errors
    /// When it is invalid. Unknown keys are errors.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self = toml::from_str(text)
            .map_err(|error| ManifestError::Toml(escaped(&error.to_string())))?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), ManifestError> {
        // First, because the messages of later checks show names.
        self.check_texts()?;
        self.check_names()?;
        if self.scorers.is_empty() {
            return Err(ManifestError::Missing("scorer"));
        }
        if self.golden.is_empty() {
            return Err(ManifestError::Missing("golden vector"));
        }
        for (i, golden) in self.golden.iter().enumerate() {
            if self.golden[..i].iter().any(|earlier| earlier.picture == golden.picture) {
                return Err(ManifestError::Golden("two entries for one picture"));
            }
            self.check_golden(golden)?;
        }
        let anti_spoof::Calibration { slope, offset } = self.calibration;
        if !(slope.is_finite() && slope > 0.0 && offset.is_finite()) {
            let must = "the calibration needs a slope above 0 and finite numbers";
            return Err(ManifestError::Unusable(must));
        }
        if let anti_spoof::Fusion::WeightedLogOdds(weights) = &self.fusion {
            let is_weighted = |scorer: &Scorer| {
                weights.get(&scorer.id).is_some_and(|weight| weight.is_finite() && *weight > 0.0)
            };
            if weights.len() != self.scorers.len() || !self.scorers.iter().all(is_weighted) {
                let must = "fusion needs a weight above 0 for each scorer, and for nothing else";
                return Err(ManifestError::Unusable(must));
            }
        }
        if !self.levels.are_sound() {
            return Err(ManifestError::Unusable(
                "the levels need thresholds from 0 to 1 that do not fall from one level to the \
                 next, and shares from 0 to 1",
            ));
        }
        self.check_bounds()
    }

    fn check_texts(&self) -> Result<(), ManifestError> {
        let is_bad = |value: &Value| value.as_str().is_some_and(|text| text.contains(is_control));
        first_key(&as_value(self), "", &is_bad).map_or(Ok(()), |key| Err(ManifestError::Text(key)))
    }

    fn check_names(&self) -> Result<(), ManifestError> {
        if !is_plain(&self.name) {
            return Err(ManifestError::Name(self.name.clone()));
        }
        let files = self.artifacts().map(|artifact| &*artifact.file);
        check_each_name(vec!["pack.toml"], files, ManifestError::FileName)?;
        let ids = std::iter::once(&*self.detector.id)
            .chain(self.scorers.iter().map(|scorer| &*scorer.id))
            .chain(self.landmarker.iter().map(|landmarker| &*landmarker.id));
        check_each_name(Vec::new(), ids, ManifestError::Id)
    }

    fn check_golden(&self, golden: &Golden) -> Result<(), ManifestError> {
        if golden.faces.is_empty() {
            return Err(ManifestError::Missing("face in a golden vector"));
        }
        if self.landmarker.is_some() && golden.faces[0].landmarks.is_none() {
            return Err(ManifestError::Missing("golden landmarks for its landmarker"));
        }
        if !self.scorers.iter().all(|scorer| golden.log_odds.contains_key(&scorer.id)) {
            return Err(ManifestError::Missing("golden answer for one of its scorers"));
        }
        // Each scorer has an entry, and their ids differ.
        if golden.log_odds.len() > self.scorers.len() {
            return Err(ManifestError::Golden("log-odds of a model that is no scorer of the pack"));
        }
        // A comparison with NaN or infinity would not depend on the models.
        let is_bad = |value: &Value| matches!(value, Value::Float(float) if !float.is_finite());
        if first_key(&as_value(golden), "", &is_bad).is_some() {
            return Err(ManifestError::Golden("a number that is infinite or none"));
        }
        Ok(())
    }
}

/// Refuses names that are not plain, and names that are used twice or are `taken`.
fn check_each_name<'a>(
    mut taken: Vec<&'a str>,
    names: impl Iterator<Item = &'a str>,
    not_plain: fn(String) -> ManifestError,
) -> Result<(), ManifestError> {
    for name in names {
        if !is_plain(name) {
            return Err(not_plain(name.to_owned()));
        }
        if taken.contains(&name) {
            return Err(ManifestError::Twice(name.to_owned()));
        }
        taken.push(name);
    }
    Ok(())
}

/// Maximum length of a name, characters.
const MOST_NAME_CHARACTERS: usize = 100;

/// True if `name` can be the name of a pack, a file or a model: letters, digits, `-`, `_` and `.`,
/// 100 at most. Such a name does not lead out of a directory, and is not hidden in it.
#[must_use]
pub fn is_plain(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_length = (1..=MOST_NAME_CHARACTERS).contains(&name.len());
    is_length && !name.starts_with('.') && name.chars().all(allowed)
}

fn as_value(part: &impl serde::Serialize) -> Value {
    Value::try_from(part).expect("a manifest is text and numbers")
}

/// The key of the first text or number that `is_bad`, in the value of `key`.
fn first_key(value: &Value, key: &str, is_bad: &dyn Fn(&Value) -> bool) -> Option<String> {
    match value {
        Value::Array(values) => values.iter().find_map(|value| first_key(value, key, is_bad)),
        Value::Table(table) => table.iter().find_map(|(name, value)| {
            let dot = if key.is_empty() { "" } else { "." };
            first_key(value, &format!("{key}{dot}{name}"), is_bad)
        }),
        _ => is_bad(value).then(|| key.to_owned()),
    }
}

/// Characters with an effect instead of a shape: terminals' control characters, and those that
/// change the direction of the text behind them.
fn is_control(c: char) -> bool {
    let turns = matches!(
        c,
        '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    c.is_control() || turns
}

/// The parser's message, safe to show. It quotes lines and keys of the manifest.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && is_control(c) {
            escaped.extend(c.escape_unicode());
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;
    use crate::manifest::Evaluation;
    use crate::source::Source;

    fn message(change: impl Fn(&mut Manifest)) -> String {
        let (mut manifest, _) = catalog().remove(1);
        change(&mut manifest);
        manifest.check().unwrap_err().to_string()
    }

    fn first_golden(manifest: &mut Manifest) -> &mut Golden {
        &mut manifest.golden[0]
    }

    #[test]
    fn an_unusable_golden_vector_is_refused() {
        let twice = message(|it| it.golden.push(it.golden[0].clone()));
        assert!(twice.contains("two entries for one picture"), "{twice}");
        let other = message(|it| first_golden(it).log_odds.extend([("other".into(), 0.5)]));
        assert!(other.contains("no scorer of the pack"), "{other}");
        for not_finite in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let log_odds = f64::from(not_finite);
            for message in [
                message(|it| first_golden(it).faces[0].rect.top_left.x = not_finite),
                message(|it| first_golden(it).faces[0].rect.delta.y = not_finite),
                message(|it| first_golden(it).faces[0].confidence = not_finite),
                message(|it| {
                    first_golden(it).faces[0].landmarks.as_mut().unwrap().nose.y = not_finite;
                }),
                message(|it| first_golden(it).log_odds.extend([("fr_liveness".into(), log_odds)])),
            ] {
                assert!(message.contains("a number that is infinite or none"), "{message}");
            }
        }
    }

    #[test]
    fn an_evaluation_with_numbers_that_are_not_shares_is_refused_by_name() {
        for wrong in [f64::NAN, -0.1, 1.1, f64::INFINITY] {
            let of = |change: fn(&mut Evaluation, f64)| {
                message(|it| change(it.evaluation.as_mut().unwrap(), wrong))
            };
            assert!(of(|it, wrong| it.auc = wrong).contains("`evaluation.auc` must be"));
            assert!(of(|it, wrong| it.eer = wrong).contains("`evaluation.eer` must be"));
            assert!(of(|it, wrong| it.apcer_at_half = wrong).contains("evaluation.apcer_at_half"));
            assert!(of(|it, wrong| it.bpcer_at_half = wrong).contains("evaluation.bpcer_at_half"));
        }
    }

    #[test]
    fn an_id_that_is_not_plain_or_not_unique_is_refused() {
        for id in ["", "a b", "../a", "ümlaut", "a`b", &"a".repeat(101)] {
            for message in [
                message(|it| it.detector.id = id.into()),
                message(|it| it.landmarker.as_mut().unwrap().id = id.into()),
                message(|it| it.scorers[0].id = id.into()),
            ] {
                assert!(message.contains("is no id for a model"), "{id}: {message}");
            }
        }
        for message in [
            message(|it| it.detector.id = "fr_liveness".into()),
            message(|it| it.landmarker.as_mut().unwrap().id = "fr_liveness".into()),
            message(|it| it.landmarker.as_mut().unwrap().id.clone_from(&it.detector.id)),
        ] {
            assert!(message.contains("used twice"), "{message}");
        }
        let name = message(|it| it.name = "a".repeat(101));
        assert!(name.contains("is not a pack name") && name.contains("100 at most"), "{name}");
    }

    #[test]
    fn control_characters_in_parser_messages_are_escaped() {
        for text in ["name = \"\u{1b}[2J\"", "\"\\u001b[2J\" = 1", "name = \"\\u001b[2J"] {
            let message = Manifest::parse(text).unwrap_err().to_string();
            assert!(!message.contains('\u{1b}'), "{message:?}");
        }
    }

    #[test]
    fn a_text_with_control_characters_is_refused_by_its_key_and_not_shown() {
        for control in ["\u{1b}[31m", "\n", "\r", "\0", "\u{9b}2J", "\u{202e}"] {
            let text = || format!("a{control}b");
            for (key, message) in [
                ("name", message(|it| it.name = text())),
                ("summary", message(|it| it.summary = text())),
                ("caveat", message(|it| it.caveat = Some(text()))),
                ("detector.id", message(|it| it.detector.id = text())),
                ("landmarker.id", message(|it| it.landmarker.as_mut().unwrap().id = text())),
                ("scorers.id", message(|it| it.scorers[0].id = text())),
                ("detector.artifact.file", message(|it| it.detector.artifact.file = text())),
                ("scorers.artifact.licence", message(|it| it.scorers[0].artifact.licence = text())),
                ("scorers.artifact.origin", message(|it| it.scorers[0].artifact.origin = text())),
                (
                    "scorers.artifact.training_data",
                    message(|it| it.scorers[0].artifact.training_data = Some(text())),
                ),
                (
                    "detector.artifact.sources.url",
                    message(|it| it.detector.artifact.sources.push(Source::Url { url: text() })),
                ),
                (
                    "evaluation.pictures",
                    message(|it| it.evaluation.as_mut().unwrap().pictures = text()),
                ),
            ] {
                assert!(message.contains(&format!("`{key}` has control characters")), "{message}");
                assert!(!message.contains(control), "{message}");
            }
        }
    }

    const STARTER: &str = include_str!("../../../models/packs/starter.toml");

    fn refused(from: &str, to: &str) -> String {
        assert!(STARTER.contains(from), "{from}");
        Manifest::parse(&STARTER.replacen(from, to, 1)).unwrap_err().to_string()
    }

    #[test]
    fn a_manifest_with_a_flaw_is_refused_by_name() {
        assert!(refused("fusion =", "fussion =").contains("fussion"));
        assert!(refused("fr_detect.onnx", "../fr_detect.onnx").contains("not a plain file name"));
        assert!(refused("\"starter\"", "\"star/ter\"").contains("not a pack name"));
        assert!(refused("\"fr_liveness.onnx\"", "\"fr_detect.onnx\"").contains("used twice"));
        assert!(refused("slope = 0.5", "slope = 0.0").contains("slope"));
        assert!(refused("slope = 0.5", "slope = nan").contains("slope"));
        assert!(refused("fr_liveness = ", "other = ").contains("golden answer"));
        for weights in ["fr_liveness = 0.0", "other = 1.0", "fr_liveness = 1.0, other = 1.0"] {
            let fusion = format!("fusion = {{ weighted-log-odds = {{ {weights} }} }}");
            assert!(refused("fusion = \"mean\"", &fusion).contains("weight"), "{weights}");
        }
        let standard = "[levels.standard]\nthreshold = 0.5\n";
        assert!(refused(standard, "[levels.standard]\nthreshold = 1.5\n").contains("levels"));
        assert!(refused(standard, "[levels.standard]\nthreshold = 0.99\n").contains("levels"));
    }

    #[test]
    fn a_number_out_of_range_is_refused_by_name() {
        for (from, to, key) in [
            ("width = 128, height = 128", "width = 100000, height = 100000", "scorers.spec.input"),
            ("width = 128, height = 128", "width = 128, height = 0", "scorers.spec.input"),
            ("width = 320, height = 240", "width = 320, height = 99999", "1 to 4096 pixels"),
            ("{ scale = 2.7 }", "{ scale = 1e30 }", "scorers.spec.crop"),
            ("{ scale = 2.7 }", "{ scale = nan }", "scorers.spec.crop"),
            ("{ scale = 2.7 }", "{ scale = -2.7 }", "scorers.spec.crop"),
            ("classes = 3", "classes = 1", "scorers.spec.classes"),
            ("classes = 3", "classes = 4294967296", "scorers.spec.classes"),
            ("\"bgr\" }", "\"bgr\", scale = 0.0 }", "scorers.spec.tensor"),
            ("\"bgr\" }", "\"bgr\", std = [1, 0, 1] }", "scorers.spec.tensor"),
            ("128.0, 128.0, 128.0", "128.0, inf, 128.0", "detector.spec.tensor"),
            ("min_confidence = 0.7", "min_confidence = 7.0", "detector.spec.min_confidence"),
            ("max_overlap_iou = 0.3", "max_overlap_iou = nan", "detector.spec.max_overlap_iou"),
            ("size_bytes = 1886811", "size_bytes = 10000000000", "size_bytes"),
            ("size_bytes = 1886811", "size_bytes = 0", "size_bytes"),
        ] {
            let message = refused(from, to);
            assert!(message.contains(key), "{from} to {to}: {message}");
        }
        assert!(refused("size_bytes = 1886811", "size_bytes = -1").contains("size_bytes"));
    }

    #[test]
    fn endless_nesting_is_refused() {
        for nest in ["[", "{ a = ", "[[", "a."] {
            let text = format!("name = {}", nest.repeat(100_000));
            assert!(Manifest::parse(&text).is_err(), "{nest}");
            assert!(Manifest::parse(&format!("[{}a]", nest.repeat(100_000))).is_err(), "{nest}");
        }
    }
}

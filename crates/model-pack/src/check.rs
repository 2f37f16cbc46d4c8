//! Whether a manifest that can be read is one: names, texts, and what has to go together.

use crate::golden::Golden;
use crate::manifest::{Evaluation, Manifest, ManifestError, Scorer, is_plain};
use crate::source::Source;

impl Manifest {
    pub(crate) fn check(&self) -> Result<(), ManifestError> {
        // First: the messages below show names.
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
            return Err(ManifestError::Calibration);
        }
        if let anti_spoof::Fusion::WeightedLogOdds(weights) = &self.fusion {
            let is_weighted = |scorer: &Scorer| {
                weights.get(&scorer.id).is_some_and(|weight| weight.is_finite() && *weight > 0.0)
            };
            if weights.len() != self.scorers.len() || !self.scorers.iter().all(is_weighted) {
                return Err(ManifestError::Weights);
            }
        }
        if let Some(evaluation) = &self.evaluation {
            check_evaluation(evaluation)?;
        }
        if !self.levels.are_sound() {
            return Err(ManifestError::Levels);
        }
        self.check_bounds()
    }

    /// Ids of the detector, the scorers and the landmarker.
    fn ids(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.detector.id)
            .chain(self.scorers.iter().map(|scorer| &*scorer.id))
            .chain(self.landmarker.iter().map(|landmarker| &*landmarker.id))
    }

    fn check_names(&self) -> Result<(), ManifestError> {
        if !is_plain(&self.name) {
            return Err(ManifestError::Name(self.name.clone()));
        }
        let mut seen = vec!["pack.toml"];
        for name in self.artifacts().map(|artifact| artifact.file.as_str()) {
            if !is_plain(name) {
                return Err(ManifestError::FileName(name.to_owned()));
            }
            if seen.contains(&name) {
                return Err(ManifestError::Twice(name.to_owned()));
            }
            seen.push(name);
        }
        let mut seen = Vec::new();
        for id in self.ids() {
            if !is_plain(id) {
                return Err(ManifestError::Id(id.to_owned()));
            }
            if seen.contains(&id) {
                return Err(ManifestError::Twice(id.to_owned()));
            }
            seen.push(id);
        }
        Ok(())
    }

    fn check_texts(&self) -> Result<(), ManifestError> {
        let mut texts = vec![("name", &self.name), ("summary", &self.summary)];
        texts.extend(self.caveat.iter().map(|text| ("caveat", text)));
        texts.extend(self.evaluation.iter().map(|it| ("evaluation.pictures", &it.pictures)));
        texts.push(("detector.id", &self.detector.id));
        texts.extend(self.landmarker.iter().map(|it| ("landmarker.id", &it.id)));
        texts.extend(self.scorers.iter().map(|it| ("scorers.id", &it.id)));
        for artifact in self.artifacts() {
            texts.push(("artifact.file", &artifact.file));
            texts.push(("artifact.licence", &artifact.licence));
            texts.push(("artifact.origin", &artifact.origin));
            texts.extend(artifact.training_data.iter().map(|it| ("artifact.training_data", it)));
            for source in &artifact.sources {
                let of_source = match source {
                    Source::Npm { npm, member, .. } => vec![npm, member],
                    Source::Pip { pip, member, platforms, .. } => {
                        [pip, member].into_iter().chain(platforms).collect()
                    }
                    Source::Url { url } => vec![url],
                };
                texts.extend(of_source.into_iter().map(|text| ("artifact.sources", text)));
            }
        }
        match texts.into_iter().find(|(_, text)| text.contains(is_control)) {
            None => Ok(()),
            Some((key, _)) => Err(ManifestError::Text(key)),
        }
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
        // Each scorer has one, and each has another id.
        if golden.log_odds.len() > self.scorers.len() {
            return Err(ManifestError::Golden("log-odds of a model that is no scorer of the pack"));
        }
        // A comparison with what is no number would hold, or fail, whatever the models say.
        let faces_are_finite = golden.faces.iter().all(|face| {
            let points = face.landmarks.iter().flat_map(face_detector::Landmarks::points);
            let frame::Rect { top_left, delta } = face.rect;
            let pairs = points.map(|it| (it.x, it.y));
            let mut pairs = pairs.chain([(top_left.x, top_left.y), (delta.x, delta.y)]);
            face.confidence.is_finite() && pairs.all(|(x, y)| x.is_finite() && y.is_finite())
        });
        if !faces_are_finite || !golden.log_odds.values().all(|number| number.is_finite()) {
            return Err(ManifestError::Golden("a number that is infinite or none"));
        }
        Ok(())
    }
}

fn check_evaluation(evaluation: &Evaluation) -> Result<(), ManifestError> {
    let &Evaluation { auc, eer, apcer_at_half, bpcer_at_half, .. } = evaluation;
    for (key, share) in [
        ("evaluation.auc", auc),
        ("evaluation.eer", eer),
        ("evaluation.apcer_at_half", apcer_at_half),
        ("evaluation.bpcer_at_half", bpcer_at_half),
    ] {
        if !(0.0..=1.0).contains(&share) {
            return Err(ManifestError::Bounds { key, must_be: "from 0 to 1" });
        }
    }
    Ok(())
}

/// Characters that do something instead of being shown: those of terminals, and those that turn the direction
/// of what follows.
fn is_control(c: char) -> bool {
    let turns = matches!(
        c,
        '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    c.is_control() || turns
}

/// A text that quotes a manifest, safe to be shown: the parser's messages have lines and keys of it.
pub(crate) fn escaped(text: &str) -> String {
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

    fn said(change: impl Fn(&mut Manifest)) -> String {
        let (mut manifest, _) = catalog().remove(1);
        change(&mut manifest);
        manifest.check().unwrap_err().to_string()
    }

    fn first(manifest: &mut Manifest) -> &mut Golden {
        &mut manifest.golden[0]
    }

    #[test]
    fn a_golden_vector_that_nothing_can_be_held_to_is_refused() {
        let twice = said(|it| it.golden.push(it.golden[0].clone()));
        assert!(twice.contains("two entries for one picture"), "{twice}");
        let other = said(|it| first(it).log_odds.extend([("other".into(), 0.5)]));
        assert!(other.contains("no scorer of the pack"), "{other}");
        for not_finite in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let log_odds = f64::from(not_finite);
            for said in [
                said(|it| first(it).faces[0].rect.top_left.x = not_finite),
                said(|it| first(it).faces[0].rect.delta.y = not_finite),
                said(|it| first(it).faces[0].confidence = not_finite),
                said(|it| first(it).faces[0].landmarks.as_mut().unwrap().nose.y = not_finite),
                said(|it| first(it).log_odds.extend([("fr_liveness".into(), log_odds)])),
            ] {
                assert!(said.contains("a number that is infinite or none"), "{said}");
            }
        }
    }

    #[test]
    fn an_evaluation_that_is_no_shares_is_refused_by_name() {
        for wrong in [f64::NAN, -0.1, 1.1, f64::INFINITY] {
            let of = |change: fn(&mut Evaluation, f64)| {
                said(|it| change(it.evaluation.as_mut().unwrap(), wrong))
            };
            assert!(of(|it, wrong| it.auc = wrong).contains("`evaluation.auc` must be"));
            assert!(of(|it, wrong| it.eer = wrong).contains("`evaluation.eer` must be"));
            assert!(of(|it, wrong| it.apcer_at_half = wrong).contains("evaluation.apcer_at_half"));
            assert!(of(|it, wrong| it.bpcer_at_half = wrong).contains("evaluation.bpcer_at_half"));
        }
    }

    #[test]
    fn an_id_that_is_not_plain_or_another_models_is_refused() {
        for id in ["", "a b", "../a", "ümlaut", "a`b", &"a".repeat(101)] {
            for said in [
                said(|it| it.detector.id = id.into()),
                said(|it| it.landmarker.as_mut().unwrap().id = id.into()),
                said(|it| it.scorers[0].id = id.into()),
            ] {
                assert!(said.contains("is no id for a model"), "{id}: {said}");
            }
        }
        for said in [
            said(|it| it.detector.id = "fr_liveness".into()),
            said(|it| it.landmarker.as_mut().unwrap().id = "fr_liveness".into()),
            said(|it| it.landmarker.as_mut().unwrap().id.clone_from(&it.detector.id)),
        ] {
            assert!(said.contains("used twice"), "{said}");
        }
        let name = said(|it| it.name = "a".repeat(101));
        assert!(name.contains("is not a pack name") && name.contains("100 at most"), "{name}");
    }

    #[test]
    fn what_the_parser_quotes_is_escaped() {
        for text in ["name = \"\u{1b}[2J\"", "\"\\u001b[2J\" = 1", "name = \"\\u001b[2J"] {
            let said = Manifest::parse(text).unwrap_err().to_string();
            assert!(!said.contains('\u{1b}'), "{said:?}");
        }
    }

    #[test]
    fn a_text_with_control_characters_is_refused_by_its_key_and_not_shown() {
        for control in ["\u{1b}[31m", "\n", "\r", "\0", "\u{9b}2J", "\u{202e}"] {
            let text = || format!("a{control}b");
            for (key, said) in [
                ("name", said(|it| it.name = text())),
                ("summary", said(|it| it.summary = text())),
                ("caveat", said(|it| it.caveat = Some(text()))),
                ("detector.id", said(|it| it.detector.id = text())),
                ("landmarker.id", said(|it| it.landmarker.as_mut().unwrap().id = text())),
                ("scorers.id", said(|it| it.scorers[0].id = text())),
                ("artifact.file", said(|it| it.detector.artifact.file = text())),
                ("artifact.licence", said(|it| it.scorers[0].artifact.licence = text())),
                ("artifact.origin", said(|it| it.scorers[0].artifact.origin = text())),
                (
                    "artifact.training_data",
                    said(|it| it.scorers[0].artifact.training_data = Some(text())),
                ),
                (
                    "artifact.sources",
                    said(|it| it.detector.artifact.sources.push(Source::Url { url: text() })),
                ),
                (
                    "evaluation.pictures",
                    said(|it| it.evaluation.as_mut().unwrap().pictures = text()),
                ),
            ] {
                assert!(said.contains(&format!("`{key}` has control characters")), "{said}");
                assert!(!said.contains(control), "{said}");
            }
        }
    }
}

//! `pack.toml`: all that is to be known about a pack.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::Artifact;
use crate::check;
use crate::golden::Golden;

/// `pack.toml`: all that is to be known about a pack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The pack's name, which is also its directory's.
    pub name: String,
    /// One sentence for whoever chooses a pack.
    pub summary: String,
    /// What must be known before using it, beyond the licences (data terms, say).
    #[serde(default)]
    pub caveat: Option<String>,
    /// The face detector.
    pub detector: Detector,
    /// What finds landmarks, where the detector gives none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landmarker: Option<Landmarker>,
    /// The anti-spoof models, at least one.
    pub scorers: Vec<Scorer>,
    /// Most of the picture's width or height that a face may take for the scorers to make sense of it, as a share:
    /// above it, a picture is not assessed (`FACE_TOO_CLOSE`).
    #[serde(default = "all_of_it")]
    pub max_face_share: f64,
    /// How several scorers' answers become one.
    pub fusion: anti_spoof::Fusion,
    /// How that one is placed so that 0.5 is the measured operating point.
    pub calibration: anti_spoof::Calibration,
    /// How it did on labelled pictures; a new pack has not been measured.
    #[serde(default)]
    pub evaluation: Option<Evaluation>,
    /// Named operating points. Those that are not here cannot be chosen.
    #[serde(default)]
    pub levels: Levels,
    /// What it must answer before it may serve, at least one.
    pub golden: Vec<Golden>,
}

fn all_of_it() -> f64 {
    1.0
}

/// The face detector of a pack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detector {
    /// Its name in answers and metrics.
    pub id: String,
    /// Its ONNX file.
    pub artifact: Artifact,
    /// How it wants to be fed and read.
    pub spec: face_detector::Spec,
}

/// The landmarker of a pack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Landmarker {
    /// Its name.
    pub id: String,
    /// Its ONNX file.
    pub artifact: Artifact,
    /// How it wants to be fed and read.
    pub spec: face_detector::LandmarkerSpec,
}

/// An anti-spoof model of a pack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scorer {
    /// Its name in answers and metrics.
    pub id: String,
    /// Its ONNX file.
    pub artifact: Artifact,
    /// How it wants to be fed and read.
    pub spec: anti_spoof::Spec,
}

/// How a pack did on labelled pictures (ISO/IEC 30107-3). Shares, 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// Which pictures.
    pub pictures: String,
    /// Area under the ROC curve.
    pub auc: f64,
    /// Equal error rate.
    pub eer: f64,
    /// Attacks taken for living people at a score of 0.5, as calibrated.
    pub apcer_at_half: f64,
    /// Living people taken for attacks at a score of 0.5, as calibrated.
    pub bpcer_at_half: f64,
}

/// A named operating point: how much is to be risked on either side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SecurityLevel {
    /// Few people are turned away: BPCER of at most 5% where the pack was measured.
    Convenience,
    /// Both errors alike: the equal error rate's threshold.
    Standard,
    /// Few attacks pass: APCER of at most 5%, for the worst kind of attack, where the pack was measured.
    Hardened,
}

impl SecurityLevel {
    /// All of them, the most lenient first.
    pub const ALL: [Self; 3] = [Self::Convenience, Self::Standard, Self::Hardened];

    /// As configuration spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Convenience => "convenience",
            Self::Standard => "standard",
            Self::Hardened => "hardened",
        }
    }
}

impl std::fmt::Display for SecurityLevel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text is no security level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a security level is convenience, standard or hardened")]
pub struct UnknownLevel;

impl std::str::FromStr for SecurityLevel {
    type Err = UnknownLevel;

    fn from_str(name: &str) -> Result<Self, UnknownLevel> {
        Self::ALL.into_iter().find(|level| level.as_str() == name).ok_or(UnknownLevel)
    }
}

/// The operating points of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Levels {
    /// [`SecurityLevel::Convenience`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub convenience: Option<OperatingPoint>,
    /// [`SecurityLevel::Standard`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard: Option<OperatingPoint>,
    /// [`SecurityLevel::Hardened`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardened: Option<OperatingPoint>,
}

impl Levels {
    /// The point called `level`, if the pack has one.
    #[must_use]
    pub fn get(&self, level: SecurityLevel) -> Option<OperatingPoint> {
        match level {
            SecurityLevel::Convenience => self.convenience,
            SecurityLevel::Standard => self.standard,
            SecurityLevel::Hardened => self.hardened,
        }
    }

    /// Whether all numbers are shares, and no level is laxer than the one before it.
    pub(crate) fn are_sound(&self) -> bool {
        let points: Vec<_> =
            SecurityLevel::ALL.into_iter().filter_map(|level| self.get(level)).collect();
        let is_share = |share: f64| (0.0..=1.0).contains(&share);
        let in_range = |point: &OperatingPoint| {
            [Some(point.threshold), point.apcer, point.bpcer].into_iter().flatten().all(is_share)
        };
        points.iter().all(in_range) && points.is_sorted_by(|a, b| a.threshold <= b.threshold)
    }
}

/// A threshold, and what it was measured to do.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatingPoint {
    /// Calibrated scores from here on are live, 0 to 1.
    pub threshold: f64,
    /// Share of attacks taken for living people, of the kind that did best; not there if not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apcer: Option<f64>,
    /// Share of living people taken for attacks; not there if not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bpcer: Option<f64>,
}

/// Why a `pack.toml` is not one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Not TOML, or not these keys and types; what the parser says, with control characters escaped.
    #[error("{0}")]
    Toml(String),
    /// A file name would leave the pack's directory.
    #[error("`{0}` is not a plain file name")]
    FileName(String),
    /// The pack's name cannot be a directory's.
    #[error("`{0}` is not a pack name: use letters, digits, `-`, `_` and `.`, 100 at most")]
    Name(String),
    /// A model's id is one that answers, metrics and terminals cannot be trusted with.
    #[error("`{0}` is no id for a model: use letters, digits, `-`, `_` and `.`, 100 at most")]
    Id(String),
    /// A text holds what is no text: it could move a terminal's cursor, or hide what follows.
    #[error("`{0}` has control characters; it is one line of text that can be read")]
    Text(&'static str),
    /// Two models share an id, or two files a name.
    #[error("`{0}` is used twice")]
    Twice(String),
    /// Something that a pack cannot do without.
    #[error("the pack has no {0}")]
    Missing(&'static str),
    /// A golden vector that nothing can be held to.
    #[error("the golden vectors have {0}")]
    Golden(&'static str),
    /// The calibration would turn scores around or give none.
    #[error("the calibration needs a slope above 0 and finite numbers")]
    Calibration,
    /// A model would be shown something that cannot be.
    #[error("{0}")]
    Input(&'static str),
    /// The weights do not go with the scorers.
    #[error("fusion needs a weight above 0 for each scorer, and for nothing else")]
    Weights,
    /// A number that cannot be meant.
    #[error("`{key}` must be {must_be}")]
    Bounds {
        /// Where it stands.
        key: &'static str,
        /// What it must be.
        must_be: &'static str,
    },
    /// Thresholds that are none, or a stricter level with a lower one.
    #[error(
        "the levels need thresholds from 0 to 1 that do not fall from one to the next, and shares from 0 to 1"
    )]
    Levels,
}

impl Manifest {
    /// The manifest in the text of a `pack.toml`.
    ///
    /// # Errors
    /// When it is not one; unknown keys are not passed over.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self = toml::from_str(text)
            .map_err(|error| ManifestError::Toml(check::escaped(&error.to_string())))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Whether the pack finds the five points of a face, too: by its detector, or by a landmarker.
    #[must_use]
    pub fn gives_landmarks(&self) -> bool {
        self.detector.spec.gives_landmarks() || self.landmarker.is_some()
    }

    /// Every file of the pack beside `pack.toml`.
    pub fn artifacts(&self) -> impl Iterator<Item = &Artifact> {
        std::iter::once(&self.detector.artifact)
            .chain(self.scorers.iter().map(|scorer| &scorer.artifact))
            .chain(self.landmarker.iter().map(|landmarker| &landmarker.artifact))
    }
}

/// Most characters of a name.
const MOST_NAME_CHARACTERS: usize = 100;

/// Whether `name` can be a pack's, a file's or a model's: of letters, digits, `-`, `_` and `.`, 100 at most. It
/// stays in the directory it is put into, and is not hidden there.
#[must_use]
pub fn is_plain(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_length = (1..=MOST_NAME_CHARACTERS).contains(&name.len());
    is_length && !name.starts_with('.') && name.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_number_that_cannot_be_meant_is_refused_by_name() {
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
            let said = refused(from, to);
            assert!(said.contains(key), "{from} to {to}: {said}");
        }
        assert!(refused("size_bytes = 1886811", "size_bytes = -1").contains("size_bytes"));
    }

    #[test]
    fn nesting_without_end_is_refused() {
        for nest in ["[", "{ a = ", "[[", "a."] {
            let text = format!("name = {}", nest.repeat(100_000));
            assert!(Manifest::parse(&text).is_err(), "{nest}");
            assert!(Manifest::parse(&format!("[{}a]", nest.repeat(100_000))).is_err(), "{nest}");
        }
    }
}

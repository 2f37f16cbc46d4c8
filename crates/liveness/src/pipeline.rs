//! The walk.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use anti_spoof::{Classifier, ModelScore, ScoreError, Scorer};
use face_detector::{DetectError, Detector, Face, Finder, Found, Landmarker};
use frame::{Decoder, Frame, Limits, LumaSampler, Picture};
use model_pack::{GoldenPicture, Levels, Pack};
use onnx::{Device, Runtime};
use tracing::info_span;

use crate::decide::{Threshold, decide};
use crate::diagnose::explain;
use crate::error::{CheckError, LoadError, ProofError};
use crate::gate::{Gated, gate};
use crate::providers::{Watched, watched};
use crate::reason::{Reason, Severity};
use crate::report::{Clock, Judgement, PackIdentity, Report, Timings};
use crate::select::select;
use crate::self_test::{MAX_LOG_ODDS_ERROR, self_test};
use crate::settings::{Bar, Settings, Terms};

/// A pack, loaded and ready. Owned by one thread, with its sessions and buffers; as many threads as
/// there are cores have one each.
#[derive(Debug)]
pub struct Pipeline {
    decoder: Decoder,
    finder: Finder,
    upright: Frame,
    sampler: LumaSampler,
    scorer: Scorer,
    levels: Levels,
    max_face_share: f64,
    settings: Settings,
    pack: Arc<PackIdentity>,
    device: Device,
    /// What each scorer said of the drawn face when all this was loaded.
    at_start: Vec<ModelScore>,
}

/// So many faces of a picture are judged by themselves, where that is asked for: each costs as much as a selfie's
/// score, and nobody can be made to look through a crowd.
const MAX_FACES_JUDGED: usize = 16;

/// Whether a pipeline of this process has said how far it is with loading its models, which takes minutes where they are
/// compiled for a card.
static IS_PROGRESS_SAID: AtomicBool = AtomicBool::new(false);

/// The drawn face as a PNG file: a megabyte that all pipelines share.
static DRAWN_FACE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let frame = GoldenPicture::DrawnFace.frame();
    frame.encode_png().expect("a small picture can be encoded")
});

impl Pipeline {
    /// Loads `pack` on `device`, has it reproduce its golden vectors there, and checks one picture
    /// from the first byte to the verdict.
    ///
    /// # Errors
    /// When a model is not what the pack says, or answers something else than was recorded.
    pub fn load(
        runtime: &Runtime,
        pack: &Pack,
        device: Device,
        settings: Settings,
    ) -> Result<Self, LoadError> {
        let (mut finder, mut scorer) = load_models(runtime, pack, device)?;
        self_test(&pack.manifest.golden, &mut finder, &mut scorer)
            .map_err(|error| explain(error, runtime, pack, device))?;
        Self::warmed_up(pack, finder, scorer, device, settings)
    }

    /// The same, with ONNX Runtime's profile of the golden run: what ran each model. Takes 10 to 20 ms longer; the
    /// pipeline is not slower afterwards.
    ///
    /// # Errors
    /// As [`load`](Self::load), and when a model ran on something else than `device` asks for, or it cannot be
    /// shown on what it ran where that is not the CPU.
    pub fn load_watched(
        runtime: &Runtime,
        pack: &Pack,
        device: Device,
        settings: Settings,
    ) -> Result<(Self, Watched), LoadError> {
        let watching = match runtime.watched() {
            Ok(watching) => watching,
            Err(error) if device == Device::Cpu => {
                return Ok((Self::load(runtime, pack, device, settings)?, Err(error)));
            }
            Err(source) => return Err(LoadError::NotWatched { device, source }),
        };
        let (mut finder, mut scorer) = load_models(&watching, pack, device)?;
        self_test(&pack.manifest.golden, &mut finder, &mut scorer)
            .map_err(|error| explain(error, runtime, pack, device))?;
        let watched = watched(&pack.manifest, &mut finder, &mut scorer, device)?;
        Ok((Self::warmed_up(pack, finder, scorer, device, settings)?, watched))
    }

    /// Models that answer as recorded, put together, after one picture from the first byte to the verdict.
    fn warmed_up(
        pack: &Pack,
        finder: Finder,
        scorer: Scorer,
        device: Device,
        settings: Settings,
    ) -> Result<Self, LoadError> {
        let manifest = &pack.manifest;
        let pack = Arc::new(PackIdentity { name: manifest.name.clone(), digest: pack.digest });
        let mut pipeline = Self {
            decoder: Decoder::default(),
            finder,
            upright: Frame::default(),
            sampler: LumaSampler::default(),
            scorer,
            levels: manifest.levels,
            max_face_share: manifest.max_face_share,
            settings: Settings::default(),
            pack,
            device,
            at_start: Vec::new(),
        };
        // The first request meets warm caches.
        pipeline.set(Settings::default());
        let report = pipeline.check_drawn_face().map_err(LoadError::WarmUp)?;
        report.score.ok_or(LoadError::NoScore)?;
        pipeline.at_start = report.models;
        pipeline.set(settings);
        Ok(pipeline)
    }

    /// Checks the drawn face from the first byte to the verdict, and compares what the scorers say of it with
    /// what they said when this pipeline was loaded.
    ///
    /// # Errors
    /// When it cannot be checked, gets no score, or one that is further off than a golden vector may be.
    pub fn prove(&mut self) -> Result<(), ProofError> {
        let settings = self.settings;
        self.set(Settings::default());
        let report = self.check_drawn_face();
        self.set(settings);
        let report = report?;
        report.score.ok_or(ProofError::NoScore)?;
        agree(&self.at_start, &report.models)
    }

    /// One selfie in, one report out. Whatever comes of it, nothing of the selfie stays in the buffers.
    ///
    /// # Errors
    /// When the bytes are no picture that can be judged, or a model fails. No error is a verdict.
    pub fn check(&mut self, selfie: &[u8], terms: &Terms) -> Result<Report, CheckError> {
        let outcome = self.walk(selfie, terms);
        self.clear();
        outcome
    }

    /// Overwrites every buffer that pixels, or numbers made of them, were in.
    fn clear(&mut self) {
        self.decoder.clear();
        self.finder.clear();
        self.upright.clear();
        self.sampler.clear();
        self.scorer.clear();
    }

    fn walk(&mut self, selfie: &[u8], terms: &Terms) -> Result<Report, CheckError> {
        let threshold = self.threshold(terms.bar)?;
        let mut clock = Clock::start();
        let mut picture = info_span!("decode")
            .in_scope(|| self.decoder.decode(selfie, &self.settings.reduction(terms)))?;
        let mut decode = clock.lap();
        let mut found = find(&mut self.finder, picture, terms)?;
        let mut detect = clock.lap();
        // Rare: a face so small in its picture that too little is left of it.
        if let Some(reduction) = self.settings.finer(picture.reduction, &found.faces) {
            picture = info_span!("decode").in_scope(|| self.decoder.decode(selfie, &reduction))?;
            decode += clock.lap();
            found = find(&mut self.finder, picture, terms)?;
            detect += clock.lap();
        }

        let upright = found.upright(&picture.frame, &mut self.upright);
        let mut judge = |face: Option<&Face>, choice: Option<Reason>| {
            let Gated { mut reasons, unchecked } = gate(
                picture,
                upright,
                face,
                &self.settings,
                self.max_face_share,
                terms,
                &mut self.sampler,
            );
            reasons.extend(choice);
            let is_rejected = reasons.iter().any(|reason| reason.severity == Severity::Reject);
            let mut assessment = match face.filter(|_| !is_rejected) {
                Some(face) => {
                    Some(info_span!("score").in_scope(|| self.scorer.score(upright, &face.rect))?)
                }
                None => None,
            };
            for model in assessment.iter_mut().flat_map(|assessment| &mut assessment.models) {
                model.crop = found.rect_as_sent(picture, model.crop);
            }
            let score = assessment.as_ref().map(|assessment| assessment.score);
            Ok::<_, CheckError>(Judgement {
                verdict: decide(score, threshold),
                score,
                fused: assessment.as_ref().map(|assessment| assessment.fused),
                reasons,
                unchecked,
                models: assessment.map(|assessment| assessment.models).unwrap_or_default(),
            })
        };
        let (face, choice) = select(&found.faces, &self.settings);
        let judgement = judge(face, choice)?;
        let faces = largest_first(&found, picture);
        let judged = if terms.every_face { MAX_FACES_JUDGED } else { 0 };
        let each = faces.iter().take(judged).map(|&(_, one)| match face {
            // Nothing was said of it that is not about it alone.
            Some(meant) if choice.is_none() && std::ptr::eq(one, meant) => Ok(judgement.clone()),
            _ => judge(Some(one), None),
        });
        let judgements = each.collect::<Result<_, _>>()?;
        let Judgement { verdict, score, fused, reasons, unchecked, models } = judgement;
        let score_time = clock.lap();

        Ok(Report {
            verdict,
            score,
            fused,
            threshold,
            level: terms.bar.level(),
            reasons,
            unchecked,
            format: picture.format,
            bytes: selfie.len(),
            picture: picture.size,
            exif_orientation: picture.exif_orientation,
            reduction: picture.reduction,
            turn: found.turn,
            faces: faces.into_iter().map(|(as_sent, _)| as_sent).collect(),
            judgements,
            models,
            pack: Arc::clone(&self.pack),
            device: self.device,
            timings: Timings { decode, detect, score: score_time, total: clock.total() },
        })
    }

    /// The number that scores are held against.
    ///
    /// # Errors
    /// When the pack has no threshold for the level that is asked for.
    pub fn threshold(&self, bar: Bar) -> Result<Threshold, CheckError> {
        match bar {
            Bar::Threshold(threshold) => Ok(threshold),
            Bar::Level(level) => self
                .levels
                .get(level)
                .and_then(|point| Threshold::try_from(point.threshold).ok())
                .ok_or_else(|| CheckError::NoSuchLevel { level, pack: self.pack.name.clone() }),
        }
    }

    /// Checks a picture that everyone has, from the first byte to the verdict. Not under the operator's settings,
    /// under which it might not be scored.
    fn check_drawn_face(&mut self) -> Result<Report, CheckError> {
        let terms =
            Terms { bar: Bar::default(), min_picture_side_px: 1, exact: false, every_face: false };
        self.check(&DRAWN_FACE, &terms)
    }

    fn set(&mut self, settings: Settings) {
        let limits = Limits { max_side_px: settings.max_picture_side_px, ..Limits::default() };
        self.decoder.set_limits(limits);
        self.settings = settings;
    }
}

/// Whether every scorer says what it said before.
fn agree(before: &[ModelScore], now: &[ModelScore]) -> Result<(), ProofError> {
    for before in before {
        let now = now.iter().find(|now| now.id == before.id).ok_or(ProofError::NoScore)?;
        let (expected, found) = (before.live.log_odds(), now.live.log_odds());
        if (found - expected).abs() > MAX_LOG_ODDS_ERROR {
            return Err(ProofError::LogOdds { scorer: before.id.to_string(), expected, found });
        }
    }
    Ok(())
}

/// The faces of `picture`, in pixels of its frame.
#[tracing::instrument(name = "detect", skip_all)]
fn find(finder: &mut Finder, picture: &Picture, terms: &Terms) -> Result<Found, DetectError> {
    if terms.exact { finder.find_exactly(&picture.frame) } else { finder.find(&picture.frame) }
}

/// The faces that were found in `picture`, as it was sent and as the models see it.
fn largest_first<'a>(found: &'a Found, picture: &Picture) -> Vec<(Face, &'a Face)> {
    let both = |face| (found.face_as_sent(picture, face), face);
    let mut faces: Vec<(Face, &Face)> = found.faces.iter().map(both).collect();
    faces.sort_by(|(a, _), (b, _)| b.rect.area().total_cmp(&a.rect.area()));
    faces
}

/// The models of `pack`, with their graphs checked: scorers on `device`, the others where they are fastest.
pub(crate) fn load_models(
    runtime: &Runtime,
    pack: &Pack,
    device: Device,
) -> Result<(Finder, Scorer), LoadError> {
    let manifest = &pack.manifest;
    let finders_device = finders_device(device);
    let detector = &manifest.detector;
    let models = pack.models().count();
    let mut model = 0;
    // Once, by the first pipeline: the others find what it has made.
    let is_said = device.is_gpu() && !IS_PROGRESS_SAID.swap(true, Ordering::Relaxed);
    let mut say = |id: &str| {
        model += 1;
        if is_said {
            tracing::info!("model {model} of {models} is loaded on {device}: {id}");
        }
    };
    say(&detector.id);
    let loaded = Detector::load(runtime, pack.detector_model(), finders_device, &detector.spec)
        .map_err(|source| LoadError::Detector { id: detector.id.clone(), source })?;
    let landmarker = match manifest.landmarker.as_ref().zip(pack.landmarker_model()) {
        Some((landmarker, model)) => {
            say(&landmarker.id);
            let loaded = Landmarker::load(runtime, model, finders_device, landmarker.spec);
            Some(
                loaded
                    .map_err(|source| LoadError::Detector { id: landmarker.id.clone(), source })?,
            )
        }
        None => None,
    };
    let classifiers = manifest
        .scorers
        .iter()
        .zip(pack.scorer_models())
        .map(|(scorer, model)| {
            say(&scorer.id);
            Classifier::load(runtime, &scorer.id, model, device, &scorer.spec)
        })
        .collect::<Result<_, ScoreError>>()
        .map_err(LoadError::Scorer)?;
    let scorer = Scorer::new(classifiers, manifest.fusion.clone(), manifest.calibration);
    Ok((Finder::new(loaded, landmarker), scorer))
}

/// What the detector and the landmarker run on when `device` is asked for.
///
/// OpenVINO makes scorers 1.4 to 1.7 times as fast (`MiniFASNetV2` 1.0 ms for 1.7, `fr_liveness` 2.7 for 5.0), and
/// detectors slower (YuNet 1.17 ms for 1.0, Ultra-Light 2.7 for 2.4, landmarks 0.36 for 0.33; medians at one
/// thread on an AMD EPYC with AVX-512). Each session there costs 17 to 20 MB instead of 5, too.
pub(crate) fn finders_device(device: Device) -> Device {
    match device {
        Device::Cpu | Device::OpenVino => Device::Cpu,
        Device::Cuda | Device::TensorRt => device,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anti_spoof::Score;
    use frame::Rect;

    #[test]
    fn a_scorer_that_says_something_else_than_before_is_named() {
        let says = |id: &str, log_odds| {
            let live = Score::from_log_odds(log_odds).unwrap();
            let crop = Rect::new(0.0, 0.0, 1.0, 1.0);
            ModelScore { id: id.into(), live, crop_scale: 1.0, crop }
        };
        let before = [says("near", 1.0), says("far", -2.0)];
        assert!(agree(&before, &[says("near", 1.04), says("far", -2.04)]).is_ok());
        let error = agree(&before, &[says("near", 1.0), says("far", -2.06)]).unwrap_err();
        let said = "the scorer `far` answers log-odds -2.0600; at the start it was -2.0000";
        assert_eq!(error.to_string(), said);
        let error = agree(&before, &[says("near", 1.0)]).unwrap_err();
        assert!(matches!(error, ProofError::NoScore), "{error}");
    }
}

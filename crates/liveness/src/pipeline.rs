//! The walk.

use std::sync::{Arc, LazyLock};

use anti_spoof::{Assessment, ModelScore, ScoreError, Scorer};
use face_detector::{DetectError, Face, Finder, Found};
use frame::{DecodeError, Decoder, Demand, Frame, KEPT_BYTES, LumaSampler, Picture, Reduction};
use model_pack::{GoldenPicture, Levels, Pack};
use onnx::{Device, Runtime};

use crate::decide::{Threshold, decide};
use crate::diagnose::explain;
use crate::error::{CheckError, LoadError, ProofError};
use crate::gate::{Gated, gate};
use crate::models::load_models;
use crate::providers::{Watched, watched};
use crate::reason::{Reason, Severity};
use crate::report::{Clock, JudgedFace, Judgement, PackIdentity, Report, Timings};
use crate::select::select;
use crate::self_test::{MAX_LOG_ODDS_ERROR, self_test};
use crate::settings::Settings;
use crate::terms::{Bar, Terms};

/// A loaded pack. It belongs to one thread, with its sessions and buffers.
#[derive(Debug)]
pub struct Pipeline {
    decoder: Decoder,
    finder: Finder,
    upright: Frame,
    sampler: LumaSampler,
    scorer: Scorer,
    levels: Levels,
    /// Largest share of the picture that the scorers let a face take.
    max_face_share: f64,
    settings: Settings,
    pack: Arc<PackIdentity>,
    device: Device,
    /// Each scorer's result for the drawn face when this pipeline was loaded.
    at_start: Vec<ModelScore>,
}

/// Maximum number of faces judged with [`Terms::every_face`]. Each costs one full scoring pass.
const MAX_FACES_JUDGED: usize = 16;

/// The drawn face as a PNG file: a megabyte that all pipelines share.
static DRAWN_FACE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let frame = GoldenPicture::DrawnFace.frame();
    frame.encode_png().expect("a small picture can be encoded")
});

impl Pipeline {
    /// Loads `pack` on `device`, compares its answers to its golden vectors, and checks one picture
    /// as a warm-up.
    ///
    /// # Errors
    /// When a model does not match the manifest, or a golden vector is missed.
    pub fn load(
        runtime: &Runtime,
        pack: &Pack,
        device: Device,
        settings: Settings,
    ) -> Result<Self, LoadError> {
        let (finder, scorer) = tested_models(runtime, pack, device)?;
        Self::warmed_up(pack, finder, scorer, device, settings)
    }

    /// Like [`load`](Self::load), and tells which execution provider ran each node of each model,
    /// from ONNX Runtime's profile of the golden run. Takes 10 to 20 ms longer; checks do not.
    ///
    /// # Errors
    /// Like [`load`](Self::load). Also when a model ran on another device than `device`, or, unless
    /// that is the CPU, there is no profile.
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
        let (mut finder, mut scorer) = tested_models(&watching, pack, device)?;
        let watched = watched(&pack.manifest, &mut finder, &mut scorer, device)?;
        Ok((Self::warmed_up(pack, finder, scorer, device, settings)?, watched))
    }

    /// A pipeline of tested models, after the warm-up: the first request meets warm caches.
    fn warmed_up(
        pack: &Pack,
        finder: Finder,
        scorer: Scorer,
        device: Device,
        settings: Settings,
    ) -> Result<Self, LoadError> {
        let manifest = &pack.manifest;
        let mut pipeline = Self {
            decoder: Decoder::default(),
            finder,
            upright: Frame::default(),
            sampler: LumaSampler::default(),
            scorer,
            levels: manifest.levels.clone(),
            max_face_share: manifest.max_face_share,
            settings,
            pack: Arc::new(PackIdentity { name: manifest.name.clone(), digest: pack.digest }),
            device,
            at_start: Vec::new(),
        };
        pipeline.at_start = pipeline.score_drawn_face().map_err(LoadError::WarmUp)?;
        Ok(pipeline)
    }

    /// Checks the drawn face, and compares each scorer's result to the one when this pipeline was
    /// loaded.
    ///
    /// # Errors
    /// When the check fails, gives no score, or a scorer's log-odds are further off than a golden
    /// vector may be.
    pub fn prove(&mut self) -> Result<(), ProofError> {
        let now = self.score_drawn_face()?;
        agree(&self.at_start, &now)
    }

    /// Each scorer's result for the drawn face, under default settings: the operator's might reject
    /// it.
    fn score_drawn_face(&mut self) -> Result<Vec<ModelScore>, ProofError> {
        let settings = self.settings;
        self.set(Settings::default());
        let report = self.check(&DRAWN_FACE, &Terms::default(), &|| false);
        self.set(settings);
        match report?.judgement.models() {
            [] => Err(ProofError::NoScore),
            models => Ok(models.to_vec()),
        }
    }

    /// Checks one selfie. Afterwards no buffer holds anything of it. `stop` is asked between rows
    /// of a JPEG's blocks, while other formats are read, and before each run of a model; when it
    /// returns true, the check ends.
    ///
    /// # Errors
    /// When `selfie` is not a picture that can be judged, a model fails, or the check was stopped.
    /// An error is never a verdict.
    pub fn check(
        &mut self,
        selfie: &[u8],
        terms: &Terms,
        stop: &dyn Fn() -> bool,
    ) -> Result<Report, CheckError> {
        let outcome = self.walk(selfie, terms, stop);
        self.clear();
        outcome
    }

    /// The most that a check of `selfie` takes, from the picture's header: while it is decoded, or
    /// while its faces are searched and scored in all of its pixels. Models, and buffers that are
    /// kept from earlier pictures, come on top.
    ///
    /// # Errors
    /// When `selfie` is no picture, or one over the limits.
    pub fn demand(&self, selfie: &[u8]) -> Result<Demand, CheckError> {
        let limits = self.settings.limits();
        let demand = frame::demand(selfie, &limits)?;
        let size = demand.size;
        let frame_bytes = 3 * size.area() as u64;
        // The frame, and the decoder's copy of it, if that is small enough to be kept.
        let decoded = frame_bytes + frame_bytes.min(KEPT_BYTES as u64);
        // An exact search turns no picture upright.
        let searched = (frame_bytes + self.finder.copies_bytes(size))
            .max(self.finder.exact_copies_bytes(size));
        let judging = decoded + searched + self.scorer.copies_bytes(size);
        Ok(Demand { memory_bytes: demand.memory_bytes.max(judging), ..demand })
    }

    /// Overwrites every buffer that held pixels, or numbers made of them.
    fn clear(&mut self) {
        self.decoder.clear();
        self.finder.clear();
        self.upright.clear();
        self.sampler.clear();
        self.scorer.clear();
    }

    fn walk(
        &mut self,
        selfie: &[u8],
        terms: &Terms,
        stop: &dyn Fn() -> bool,
    ) -> Result<Report, CheckError> {
        let threshold = self.threshold(terms.bar)?;
        let mut clock = Clock::start();
        let mut timings = Timings::default();

        let mut picture = decode(&mut self.decoder, selfie, self.settings.reduction(terms), stop)?;
        timings.decode = clock.lap();
        let mut found = detect(&mut self.finder, picture, terms, stop)?;
        timings.detect = clock.lap();
        // Rare: too few pixels are left of a small face.
        if let Some(reduction) = self.settings.finer(picture.reduction, &found.faces) {
            picture = decode(&mut self.decoder, selfie, reduction, stop)?;
            timings.decode += clock.lap();
            found = detect(&mut self.finder, picture, terms, stop)?;
            timings.detect += clock.lap();
        }
        let upright = found.upright(&picture.frame, &mut self.upright);

        let mut judge = |face: Option<&Face>, choice: Option<Reason>| {
            if stop() {
                return Err(CheckError::Stopped);
            }
            let Gated { mut reasons, unchecked } =
                gate(picture, upright, face, &self.settings, terms, &mut self.sampler);
            reasons.extend(choice);
            let assessed =
                face.filter(|_| reasons.iter().all(|it| it.severity != Severity::Reject));
            let mut assessment =
                assessed.map(|face| score(&mut self.scorer, upright, face, stop)).transpose()?;
            for model in assessment.iter_mut().flat_map(|it| &mut it.models) {
                model.crop = found.rect_as_sent(picture, model.crop);
            }
            let verdict = decide(assessment.as_ref().map(|it| it.score), threshold);
            Ok::<_, CheckError>(Arc::new(Judgement { verdict, assessment, reasons, unchecked }))
        };
        let (face, choice) = select(&found.faces, &self.settings);
        let judgement = judge(face, choice)?;
        let mut faces = largest_first(&found, picture);
        for (index, face) in faces.iter_mut().take(MAX_FACES_JUDGED).filter(|_| terms.every_face) {
            face.judgement = Some(match (*index, choice) {
                // `select` chose this face, and its judgement has no reason that is not its own.
                (0, None) => Arc::clone(&judgement),
                (index, _) => judge(found.faces.get(index), None)?,
            });
        }

        Ok(Report {
            judgement,
            threshold,
            level: terms.bar.level(),
            format: picture.format,
            bytes: selfie.len(),
            picture: picture.size,
            exif_orientation: picture.exif_orientation,
            reduction: picture.reduction,
            turn: found.turn,
            faces: faces.into_iter().map(|(_, face)| face).collect(),
            pack: Arc::clone(&self.pack),
            device: self.device,
            timings: Timings { score: clock.lap(), total: clock.total(), ..timings },
        })
    }

    /// The threshold that `bar` chooses.
    ///
    /// # Errors
    /// When the pack has no threshold for the level.
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

    fn set(&mut self, settings: Settings) {
        self.decoder.set_limits(settings.limits());
        self.settings = settings.for_scorers(self.max_face_share);
    }
}

/// The models of `pack`, which have reproduced its golden vectors.
fn tested_models(
    runtime: &Runtime,
    pack: &Pack,
    device: Device,
) -> Result<(Finder, Scorer), LoadError> {
    let (mut finder, mut scorer) = load_models(runtime, pack, device)?;
    self_test(&pack.manifest.golden, &mut finder, &mut scorer)
        .map_err(|error| explain(error, runtime, pack, device))?;
    Ok((finder, scorer))
}

/// Compares each scorer's log-odds to those at the start.
fn agree(at_start: &[ModelScore], now: &[ModelScore]) -> Result<(), ProofError> {
    for ModelScore { id, live, .. } in at_start {
        let now = now.iter().find(|now| now.id == *id).ok_or(ProofError::NoScore)?;
        let (expected, found) = (live.log_odds(), now.live.log_odds());
        if (found - expected).abs() > MAX_LOG_ODDS_ERROR {
            return Err(ProofError::LogOdds { scorer: id.to_string(), expected, found });
        }
    }
    Ok(())
}

#[tracing::instrument(skip_all)]
fn decode<'a>(
    decoder: &'a mut Decoder,
    selfie: &[u8],
    reduction: Reduction,
    stop: &dyn Fn() -> bool,
) -> Result<&'a Picture, DecodeError> {
    decoder.decode(selfie, &reduction, stop)
}

/// The faces of `picture`, in pixels of its frame.
#[tracing::instrument(skip_all)]
fn detect(
    finder: &mut Finder,
    picture: &Picture,
    terms: &Terms,
    stop: &dyn Fn() -> bool,
) -> Result<Found, DetectError> {
    let frame = &picture.frame;
    if terms.exact { finder.find_exactly(frame, stop) } else { finder.find(frame, stop) }
}

#[tracing::instrument(skip_all)]
fn score(
    scorer: &mut Scorer,
    upright: &Frame,
    face: &Face,
    stop: &dyn Fn() -> bool,
) -> Result<Assessment, ScoreError> {
    scorer.score(upright, &face.rect, stop)
}

/// The faces found in `picture` as it was sent, not judged yet, each with its index in `found`.
fn largest_first(found: &Found, picture: &Picture) -> Vec<(usize, JudgedFace)> {
    let as_sent = |face| JudgedFace { face: found.face_as_sent(picture, face), judgement: None };
    let mut faces: Vec<_> = found.faces.iter().map(as_sent).enumerate().collect();
    faces.sort_by(|(_, a), (_, b)| b.face.rect.area().total_cmp(&a.face.rect.area()));
    faces
}

#[cfg(test)]
mod tests {
    use super::*;
    use anti_spoof::Score;
    use frame::Rect;

    #[test]
    fn a_scorer_with_another_result_than_at_the_start_is_named() {
        let model = |id: &str, log_odds| {
            let live = Score::from_log_odds(log_odds).unwrap();
            let crop = Rect::new(0.0, 0.0, 1.0, 1.0);
            ModelScore { id: id.into(), live, crop_scale: 1.0, crop }
        };
        let at_start = [model("near", 1.0), model("far", -2.0)];
        assert!(agree(&at_start, &[model("near", 1.04), model("far", -2.04)]).is_ok());
        let error = agree(&at_start, &[model("near", 1.0), model("far", -2.06)]).unwrap_err();
        let message = "the scorer `far` answers log-odds -2.0600; at the start it was -2.0000";
        assert_eq!(error.to_string(), message);
        let error = agree(&at_start, &[model("near", 1.0)]).unwrap_err();
        assert!(matches!(error, ProofError::NoScore), "{error}");
    }
}

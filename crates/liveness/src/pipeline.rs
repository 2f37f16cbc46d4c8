//! The walk.

use std::sync::Arc;

use anti_spoof::{Classifier, ScoreError, Scorer};
use face_detector::{DetectError, Detector, Finder, Found, Landmarker};
use frame::{Decoder, Frame, Limits, LumaSampler, Picture};
use model_pack::{GoldenPicture, Levels, Pack};
use onnx::{Device, Runtime};

use crate::decide::{Threshold, decide};
use crate::diagnose::explain;
use crate::error::{CheckError, LoadError};
use crate::gate::{Gated, gate};
use crate::reason::Severity;
use crate::report::{Clock, PackIdentity, Report, Timings};
use crate::select::select;
use crate::self_test::self_test;
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
}

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
        let manifest = &pack.manifest;
        let (mut finder, mut scorer) = load_models(runtime, pack, device)?;
        self_test(&manifest.golden, &mut finder, &mut scorer)
            .map_err(|error| explain(error, runtime, pack, device))?;
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
        };
        // Before the operator's settings, under which this picture might not be scored.
        pipeline.warm_up()?;
        let limits = Limits { max_side_px: settings.max_picture_side_px, ..Limits::default() };
        pipeline.decoder.set_limits(limits);
        pipeline.settings = settings;
        Ok(pipeline)
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
        let mut picture = self.decoder.decode(selfie, &self.settings.reduction(terms))?;
        let mut decode = clock.lap();
        let mut found = find(&mut self.finder, picture, terms)?;
        let mut detect = clock.lap();
        // Rare: a face so small in its picture that too little is left of it.
        if let Some(reduction) = self.settings.finer(picture.reduction, &found.faces) {
            picture = self.decoder.decode(selfie, &reduction)?;
            decode += clock.lap();
            found = find(&mut self.finder, picture, terms)?;
            detect += clock.lap();
        }

        let upright = found.upright(&picture.frame, &mut self.upright);
        let (face, choice) = select(&found.faces, &self.settings);
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
        let assessment = match face.filter(|_| !is_rejected) {
            Some(face) => Some(self.scorer.score(upright, &face.rect)?),
            None => None,
        };
        let score = assessment.as_ref().map(|assessment| assessment.score);
        let verdict = decide(score, threshold);
        let score_time = clock.lap();

        Ok(Report {
            verdict,
            score,
            fused: assessment.as_ref().map(|assessment| assessment.fused),
            threshold,
            level: terms.bar.level(),
            reasons,
            unchecked,
            picture: picture.size,
            reduction: picture.reduction,
            turn: found.turn,
            faces: found.faces_as_sent(picture),
            models: assessment.map(|assessment| assessment.models).unwrap_or_default(),
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

    /// Checks a picture that everyone has from the first byte to the verdict, so that the first request
    /// meets warm caches.
    fn warm_up(&mut self) -> Result<(), LoadError> {
        let frame = GoldenPicture::DrawnFace.frame();
        let picture = frame.encode_png().expect("a small picture can be encoded");
        let terms = Terms { bar: Bar::default(), min_picture_side_px: 1, exact: false };
        let report = self.check(&picture, &terms).map_err(LoadError::WarmUp)?;
        report.score.map(drop).ok_or(LoadError::NoScore)
    }
}

/// The faces of `picture`, in pixels of its frame.
fn find(finder: &mut Finder, picture: &Picture, terms: &Terms) -> Result<Found, DetectError> {
    if terms.exact { finder.find_exactly(&picture.frame) } else { finder.find(&picture.frame) }
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
    let loaded = Detector::load(runtime, pack.detector_model(), finders_device, &detector.spec)
        .map_err(|source| LoadError::Detector { id: detector.id.clone(), source })?;
    let landmarker = match manifest.landmarker.as_ref().zip(pack.landmarker_model()) {
        Some((landmarker, model)) => Some(
            Landmarker::load(runtime, model, finders_device, landmarker.spec)
                .map_err(|source| LoadError::Detector { id: landmarker.id.clone(), source })?,
        ),
        None => None,
    };
    let classifiers = manifest
        .scorers
        .iter()
        .zip(pack.scorer_models())
        .map(|(scorer, model)| Classifier::load(runtime, &scorer.id, model, device, &scorer.spec))
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
    }
}

//! The walk.

use std::sync::Arc;

use anti_spoof::{Classifier, ScoreError, Scorer};
use face_detector::Detector;
use frame::Limits;
use model_pack::{GoldenPicture, Pack};
use onnx::{Device, Runtime};

use crate::decide::{Threshold, decide};
use crate::diagnose::explain;
use crate::error::{CheckError, LoadError};
use crate::gate::gate;
use crate::reason::Severity;
use crate::report::{Clock, PackIdentity, Report, Timings};
use crate::select::select;
use crate::self_test::self_test;
use crate::settings::{Settings, Terms};

/// A pack, loaded and ready. Owned by one thread, with its sessions and buffers; as many threads as
/// there are cores have one each.
#[derive(Debug)]
pub struct Pipeline {
    detector: Detector,
    scorer: Scorer,
    settings: Settings,
    limits: Limits,
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
        let (mut detector, mut scorer) = load_models(runtime, pack, device)?;
        self_test(&pack.manifest.golden, &mut detector, &mut scorer)
            .map_err(|error| explain(error, runtime, pack, device))?;
        let name = pack.manifest.name.clone();
        let pack = Arc::new(PackIdentity { name, digest: pack.digest });
        let mut pipeline = Self {
            detector,
            scorer,
            settings: Settings::default(),
            limits: Limits::default(),
            pack,
            device,
        };
        // Before the operator's settings, under which this picture might not be scored.
        pipeline.warm_up()?;
        pipeline.limits.max_side_px = settings.max_picture_side_px;
        pipeline.settings = settings;
        Ok(pipeline)
    }

    /// One selfie in, one report out.
    ///
    /// # Errors
    /// When the bytes are no picture that can be judged, or a model fails. No error is a verdict.
    pub fn check(&mut self, selfie: &[u8], terms: &Terms) -> Result<Report, CheckError> {
        let mut clock = Clock::start();
        let frame = frame::decode(selfie, &self.limits)?;
        let decode = clock.lap();

        let faces = self.detector.detect(&frame)?;
        let detect = clock.lap();

        let selected = select(&faces, self.settings.min_face_lead);
        let mut reasons =
            gate(frame.size(), selected.as_ref().ok().copied(), &self.settings, terms);
        let assessment = match selected {
            Ok(face) if !reasons.iter().any(|reason| reason.severity == Severity::Reject) => {
                Some(self.scorer.score(&frame, &face.rect)?)
            }
            Ok(_) => None,
            Err(reason) => {
                reasons.push(reason);
                None
            }
        };
        let score = assessment.as_ref().map(|assessment| assessment.score);
        let verdict = decide(score, terms.threshold);
        let score_time = clock.lap();

        Ok(Report {
            verdict,
            score,
            fused: assessment.as_ref().map(|assessment| assessment.fused),
            threshold: terms.threshold,
            reasons,
            picture: frame.size(),
            faces,
            models: assessment.map(|assessment| assessment.models).unwrap_or_default(),
            pack: Arc::clone(&self.pack),
            device: self.device,
            timings: Timings { decode, detect, score: score_time, total: clock.total() },
        })
    }

    /// Checks a picture that everyone has from the first byte to the verdict, so that the first request
    /// meets warm caches.
    fn warm_up(&mut self) -> Result<(), LoadError> {
        let frame = GoldenPicture::DrawnFace.frame();
        let picture = frame.encode_png().expect("a small picture can be encoded");
        let terms = Terms { threshold: Threshold::default(), min_picture_side_px: 1 };
        let report = self.check(&picture, &terms).map_err(LoadError::WarmUp)?;
        report.score.map(drop).ok_or(LoadError::NoScore)
    }
}

/// The models of `pack`, with their graphs checked.
pub(crate) fn load_models(
    runtime: &Runtime,
    pack: &Pack,
    device: Device,
) -> Result<(Detector, Scorer), LoadError> {
    let manifest = &pack.manifest;
    let detector = &manifest.detector;
    let classifiers =
        manifest.scorers.iter().zip(pack.scorer_models()).map(|(scorer, model)| {
            Classifier::load(runtime, &scorer.id, model, device, &scorer.spec)
        });
    let detector = Detector::load(runtime, pack.detector_model(), device, &detector.spec)
        .map_err(|source| LoadError::Detector { id: detector.id.clone(), source })?;
    let classifiers = classifiers.collect::<Result<_, ScoreError>>().map_err(LoadError::Scorer)?;
    Ok((detector, Scorer::new(classifiers, manifest.fusion.clone(), manifest.calibration)))
}

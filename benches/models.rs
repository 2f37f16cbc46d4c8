//! The installed packs, loaded in parts and as a whole.

use anti_spoof::{Classifier, Scorer};
use face_detector::{Detector, Finder, Landmarker};
use frame::Frame;
use liveness::{Device, Pipeline, Settings};
use model_pack::Pack;

/// Packs that are measured if they are installed: the preferred one, and the one that every machine
/// can install.
const PACKS: [&str; 2] = ["silent-face", "starter"];

/// One pack.
pub(crate) struct Models {
    /// Its name.
    pub(crate) pack: &'static str,
    /// Its detector's id.
    pub(crate) detector: String,
    pub(crate) finder: Finder,
    pub(crate) classifiers: Vec<Classifier>,
    pub(crate) scorer: Scorer,
    pub(crate) pipeline: Pipeline,
}

impl Models {
    /// Every pack of [`PACKS`] that the testbed's home has.
    pub(crate) fn installed() -> Vec<Self> {
        let is_installed = |name: &&str| testbed::home().pack_directory(name).is_dir();
        PACKS.into_iter().filter(is_installed).map(Self::load).collect()
    }

    fn load(name: &'static str) -> Self {
        let (runtime, device) = (testbed::runtime(), Device::Cpu);
        let pack = Pack::open(&testbed::home().pack_directory(name)).expect("the pack is whole");
        let manifest = &pack.manifest;
        let detector =
            Detector::load(runtime, pack.detector_model(), device, &manifest.detector.spec);
        let landmarker =
            manifest.landmarker.as_ref().zip(pack.landmarker_model()).map(|(landmarker, model)| {
                Landmarker::load(runtime, model, device, landmarker.spec).expect("it can be loaded")
            });
        let classifiers = || -> Vec<Classifier> {
            let scorers = manifest.scorers.iter().zip(pack.scorer_models());
            let load = scorers.map(|(scorer, model)| {
                Classifier::load(runtime, &scorer.id, model, device, &scorer.spec)
            });
            load.collect::<Result<_, _>>().expect("they can be loaded")
        };
        Self {
            pack: name,
            detector: manifest.detector.id.clone(),
            finder: Finder::new(detector.expect("it can be loaded"), landmarker),
            classifiers: classifiers(),
            scorer: Scorer::new(classifiers(), manifest.fusion.clone(), manifest.calibration),
            pipeline: Pipeline::load(runtime, &pack, device, Settings::default())
                .expect("the pack serves"),
        }
    }

    /// The face box in `frame`.
    pub(crate) fn face(&mut self, frame: &Frame) -> frame::Rect {
        self.finder
            .find(frame, &|| false)
            .expect("the model runs")
            .faces
            .first()
            .expect("there is a face")
            .rect
    }
}

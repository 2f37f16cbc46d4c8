//! The engine: a loaded runtime library and a checked pack, from which pipelines are made.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use anyhow::Context;
use liveness::{Bar, InvalidSetting, LoadError, PackIdentity, Pipeline, Terms, Watched, chain};
use model_pack::{Home, Pack};
use onnx::{Device, Runtime};

use crate::auto::{self, LoadedRuntime};
use crate::config::{Config, ConfigError};
use crate::home::Place;

const LEVELS_OF_THE_PACK: &str = "one that the pack has a threshold for: `livegate packs show` \
                                  lists them, `livegate calibrate` makes them";

/// A loaded runtime library and a checked pack. Each thread gets a pipeline of its own.
#[derive(Debug)]
pub struct Engine {
    runtime: LoadedRuntime,
    /// The library as models are loaded with it: one entry for each card, or one for the CPU.
    serving: Vec<Runtime>,
    /// The number of pipelines that were asked for: they take turns on the cards.
    turn: AtomicUsize,
    pack: Pack,
    device: Device,
    fallback: Option<String>,
    /// The pipeline that was loaded to decide `auto`, until the first call of `pipeline`.
    first: Mutex<Option<Pipeline>>,
    /// Whether the execution providers of a pipeline are, or are being, read from a profile.
    is_watched: AtomicBool,
    watched: OnceLock<Watched>,
    config: Config,
}

impl Engine {
    /// Loads the library, and the pack that the configuration names or else the best installed.
    ///
    /// # Errors
    /// When the library or the pack cannot be used.
    pub fn load(place: &Place, home: &Home, config: &Config) -> anyhow::Result<Self> {
        let runtime = auto::load_runtime(place, home, config.device)?;
        Self::with(runtime, home, config)
    }

    /// As [`Engine::load`], with a library that is loaded.
    ///
    /// # Errors
    /// When the pack cannot be used.
    pub fn with(runtime: LoadedRuntime, home: &Home, config: &Config) -> anyhow::Result<Self> {
        let name = config.pack.as_deref().or_else(|| home.default_pack());
        let name = name.context("there is no model pack; run `livegate setup`")?;
        let pack = Pack::open(&home.pack_directory(name))
            .with_context(|| format!("the pack `{name}` cannot be used"))?;
        if let Some(level) = config.ingress.security_level {
            let has_level = pack.manifest.levels.get(level).is_some();
            InvalidSetting::unless(has_level, "ingress.security_level", LEVELS_OF_THE_PACK)
                .map_err(ConfigError::from)?;
        }
        let on_card = config.gpu.first_card(&runtime.runtime, home);
        let runtime = LoadedRuntime { runtime: on_card, ..runtime };
        let mut engine = Self {
            fallback: runtime.fallback.clone(),
            serving: Vec::new(),
            turn: AtomicUsize::new(0),
            runtime,
            pack,
            device: Device::Cpu,
            first: Mutex::default(),
            is_watched: AtomicBool::new(false),
            watched: OnceLock::new(),
            config: config.clone(),
        };
        if let Some(device) = config.device.named() {
            engine.device = device;
        } else {
            let (runtime, pack) = (&engine.runtime.runtime, &engine.pack);
            let loaded = auto::load_pipeline(config.device, runtime, pack, config);
            let loaded = loaded.with_context(|| format!("the pack `{name}` does not serve"))?;
            engine.device = loaded.device;
            engine.serving.push(loaded.runtime);
            let reasons: Vec<String> = engine.fallback.into_iter().chain(loaded.fallback).collect();
            engine.fallback = (!reasons.is_empty()).then(|| reasons.join("; "));
            engine.first = Mutex::new(Some(loaded.pipeline));
            engine.is_watched = AtomicBool::new(true);
            engine.watched = OnceLock::from(loaded.watched);
            engine.warn_if_not_watched();
        }
        let cards = if engine.device.is_gpu() { config.gpu.cards.len() } else { 1 };
        for card in config.gpu.cards_in(home).into_iter().take(cards).skip(engine.serving.len()) {
            let runtime = engine.runtime.runtime.on_card(card);
            engine.serving.push(config.batching.applied(&runtime, engine.device));
        }
        Ok(engine)
    }

    /// Loads a pipeline, which reproduces the pack's golden vectors. The execution providers are
    /// read of the first pipeline of the process, and of every one on a GPU or with shared models.
    ///
    /// # Errors
    /// When the pack does not answer as recorded.
    pub fn pipeline(&self) -> Result<Pipeline, LoadError> {
        // No thread panics while it holds the lock.
        let first = self.first.lock().ok().and_then(|mut first| first.take());
        if let Some(pipeline) = first {
            return Ok(pipeline);
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let runtime = &self.serving[turn % self.serving.len()];
        let liveness = self.config.liveness;
        let is_always_watched = self.device.is_gpu() || self.config.batching.is_on(self.device);
        if self.is_watched.swap(true, Ordering::Relaxed) && !is_always_watched {
            return Pipeline::load(runtime, &self.pack, self.device, liveness);
        }
        let loaded = Pipeline::load_watched(runtime, &self.pack, self.device, liveness);
        // After a failure the next pipeline is watched instead.
        let (pipeline, watched) =
            loaded.inspect_err(|_| self.is_watched.store(false, Ordering::Relaxed))?;
        let _ = self.watched.set(watched);
        self.warn_if_not_watched();
        Ok(pipeline)
    }

    /// A pipeline, with an error for the operator that names the pack.
    ///
    /// # Errors
    /// As [`Engine::pipeline`].
    pub fn serving_pipeline(&self) -> anyhow::Result<Pipeline> {
        let pack = &self.pack.manifest.name;
        self.pipeline().with_context(|| format!("the pack `{pack}` does not serve"))
    }

    fn warn_if_not_watched(&self) {
        if let Some(Err(error)) = self.watched.get() {
            tracing::warn!("it is not known what runs the models: {}", chain(error));
        }
    }

    /// The versions of the program, the pack, the library and the device. The execution providers
    /// of the models are known once a pipeline is loaded. `commit` is the source's, where the build
    /// knows it.
    #[must_use]
    pub fn version(&self, commit: Option<&str>) -> ingress::Version {
        let (models, models_not_known) = match self.watched.get() {
            Some(Ok(models)) => (models.clone(), None),
            Some(Err(error)) => (Vec::new(), Some(chain(error))),
            None => (Vec::new(), Some("no pipeline is loaded yet".to_owned())),
        };
        // The file's name has the version, where Livegate installed it.
        let file = self.runtime.path.file_name().unwrap_or_default();
        ingress::Version {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: commit.map(str::to_owned),
            pack: PackIdentity { name: self.pack.manifest.name.clone(), digest: self.pack.digest },
            device: self.device.to_string(),
            device_asked_for: self.config.device.to_string(),
            fallback: self.fallback.clone(),
            models,
            models_not_known,
            onnxruntime: format!("{}: {}", file.display(), self.runtime().build_info()),
        }
    }

    /// The terms of a check outside the service: `bar`, or else the configured one.
    #[must_use]
    pub fn terms(&self, bar: Option<Bar>, exact: bool) -> Terms {
        Terms {
            bar: bar.unwrap_or(self.config.ingress.bar()),
            min_picture_side_px: self.config.ingress.min_picture_side_px,
            exact,
            every_face: false,
        }
    }

    /// The pack.
    #[must_use]
    pub fn pack(&self) -> &Pack {
        &self.pack
    }

    /// The library, without run groups.
    #[must_use]
    pub fn runtime(&self) -> &Runtime {
        &self.runtime.runtime
    }

    /// The number of cards, or 1 where the device is none.
    #[must_use]
    pub fn cards(&self) -> usize {
        self.serving.len()
    }

    /// The device that runs the models.
    #[must_use]
    pub fn device(&self) -> Device {
        self.device
    }
}

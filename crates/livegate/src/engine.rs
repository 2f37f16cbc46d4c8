//! From an installed home to something that checks selfies.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use anyhow::Context;
use liveness::{InvalidSetting, LoadError, PackIdentity, Pipeline, Watched};
use model_pack::{Home, Pack};
use onnx::{Device, Runtime};

use crate::chain;
use crate::cli::Place;
use crate::config::{Config, ConfigError};
use crate::runtime::{self, LoadedRuntime};

const LEVELS_OF_THE_PACK: &str = "one that the pack has a threshold for: `livegate packs show` lists them, `livegate calibrate` makes them";

/// The runtime library and a pack, both checked; pipelines are made of them, one a thread.
#[derive(Debug)]
pub(crate) struct Engine {
    runtime: LoadedRuntime,
    /// The same as models are loaded with it: on each of the cards, where the device is one.
    serving: Vec<Runtime>,
    /// Whose turn it is to load a pipeline.
    turn: AtomicUsize,
    pack: Pack,
    device: Device,
    fallback: Option<String>,
    /// What was loaded to find the device out, until somebody asks for a pipeline.
    first: Mutex<Option<Pipeline>>,
    /// Whether a pipeline is, or is being, loaded of which it is known what runs its models.
    is_watched: AtomicBool,
    /// What ran them.
    watched: OnceLock<Watched>,
    config: Config,
}

impl Engine {
    /// Loads the library and reads the pack that the configuration names, or the best installed.
    pub(crate) fn load(place: &Place, home: &Home, config: &Config) -> anyhow::Result<Self> {
        let runtime = runtime::load(place, home, config.device)?;
        Self::with(runtime, home, config)
    }

    /// The same with a library that is loaded.
    pub(crate) fn with(
        runtime: LoadedRuntime,
        home: &Home,
        config: &Config,
    ) -> anyhow::Result<Self> {
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
            let loaded = config.device.pipeline(&engine.runtime.runtime, &engine.pack, config);
            let loaded = loaded.with_context(|| format!("the pack `{name}` does not serve"))?;
            engine.device = loaded.device;
            engine.serving.push(loaded.runtime);
            let why: Vec<String> = engine.fallback.into_iter().chain(loaded.fallback).collect();
            engine.fallback = (!why.is_empty()).then(|| why.join("; "));
            engine.first = Mutex::new(Some(loaded.pipeline));
            engine.is_watched = AtomicBool::new(true);
            engine.watched = OnceLock::from(loaded.watched);
            engine.say_if_not_known();
        }
        let cards = if engine.device.is_gpu() { config.gpu.cards.len() } else { 1 };
        for card in config.gpu.cards_in(home).into_iter().take(cards).skip(engine.serving.len()) {
            let runtime = engine.runtime.runtime.on_card(card);
            engine.serving.push(config.batching.applied(&runtime, engine.device));
        }
        Ok(engine)
    }

    /// A pipeline that has reproduced the pack's golden vectors; on several cards, each gets one in its turn. Of the first
    /// of this process, of each on a GPU, and of each whose models are shared, it is known what ran them.
    pub(crate) fn pipeline(&self) -> Result<Pipeline, LoadError> {
        // Nobody panics while holding it.
        let first = self.first.lock().ok().and_then(|mut first| first.take());
        if let Some(pipeline) = first {
            return Ok(pipeline);
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let runtime = &self.serving[turn % self.serving.len()];
        let liveness = self.config.liveness;
        // On cards each is asked; of models that are shared it is known already.
        let is_always = self.device.is_gpu() || self.config.batching.is_on(self.device);
        if self.is_watched.swap(true, Ordering::Relaxed) && !is_always {
            return Pipeline::load(runtime, &self.pack, self.device, liveness);
        }
        let loaded = Pipeline::load_watched(runtime, &self.pack, self.device, liveness);
        // The next attempt is the first, then.
        let (pipeline, watched) =
            loaded.inspect_err(|_| self.is_watched.store(false, Ordering::Relaxed))?;
        let _ = self.watched.set(watched);
        self.say_if_not_known();
        Ok(pipeline)
    }

    fn say_if_not_known(&self) {
        if let Some(Err(error)) = self.watched.get() {
            tracing::warn!("it is not known what runs the models: {}", chain(error));
        }
    }

    /// What is running, for whoever asks. Of models nothing is known before the first pipeline is loaded.
    pub(crate) fn version(&self) -> ingress::Version {
        let (models, models_not_known) = match self.watched.get() {
            Some(Ok(models)) => (models.clone(), None),
            Some(Err(error)) => (Vec::new(), Some(chain(error))),
            None => (Vec::new(), Some("no pipeline is loaded yet".to_owned())),
        };
        ingress::Version {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: option_env!("BUILD_COMMIT").filter(|it| !it.is_empty()).map(str::to_owned),
            pack: PackIdentity { name: self.pack.manifest.name.clone(), digest: self.pack.digest },
            device: self.device.to_string(),
            device_asked_for: self.config.device.to_string(),
            fallback: self.fallback.clone(),
            models,
            models_not_known,
            onnxruntime: self.onnxruntime(),
        }
    }

    pub(crate) fn pack(&self) -> &Pack {
        &self.pack
    }

    /// The library, as it is without sharing models.
    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime.runtime
    }

    /// How many cards there are, or 1 where the device is none.
    pub(crate) fn cards(&self) -> usize {
        self.serving.len()
    }

    /// What models run on.
    pub(crate) fn device(&self) -> Device {
        self.device
    }

    /// The library's file, whose name has the version where it was installed by us, and what it says of its build.
    fn onnxruntime(&self) -> String {
        let file = self.runtime.path.file_name().unwrap_or_default();
        format!("{}: {}", file.display(), self.runtime_build())
    }

    pub(crate) fn runtime_build(&self) -> &'static str {
        self.runtime.runtime.build_info()
    }
}

//! From an installed home to something that checks selfies.

use std::sync::Mutex;

use anyhow::Context;
use liveness::{InvalidSetting, LoadError, Pipeline};
use model_pack::{Home, Pack};
use onnx::{Device, Runtime};

use crate::cli::Place;
use crate::config::{Config, ConfigError};
use crate::device::DeviceChoice;
use crate::setup;

const LEVELS_OF_THE_PACK: &str = "one that the pack has a threshold for: `livegate packs show` lists them, `livegate calibrate` makes them";

/// The library that the flags name, or the one installed for `device`, loaded.
pub(crate) fn runtime(place: &Place, home: &Home, device: DeviceChoice) -> anyhow::Result<Runtime> {
    let library = device.library(home);
    let file = place.onnxruntime.clone().or_else(|| home.runtime_library(library));
    let file = file.with_context(|| {
        let how = setup::how(library);
        format!("{library} is not installed; run `livegate {how}`")
    })?;
    Ok(Runtime::load(&file)?)
}

/// The runtime library and a pack, both checked; pipelines are made of them, one a thread.
#[derive(Debug)]
pub(crate) struct Engine {
    runtime: Runtime,
    pack: Pack,
    device: Device,
    /// What was loaded to find the device out, until somebody asks for a pipeline.
    first: Mutex<Option<Pipeline>>,
    config: Config,
}

impl Engine {
    /// Loads the library and reads the pack that the configuration names, or the best installed.
    pub(crate) fn load(place: &Place, home: &Home, config: &Config) -> anyhow::Result<Self> {
        let runtime = runtime(place, home, config.device)?;
        let name = config.pack.as_deref().or_else(|| home.default_pack());
        let name = name.context("there is no model pack; run `livegate setup`")?;
        let pack = Pack::open(&home.pack_directory(name))
            .with_context(|| format!("the pack `{name}` cannot be used"))?;
        if let Some(level) = config.ingress.security_level {
            let has_level = pack.manifest.levels.get(level).is_some();
            InvalidSetting::unless(has_level, "ingress.security_level", LEVELS_OF_THE_PACK)
                .map_err(ConfigError::from)?;
        }
        let (first, device) = if let Some(device) = config.device.named() {
            (None, device)
        } else {
            let loaded = config.device.pipeline(&runtime, &pack, config.liveness);
            let (pipeline, device) =
                loaded.with_context(|| format!("the pack `{name}` does not serve"))?;
            (Some(pipeline), device)
        };
        Ok(Self { runtime, pack, device, first: Mutex::new(first), config: config.clone() })
    }

    /// A pipeline that has reproduced the pack's golden vectors.
    pub(crate) fn pipeline(&self) -> Result<Pipeline, LoadError> {
        // Nobody panics while holding it.
        let first = self.first.lock().ok().and_then(|mut first| first.take());
        match first {
            Some(pipeline) => Ok(pipeline),
            None => Pipeline::load(&self.runtime, &self.pack, self.device, self.config.liveness),
        }
    }

    pub(crate) fn pack(&self) -> &Pack {
        &self.pack
    }

    /// What models run on.
    pub(crate) fn device(&self) -> Device {
        self.device
    }

    pub(crate) fn runtime_build(&self) -> &'static str {
        self.runtime.build_info()
    }
}

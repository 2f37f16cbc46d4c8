//! The ONNX Runtime library, loaded once.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use ort::ep::{CUDA, ExecutionProvider, OpenVINO, TensorRT};

use crate::batch::{Batches, Batching, Tally};
use crate::device::Device;
use crate::error::RuntimeError;
use crate::gpu::Card;
use crate::log::say;
use crate::profile::{ProfileError, Profiles, places};

/// The loaded library. One per process, made by the program and lent to whoever loads a model;
/// clones share it.
#[derive(Clone)]
pub struct Runtime {
    pub(crate) environment: ort::environment::Environment,
    /// Where sessions write which nodes ran on what; they do not without.
    pub(crate) profiles: Option<Arc<Profiles>>,
    /// Where sessions on a GPU are.
    pub(crate) card: Card,
    /// What models share; they share nothing without.
    pub(crate) batches: Option<Arc<Batches>>,
    /// Whether what it has beside the CPU's provider is left alone.
    cpu_only: bool,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").finish_non_exhaustive()
    }
}

impl Runtime {
    /// Loads the shared library at `path` and starts it with its telemetry off.
    ///
    /// # Errors
    /// When there is no such library, it is older than 1.24 (the interface this build is made for),
    /// or the process already has a runtime.
    pub fn load(path: &Path) -> Result<Self, RuntimeError> {
        let environment = ort::init_from(path)
            .map_err(|error| RuntimeError::Library { path: path.to_owned(), why: why(&error) })?
            .with_name("livegate")
            .with_telemetry(false)
            .with_logger(Arc::new(|level, _, _, _, message| say(level, message)))
            .build()
            .map_err(RuntimeError::Start)?;
        // Its `info` level is hundreds of lines a session.
        environment.set_log_level(ort::logging::LogLevel::Warning);
        Ok(Self {
            environment,
            profiles: None,
            card: Card::default(),
            batches: None,
            cpu_only: false,
        })
    }

    /// The same library; sessions of models that are loaded with it are profiled until
    /// [`Model::end_profile`](crate::Model::end_profile).
    ///
    /// # Errors
    /// When profiles cannot be written: neither to the directory for temporary files nor to `/dev/shm`.
    pub fn watched(&self) -> Result<Self, ProfileError> {
        let profiles = Profiles::make(&places())?;
        Ok(Self { profiles: Some(Arc::new(profiles)), ..self.clone() })
    }

    /// The same library; models that are loaded with it on a GPU are run by `card`.
    #[must_use]
    pub fn on_card(&self, card: Card) -> Self {
        Self { card, ..self.clone() }
    }

    /// The same library; models that are loaded with it, or with a clone of it, from the same bytes share sessions, which
    /// run what is asked of them at about the same time together.
    #[must_use]
    pub fn batching(&self, batching: Batching) -> Self {
        Self { batches: Some(Arc::new(Batches::new(batching))), ..self.clone() }
    }

    /// What shared sessions have done so far: those that are in use.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.batches.as_ref().map(|batches| batches.tally()).unwrap_or_default()
    }

    /// The card that sessions on `device` are on, if that is one.
    pub(crate) fn card_of(&self, device: Device) -> Option<&Card> {
        device.is_gpu().then_some(&self.card)
    }

    /// The same library, of which nothing but the CPU is to be used: what the rest needs was not to be had.
    #[must_use]
    pub fn on_cpu_only(&self) -> Self {
        Self { cpu_only: true, ..self.clone() }
    }

    /// Whether the library was built with what runs models on `device`, and that is not to be left alone; whether it
    /// works is another matter.
    #[must_use]
    pub fn has(&self, device: Device) -> bool {
        let known = match device {
            Device::Cpu => return true,
            _ if self.cpu_only => return false,
            Device::OpenVino => OpenVINO::is_available(),
            Device::Cuda => CUDA::is_available(),
            Device::TensorRt => TensorRT::is_available(),
        };
        known.unwrap_or(false)
    }

    /// What the library says about its build: version branch, commit, compile flags.
    #[must_use]
    pub fn build_info(&self) -> &'static str {
        ort::info()
    }
}

/// Has the system's loader load a shared library, by its path or by its name, and keep it: whatever is loaded after it and
/// needs one of that name gets this one.
///
/// # Errors
/// When it is not there or cannot be loaded.
pub fn preload(library: &Path) -> Result<(), RuntimeError> {
    ort::util::preload_dylib(library).map_err(|error| RuntimeError::Preload {
        library: library.to_owned(),
        why: error.source().map_or_else(|| error.to_string(), ToString::to_string),
    })
}

/// What the system's loader says, which has the name of the library that is missing.
fn why(error: &ort::LoadDynamicError) -> String {
    let loader = match error {
        ort::LoadDynamicError::Dlopen { error, .. } => error.source(),
        _ => None,
    };
    loader.map_or_else(|| error.to_string(), ToString::to_string)
}

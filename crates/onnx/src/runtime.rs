//! The ONNX Runtime library, loaded once, and the settings of the sessions made with it.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use ort::environment::Environment;
use ort::ep::{CUDA, ExecutionProvider, OpenVINO, TensorRT};
use ort::session::Session;
use ort::session::builder::SessionBuilder;

use crate::cards::Card;
use crate::device::Device;
use crate::error::RuntimeError;
use crate::log;
use crate::profile::{ProfileError, Profiles};
use crate::run_group::{Grouping, SharedModels, Tally};

/// The loaded library. The program makes one per process and lends it to load models. Clones share
/// the library.
#[derive(Clone)]
pub struct Runtime {
    environment: Environment,
    /// The directory of sessions' profiles. Without it sessions write none.
    pub(crate) profiles: Option<Arc<Profiles>>,
    /// The card for sessions on a GPU.
    pub(crate) card: Card,
    /// The models that share sessions. Without it each model has a session of its own.
    pub(crate) shared_models: Option<Arc<SharedModels>>,
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
    /// When there is no such library, it is older than 1.24 (the interface of this build), or the
    /// process already has a runtime.
    pub fn load(path: &Path) -> Result<Self, RuntimeError> {
        let library = ort::init_from(path).map_err(|error| {
            let loader_message = match &error {
                ort::LoadDynamicError::Dlopen { error, .. } => loader_message(error),
                _ => error.to_string(),
            };
            RuntimeError::Library { path: path.to_owned(), loader_message }
        })?;
        let environment = library
            .with_name("livegate")
            .with_telemetry(false)
            .with_logger(Arc::new(|level, _, _, _, message| log::forward(level, message)))
            .build()
            .map_err(RuntimeError::Start)?;
        // Level `info` logs hundreds of lines per session.
        environment.set_log_level(ort::logging::LogLevel::Warning);
        let card = Card::default();
        Ok(Self { environment, profiles: None, card, shared_models: None, cpu_only: false })
    }

    /// The same library. Sessions of models loaded with it are profiled until
    /// [`Model::end_profile`](crate::Model::end_profile).
    ///
    /// # Errors
    /// When neither the directory for temporary files nor `/dev/shm` can be written to.
    pub fn watched(&self) -> Result<Self, ProfileError> {
        Ok(Self { profiles: Some(Arc::new(Profiles::make()?)), ..self.clone() })
    }

    /// The same library. Models loaded with it on a GPU run on `card`.
    #[must_use]
    pub fn on_card(&self, card: Card) -> Self {
        Self { card, ..self.clone() }
    }

    /// The same library. Models loaded with it, or with a clone of it, from the same bytes share
    /// sessions, which run pictures that arrive at about the same time as one run group.
    #[must_use]
    pub fn grouping(&self, grouping: Grouping) -> Self {
        Self { shared_models: Some(Arc::new(SharedModels::new(grouping))), ..self.clone() }
    }

    /// The work of shared sessions that are in use, so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.shared_models.as_ref().map(|models| models.tally()).unwrap_or_default()
    }

    /// The same library, CPU only: the accelerator's libraries are missing.
    #[must_use]
    pub fn on_cpu_only(&self) -> Self {
        Self { cpu_only: true, ..self.clone() }
    }

    /// Whether the library was built with `device`'s execution provider, and the runtime may use
    /// it. The provider's own libraries may still be missing.
    #[must_use]
    pub fn has(&self, device: Device) -> bool {
        let is_built_in = match device {
            Device::Cpu => return true,
            _ if self.cpu_only => return false,
            Device::OpenVino => OpenVINO::is_available(),
            Device::Cuda => CUDA::is_available(),
            Device::TensorRt => TensorRT::is_available(),
        };
        is_built_in.unwrap_or(false)
    }

    /// The library's build: version branch, commit, compile flags.
    #[must_use]
    pub fn build_info(&self) -> &'static str {
        ort::info()
    }

    /// Makes sessions of one thread that does not spin: a spinning thread burns seven times the CPU
    /// time of the request that it waits for. Sessions of a watched runtime are profiled.
    pub(crate) fn session_builder(&self) -> Result<SessionBuilder, ort::Error> {
        let builder = Session::builder(&self.environment)?
            .with_intra_threads(1)?
            .with_inter_threads(1)?
            .with_intra_op_spinning(false)?
            .with_inter_op_spinning(false)?;
        Ok(match &self.profiles {
            Some(profiles) => builder.with_profiling(profiles.next())?,
            None => builder,
        })
    }
}

/// Loads a shared library by path or by name, and keeps it. Libraries loaded later that need one of
/// this name get this one.
///
/// # Errors
/// When the library is missing or cannot be loaded.
pub fn preload(library: &Path) -> Result<(), RuntimeError> {
    ort::util::preload_dylib(library).map_err(|error| RuntimeError::Preload {
        library: library.to_owned(),
        loader_message: loader_message(&error),
    })
}

/// The message of the system's loader, which names a missing library.
fn loader_message(error: &dyn Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

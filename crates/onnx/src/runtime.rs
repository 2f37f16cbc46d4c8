//! The ONNX Runtime library, loaded once.

use std::path::Path;

use crate::error::RuntimeError;

/// The loaded library. One per process, made by the program and lent to whoever loads a model;
/// clones share it.
#[derive(Clone)]
pub struct Runtime {
    pub(crate) environment: ort::environment::Environment,
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
            .map_err(|source| RuntimeError::Library { path: path.to_owned(), source })?
            .with_name("livegate")
            .with_telemetry(false)
            .build()
            .map_err(RuntimeError::Start)?;
        // Its `info` level is hundreds of lines a session.
        environment.set_log_level(ort::logging::LogLevel::Warning);
        Ok(Self { environment })
    }

    /// What the library says about its build: version branch, commit, compile flags.
    #[must_use]
    pub fn build_info(&self) -> &'static str {
        ort::info()
    }
}

//! The directory that everything is installed into.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use etcetera::base_strategy::{BaseStrategy, choose_native_strategy};
use model_pack::Home;

/// Flags that say where files are.
#[derive(Debug, Args)]
pub struct Place {
    /// Directory that everything is installed into [default: the platform's data directory].
    #[arg(long, global = true, env = "LIVEGATE_HOME", value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// Use this ONNX Runtime library (1.24 or newer) instead of the installed one.
    #[arg(long, global = true, env = "LIVEGATE_ONNXRUNTIME", value_name = "FILE")]
    pub onnxruntime: Option<PathBuf>,
}

impl Place {
    /// The home that the flags name, or the platform's own.
    ///
    /// # Errors
    /// When the flag is no path, or the platform has no home directory.
    pub fn home(&self) -> anyhow::Result<Home> {
        if let Some(root) = &self.home {
            let root = std::path::absolute(root).context("--home is no path")?;
            return Ok(Home::new(root));
        }
        let platform = choose_native_strategy()
            .context("there is no home directory; name a place with --home or LIVEGATE_HOME")?;
        Ok(Home::new(platform.data_dir().join("livegate")))
    }
}

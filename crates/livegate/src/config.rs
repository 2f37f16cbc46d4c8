//! The configuration file, with flags over it.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use liveness::Device;
use serde::Deserialize;

use crate::cli;

/// All that can be configured.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Model pack; without one, the best that is installed.
    pub pack: Option<String>,
    /// What models run on.
    pub device: Device,
    /// Worker threads; without a number, one per core.
    pub workers: Option<NonZeroUsize>,
    /// What a picture must be like.
    pub liveness: liveness::Settings,
    /// The service.
    pub ingress: ingress::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 8080).into(),
            pack: None,
            device: Device::default(),
            workers: None,
            liveness: liveness::Settings::default(),
            ingress: ingress::Config::default(),
        }
    }
}

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration {} cannot be read", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    /// Not TOML, a key that nobody knows, or a value of the wrong kind. Without the line itself: a key
    /// may have been written where its digest belongs.
    #[error("the configuration {} is wrong in line {line}: {what}", path.display())]
    Parse { path: PathBuf, line: usize, what: String },
    /// A value that cannot be.
    #[error(transparent)]
    Invalid(#[from] liveness::InvalidSetting),
    /// Nobody could call.
    #[error(
        "nobody may call: list [[ingress.credentials]] in the file given with --config, \
         or try it out with --demo"
    )]
    NoCredentials,
}

impl Config {
    /// The file that the flags name, if any, with the flags over it.
    pub(crate) fn load(engine: &cli::Engine) -> Result<Self, ConfigError> {
        let mut config =
            engine.config.as_deref().map_or_else(|| Ok(Self::default()), Self::read)?;
        config.pack = engine.pack.clone().or(config.pack);
        config.device = engine.device.unwrap_or(config.device);
        Ok(config)
    }

    fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let config: Self = toml::from_str(&text).map_err(|error| ConfigError::Parse {
            path: path.to_owned(),
            line: 1 + text[..error.span().map_or(0, |span| span.start)].matches('\n').count(),
            what: error.message().to_owned(),
        })?;
        config.liveness.validate()?;
        config.ingress.validate()?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        toml::from_str::<Config>(text).unwrap_err().to_string()
    }

    #[test]
    fn unknown_keys_and_impossible_values_are_refused() {
        assert!(refused("lisen = '127.0.0.1:1'").contains("lisen"));
        assert!(refused("[liveness]\nmin_face = 1").contains("min_face"));
        assert!(refused("[ingress]\nthreshold = 1.5").contains("from 0 to 1"));
        assert!(refused("device = 'cuda'").contains("cuda"));
        assert!(refused("workers = 0").contains("nonzero"));
        let short_digest = "[[ingress.credentials]]\napp_id = 'a'\napp_key_sha256 = 'b'";
        assert!(refused(short_digest).contains("sha256sum"));
    }

    #[test]
    fn the_documented_example_is_the_defaults() {
        let example = include_str!("../../../deploy/livegate.example.toml");
        let mut config: Config = toml::from_str(example).unwrap();
        assert_eq!(config.ingress.credentials.len(), 1);
        config.ingress.credentials.clear();
        assert_eq!(config, Config::default());
    }
}

//! The configuration: one file, variables over it, flags over those.

mod batching;
mod gpu;
mod keys;
mod layers;
pub mod show;
mod telemetry;

use std::net::Ipv4Addr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use ingress::ListenAddress;
use liveness::InvalidSetting;
use model_pack::Home;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

pub use self::batching::Batching;
pub use self::gpu::Gpu;
pub use self::keys::{Key, find, help, keys, meaning, schema};
pub use self::layers::{Flag, Layers, OTHER_VARIABLES, Origin, Settings};
pub use self::telemetry::{LogFormat, Telemetry};
use crate::device::DeviceChoice;

/// All settings. The first paragraph of a field's comment is what operators read.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address to listen on: `127.0.0.1:8080`, `localhost:8080`, `:8080` for all addresses, or
    /// `unix:/path`. Port 0 takes any free port.
    #[schemars(with = "String")]
    #[default((Ipv4Addr::LOCALHOST, 8080).into())]
    pub listen: ListenAddress,
    /// Model pack to serve with. Default: the best installed pack.
    #[schemars(example = &"starter")]
    pub pack: Option<String>,
    /// Device that models run on: `cpu`, `openvino`, `cuda` or `tensorrt`. `auto-cpu` takes
    /// `openvino` if it is installed and runs the pack, else `cpu`; `auto` tries `cuda` first.
    #[schemars(with = "String", extend("enum" = DeviceChoice::NAMES))]
    pub device: DeviceChoice,
    /// Worker threads, each with its own models. Default: one per core
    /// (`batching.workers_per_core` per core on a GPU), or as many as there is memory for.
    #[schemars(example = 2)]
    pub workers: Option<NonZeroUsize>,
    /// NVIDIA GPUs, for the devices `cuda` and `tensorrt`.
    pub gpu: Gpu,
    /// Pictures of several requests in one run of a model, on devices that gain by it.
    pub batching: Batching,
    /// Limits that a picture must keep to. Measure a change with `livegate evaluate`.
    pub liveness: liveness::Settings,
    /// The HTTP service for callers.
    pub ingress: ingress::Config,
    /// The listener for operators: `/livez`, `/readyz`, `/version`, `/metrics` and, at `/`, a page
    /// for people. Keep it on a private network.
    pub admin: ingress::AdminConfig,
    /// Logs and traces.
    pub telemetry: Telemetry,
    /// Where apps, their keys and their counts are kept. `livegate keys` manages them.
    pub accounts: accounts::Config,
}

/// The configuration cannot be used. No text holds a value: it may be a secret in the wrong place.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration {} cannot be read", .0.display())]
    Read(PathBuf, #[source] std::io::Error),
    /// In this line, from 1, the file is no TOML, has an unknown key, or a value of the wrong type.
    #[error("the configuration {path} is wrong in line {1}: {2}", path = .0.display())]
    Parse(PathBuf, usize, String),
    /// The value of a variable or flag does not fit its key.
    #[error("{0} is wrong: {1}")]
    Overlay(Origin, String),
    /// This `LIVEGATE_*` variable stands for no key.
    #[error("the variable {0} means nothing here; `livegate config show` lists every key")]
    UnknownVariable(String),
    /// A flag sets this key, which does not exist.
    #[error("--set {0}: there is no such key; `livegate config show` lists every key")]
    UnknownKey(String),
    /// A flag sets this key, which is secret. Every user of the machine can read command lines. The
    /// second text is its variable.
    #[error("--set {0}: a secret does not belong on a command line, use {1} or a file")]
    SecretFlag(String, String),
    /// A value is out of its range, or contradicts another.
    #[error(transparent)]
    Invalid(#[from] InvalidSetting),
    /// The settings of the accounts store contradict each other.
    #[error(transparent)]
    Accounts(#[from] accounts::ConfigError),
}

impl Config {
    /// Checks the range of each setting, then that the settings agree with each other.
    fn validate(&self) -> Result<(), ConfigError> {
        let settings = serde_json::to_value(self).expect("every setting can be serialized");
        for key in keys() {
            let is_allowed = key.value_in(&settings).is_none_or(|value| key.allows(value));
            InvalidSetting::unless(
                is_allowed,
                &key.path,
                key.range.as_deref().unwrap_or_default(),
            )?;
        }
        let is_named = self.pack.as_ref().is_none_or(|name| !name.is_empty());
        InvalidSetting::unless(is_named, "pack", "the name of a pack, or left out")?;
        self.gpu.validate()?;
        self.batching.validate()?;
        self.liveness.validate()?;
        self.ingress.validate()?;
        self.admin.validate()?;
        for (key, address, tls) in [
            ("ingress.tls.certificate", Some(&self.listen), &self.ingress.tls),
            ("admin.tls.certificate", self.admin.listen.as_ref(), &self.admin.tls),
        ] {
            let is_file = matches!(address, Some(ListenAddress::Unix(_)));
            InvalidSetting::unless(
                !is_file || tls.certificate.is_none(),
                key,
                "left out where the listener is a Unix socket, which carries plain HTTP",
            )?;
        }
        self.telemetry.validate()?;
        Ok(self.accounts.validate()?)
    }

    /// The settings of the accounts store, with a relative file in `home`.
    #[must_use]
    pub fn accounts_in(&self, home: &Home) -> accounts::Config {
        let mut accounts = self.accounts.clone();
        accounts.database = home.root().join(&accounts.database);
        accounts
    }
}

/// Warnings about files with secrets that other users can read: the configuration, and the
/// accounts'.
#[must_use]
pub fn exposed_secrets(layers: &Layers, accounts: &accounts::Config) -> Vec<String> {
    let files = accounts.secret_files();
    files.iter().map(PathBuf::as_path).chain(layers.secret_file()).filter_map(exposure).collect()
}

/// A warning if users other than its owner can read a file with a secret.
#[cfg(unix)]
#[must_use]
pub fn exposure(file: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(file).ok()?.permissions().mode() & 0o777;
    let file = file.display();
    (mode & 0o077 != 0).then(|| {
        format!(
            "{file} holds secrets and others can read or write it (mode {mode:o}): chmod 600 {file}"
        )
    })
}

/// Other systems have no permissions of this kind.
#[cfg(not(unix))]
#[must_use]
pub fn exposure(_: &Path) -> Option<String> {
    None
}

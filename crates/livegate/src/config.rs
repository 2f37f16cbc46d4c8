//! The configuration: one file, variables over it, flags over those.

mod batching;
mod layers;
mod show;

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use liveness::InvalidSetting;
use model_pack::Home;
use serde::{Deserialize, Serialize};

pub(crate) use self::batching::Batching;
pub(crate) use self::layers::{Layers, Origin};
pub(crate) use self::show::run;
use crate::device::DeviceChoice;

/// All that can be configured.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Model pack; without one, the best that is installed.
    pub pack: Option<String>,
    /// What models run on.
    pub device: DeviceChoice,
    /// Worker threads; without a number, one per core (`batching.workers_per_core` on a GPU), or as many as there is memory for.
    pub workers: Option<NonZeroUsize>,
    /// How models are run on NVIDIA GPUs.
    pub gpu: Gpu,
    /// How pictures are put together on a GPU.
    pub batching: Batching,
    /// What a picture must be like.
    pub liveness: liveness::Settings,
    /// The service.
    pub ingress: ingress::Config,
    /// The listener for those who run it.
    pub admin: ingress::AdminConfig,
    /// What it tells of its work.
    pub telemetry: Telemetry,
    /// Who may call.
    pub accounts: accounts::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 8080).into(),
            pack: None,
            device: DeviceChoice::default(),
            workers: None,
            gpu: Gpu::default(),
            batching: Batching::default(),
            liveness: liveness::Settings::default(),
            ingress: ingress::Config::default(),
            admin: ingress::AdminConfig::default(),
            telemetry: Telemetry::default(),
            accounts: accounts::Config::default(),
        }
    }
}

/// How models are run on NVIDIA GPUs, for the devices `cuda` and `tensorrt`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Gpu {
    /// The numbers, from 0, that CUDA gives the cards to use.
    pub cards: Vec<u32>,
    /// Whether TensorRT may use 16-bit floats. A pack must reproduce its golden vectors all the same.
    pub fp16: bool,
}

impl Default for Gpu {
    fn default() -> Self {
        Self { cards: vec![0], fp16: false }
    }
}

impl Gpu {
    /// More cards than any machine has; CUDA counts in a signed number of 32 bits.
    const MOST_CARDS: u32 = 64;

    fn validate(&self) -> Result<(), InvalidSetting> {
        let Self { cards, fp16: _ } = self;
        let is_twice = (1..cards.len()).any(|at| cards[..at].contains(&cards[at]));
        let are_possible = cards.iter().all(|card| *card < Self::MOST_CARDS);
        InvalidSetting::unless(
            !cards.is_empty() && !is_twice && are_possible,
            "gpu.cards",
            "numbers of cards from 0 to 63, at least one, none twice",
        )
    }

    /// Each card, with the engines of TensorRT kept in `home`.
    pub(crate) fn cards_in(&self, home: &Home) -> Vec<onnx::Card> {
        let card = |index: &u32| onnx::Card {
            index: *index,
            engines: Some(home.root().join("engines")),
            fp16: self.fp16,
        };
        self.cards.iter().map(card).collect()
    }

    /// `runtime` with its models on the first card, where it has any on one.
    pub(crate) fn first_card(&self, runtime: &onnx::Runtime, home: &Home) -> onnx::Runtime {
        let first = self.cards_in(home).into_iter().next().unwrap_or_default();
        runtime.on_card(first)
    }
}

/// What the service tells of its work, beside metrics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Telemetry {
    /// How lines of the log are written.
    pub log_format: LogFormat,
    /// Where traces go, by OTLP over HTTP; without one they go nowhere. `/v1/traces` is added to it.
    pub otlp_endpoint: Option<String>,
    /// The share of requests that are traced, of those that bring no decision of their own (`traceparent`).
    pub sample_ratio: f64,
}

/// How lines of the log are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line.
    Json,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { log_format: LogFormat::default(), otlp_endpoint: None, sample_ratio: 1.0 }
    }
}

impl Telemetry {
    fn validate(&self) -> Result<(), InvalidSetting> {
        let is_url = |url: &String| {
            let has_scheme = url.starts_with("http://") || url.starts_with("https://");
            has_scheme && url.parse::<ureq::http::Uri>().is_ok_and(|url| url.host().is_some())
        };
        InvalidSetting::unless(
            self.otlp_endpoint.as_ref().is_none_or(is_url),
            "telemetry.otlp_endpoint",
            "an http:// or https:// URL, or left out",
        )?;
        InvalidSetting::unless(
            (0.0..=1.0).contains(&self.sample_ratio),
            "telemetry.sample_ratio",
            "from 0 to 1",
        )
    }
}

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration {} cannot be read", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    /// Not TOML, a key that nobody knows, or a value of the wrong kind. Without the line itself, which
    /// may hold a secret.
    #[error("the configuration {} is wrong in line {line}: {what}", path.display())]
    Parse { path: PathBuf, line: usize, what: String },
    /// A variable or flag is not what its key can be.
    #[error("{origin} is wrong: {what}")]
    Overlay { origin: Origin, what: String },
    /// A variable of ours that nobody knows.
    #[error("the variable {name} means nothing here; `livegate config show` lists every key")]
    UnknownVariable { name: String },
    /// A flag for a key that nobody knows.
    #[error("--set {key}: there is no such key; `livegate config show` lists every key")]
    UnknownKey { key: String },
    /// A secret as a flag, where every user of the machine can read it.
    #[error("--set {key}: a secret does not belong on a command line, use {variable} or a file")]
    SecretFlag { key: String, variable: String },
    /// A value that cannot be.
    #[error(transparent)]
    Invalid(#[from] InvalidSetting),
    /// Accounts cannot be kept so.
    #[error(transparent)]
    Accounts(#[from] accounts::ConfigError),
}

impl Config {
    fn validate(&self) -> Result<(), ConfigError> {
        let is_named = self.pack.as_ref().is_none_or(|name| !name.is_empty());
        InvalidSetting::unless(is_named, "pack", "the name of a pack, or left out")?;
        self.gpu.validate()?;
        self.batching.validate()?;
        self.liveness.validate()?;
        self.ingress.validate()?;
        self.admin.validate()?;
        self.telemetry.validate()?;
        Ok(self.accounts.validate()?)
    }

    /// Where accounts are kept, with a relative file taken to be in `home`.
    pub(crate) fn accounts_in(&self, home: &Home) -> accounts::Config {
        let mut accounts = self.accounts.clone();
        accounts.database = home.root().join(&accounts.database);
        accounts
    }
}

/// A flag that stands for a key: the key, the flag's name, and what it was given.
pub(crate) struct Flag {
    pub key: &'static str,
    pub name: &'static str,
    pub value: Option<String>,
}

impl Flag {
    pub(crate) fn new(
        key: &'static str,
        name: &'static str,
        value: Option<&impl ToString>,
    ) -> Self {
        Self { key, name, value: value.map(ToString::to_string) }
    }
}

/// Says which files with secrets others on this machine can read: those of the accounts, and the
/// configuration itself.
pub(crate) fn exposed_secrets(layers: &Layers, accounts: &accounts::Config) -> Vec<String> {
    let files = accounts.secret_files();
    files.iter().map(PathBuf::as_path).chain(layers.secret_file()).filter_map(exposure).collect()
}

/// Whether others than its owner can read a file with a secret, in words.
#[cfg(unix)]
pub(crate) fn exposure(file: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(file).ok()?.permissions().mode() & 0o777;
    let file = file.display();
    (mode & 0o077 != 0).then(|| {
        format!(
            "{file} holds secrets and others can read or write it (mode {mode:o}): chmod 600 {file}"
        )
    })
}

/// Permissions are not as simple elsewhere.
#[cfg(not(unix))]
pub(crate) fn exposure(_: &Path) -> Option<String> {
    None
}

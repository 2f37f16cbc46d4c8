//! File, variables and flags laid over each other, and the origin of each value.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use toml::{Table, Value};

use super::keys::{Key, find, keys};
use super::{Config, ConfigError};

/// The configuration: a file, `LIVEGATE_*` variables over it, flags over those. The variable of a
/// key is its name in capitals: `LIVEGATE_INGRESS_THRESHOLD` is `ingress.threshold`.
#[derive(Args)]
#[expect(missing_debug_implementations, reason = "`set` may hold a secret in the wrong place")]
pub struct Settings {
    /// Configuration file (TOML).
    #[arg(long, env = "LIVEGATE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Set this key of the configuration; may be repeated. `livegate config show` lists them.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub set: Vec<(String, String)>,
}

fn key_and_value(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("it is KEY=VALUE")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

/// The flag `--KEY`, which stands for a key.
#[derive(Debug)]
pub struct Flag(&'static str, Option<String>);

impl Flag {
    /// The flag for `key`, with its value on the command line.
    #[must_use]
    pub fn new(key: &'static str, value: Option<&impl ToString>) -> Self {
        Self(key, value.map(ToString::to_string))
    }
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Origin {
    /// No layer set it.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// A variable, by its name.
    Variable(String),
    /// A flag, by its name.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => path.display().fmt(f),
            Self::Variable(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// Variables that stand for no key: those of flags, then two that only variables set, and the one
/// that tests read.
pub const OTHER_VARIABLES: [&str; 10] = [
    "LIVEGATE_HOME",
    "LIVEGATE_ONNXRUNTIME",
    "LIVEGATE_CONFIG",
    "LIVEGATE_FROM",
    "LIVEGATE_OFFLINE",
    "LIVEGATE_MIRROR",
    "LIVEGATE_DEMO_APP_ID",
    "LIVEGATE_DEMO_APP_KEY",
    "LIVEGATE_LOG",
    "LIVEGATE_TEST_HOME",
];

/// The values that were set, and the origin of each. Other keys have their defaults.
#[derive(Default)]
#[expect(missing_debug_implementations, reason = "it holds secrets")]
pub struct Layers {
    table: Table,
    /// `table` as the configuration, before its ranges are checked.
    config: Config,
    origins: BTreeMap<&'static str, Origin>,
    /// The file, if it holds a secret, even one that another layer replaces.
    secret_file: Option<PathBuf>,
}

impl Layers {
    /// Reads the file that is named, if any, then `LIVEGATE_*`, then the flags.
    ///
    /// # Errors
    /// The first value that is not of its key's type, and the first key that does not exist.
    pub fn load(settings: &Settings, flags: &[Flag]) -> Result<Self, ConfigError> {
        let mut layers = Self::default();
        if let Some(path) = &settings.config {
            layers.add_file(path)?;
        }
        layers.add_variables(std::env::vars_os())?;
        let known = |path: &str| find(path).ok_or_else(|| ConfigError::UnknownKey(path.to_owned()));
        for Flag(key, value) in flags {
            if let Some(value) = value {
                layers.add(known(key)?, value, Origin::Flag(format!("--{key}")))?;
            }
        }
        for (path, value) in &settings.set {
            let key = known(path)?;
            if key.is_secret {
                return Err(ConfigError::SecretFlag(path.clone(), key.variable()));
            }
            layers.add(key, value, Origin::Flag(format!("--set {path}")))?;
        }
        Ok(layers)
    }

    /// The configuration that all layers give together, checked.
    ///
    /// # Errors
    /// The first value that is out of its range or contradicts another.
    pub fn config(&self) -> Result<Config, ConfigError> {
        self.config.validate()?;
        Ok(self.config.clone())
    }

    /// The file, if it holds a secret.
    #[must_use]
    pub fn secret_file(&self) -> Option<&Path> {
        self.secret_file.as_deref()
    }

    /// Where the value of `key` came from.
    #[must_use]
    pub fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or(Origin::Default)
    }

    fn add_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::Read(path.to_owned(), error))?;
        let wrong = |error: toml::de::Error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = 1 + text[..start].matches('\n').count();
            ConfigError::Parse(path.to_owned(), line, without_value(&error))
        };
        self.config = toml::from_str(&text).map_err(wrong)?;
        self.table = toml::from_str(&text).map_err(wrong)?;
        let settings = serde_json::to_value(&self.table).unwrap_or_default();
        for key in keys().iter().filter(|key| key.value_in(&settings).is_some()) {
            self.origins.insert(&key.path, Origin::File(path.to_owned()));
            if key.is_secret {
                self.secret_file = Some(path.to_owned());
            }
        }
        Ok(())
    }

    fn add_variables(
        &mut self,
        variables: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<(), ConfigError> {
        for (name, value) in variables {
            let Ok(name) = name.into_string() else { continue };
            let is_other = !name.starts_with("LIVEGATE_") || OTHER_VARIABLES.contains(&&*name);
            // An empty variable is an unset one: files of variables list keys that keep their
            // default.
            if is_other || value.is_empty() {
                continue;
            }
            let Ok(value) = value.into_string() else {
                let what = "it is no UTF-8 text".to_owned();
                return Err(ConfigError::Overlay(Origin::Variable(name), what));
            };
            match keys().iter().find(|key| key.variable() == name) {
                Some(key) => self.add(key, &value, Origin::Variable(name))?,
                None if is_of_an_orchestrator(&name, &value) => {}
                None => return Err(ConfigError::UnknownVariable(name)),
            }
        }
        Ok(())
    }

    /// Sets `key` to `text`, a value in TOML. A text needs no quotes, and a secret is taken as it
    /// is.
    fn add(&mut self, key: &'static Key, text: &str, origin: Origin) -> Result<(), ConfigError> {
        let literal = toml::from_str::<Table>(&format!("value = {text}")).ok();
        let value = literal
            .filter(|table| table.len() == 1 && !key.is_secret)
            .and_then(|mut table| table.remove("value"))
            .filter(|value| value.is_str() || !key.is_text())
            .unwrap_or_else(|| Value::String(text.to_owned()));
        put(&mut self.table, &key.path, value);
        let wrong = |error| ConfigError::Overlay(origin.clone(), without_value(&error));
        self.config = self.table.clone().try_into().map_err(wrong)?;
        self.origins.insert(&key.path, origin);
        Ok(())
    }
}

/// The reason of `error`, without the value: it may be a secret in the wrong place.
fn without_value(error: &toml::de::Error) -> String {
    let message = error.message();
    let tells_it = ["invalid type", "invalid value", "unknown variant"];
    match message.rsplit_once(", expected ") {
        Some((_, expected)) if tells_it.iter().any(|telling| message.starts_with(telling)) => {
            format!("expected {expected}")
        }
        _ => message.to_owned(),
    }
}

/// Whether Kubernetes sets this variable for a service called `livegate` or `livegate-*`. Its
/// variables have the names that Docker's links had.
fn is_of_an_orchestrator(name: &str, value: &str) -> bool {
    let is_url = value.contains("://");
    let is_number = |text: &str| text.parse::<u16>().is_ok();
    // Of a port with a name; the name may be like any of those below.
    if name.contains("_SERVICE_PORT_") {
        return true;
    }
    match name.split('_').collect::<Vec<_>>()[..] {
        [.., "SERVICE", "HOST" | "PORT"] => true,
        [.., "PORT", port, "TCP" | "UDP" | "SCTP", "PROTO" | "PORT" | "ADDR"] => is_number(port),
        [.., "PORT", port, "TCP" | "UDP" | "SCTP"] => is_url && is_number(port),
        [.., "PORT"] => is_url,
        _ => false,
    }
}

fn put(table: &mut Table, path: &str, value: Value) {
    let Some((parent, rest)) = path.split_once('.') else {
        table.insert(path.to_owned(), value);
        return;
    };
    // A parent that is no table was refused with its file.
    if let Value::Table(table) = table.entry(parent).or_insert_with(|| Table::new().into()) {
        put(table, rest, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_variables(variables: &[(&str, &str)]) -> Result<Layers, ConfigError> {
        let mut layers = Layers::default();
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
        layers.add_variables(variables).map(|()| layers)
    }

    #[test]
    fn every_key_has_a_variable_of_its_own() {
        let mut variables: Vec<String> = keys().iter().map(Key::variable).collect();
        variables.extend(OTHER_VARIABLES.map(str::to_owned));
        let count = variables.len();
        variables.sort();
        variables.dedup();
        assert_eq!(variables.len(), count);
    }

    #[test]
    fn variables_set_every_kind_of_value() {
        let layers = of_variables(&[
            ("LIVEGATE_LISTEN", "127.0.0.1:1"),
            ("LIVEGATE_PACK", "7"),
            ("LIVEGATE_WORKERS", "3"),
            ("LIVEGATE_GPU_CARDS", "[0, 2]"),
            ("LIVEGATE_GPU_FP16", "true"),
            ("LIVEGATE_INGRESS_THRESHOLD", "0.25"),
            ("LIVEGATE_INGRESS_CORS_ALLOWED_ORIGINS", "['https://a', \"http://b:1\"]"),
            ("LIVEGATE_INGRESS_RESPONSE_CODES_LIVE", "-5"),
            ("LIVEGATE_INGRESS_RATE_LIMITED_STATUS", "403"),
            ("LIVEGATE_ACCOUNTS_BACKEND", "valkey"),
            ("LIVEGATE_ACCOUNTS_VALKEY_PASSWORD", "\"12"),
            ("LIVEGATE_ACCOUNTS_VALKEY_USER", ""),
            ("LIVEGATE_SERVICE_HOST", "10.0.0.1"),
            ("LIVEGATE_SERVICE_PORT_HTTP", "80"),
            ("LIVEGATE_SERVICE_PORT_HTTP_PORT", "80"),
            ("LIVEGATE_ADMIN_SERVICE_PORT_80_TCP", "80"),
            ("LIVEGATE_PORT", "tcp://10.0.0.1:80"),
            ("LIVEGATE_PORT_80_TCP", "tcp://10.0.0.1:80"),
            ("LIVEGATE_PORT_80_TCP_PORT", "80"),
            ("LIVEGATE_VALKEY_PORT_6379_TCP_ADDR", "10.0.0.1"),
            ("OTHER", "x"),
        ])
        .unwrap();
        let origin = layers.origin("ingress.threshold");
        assert_eq!(origin, Origin::Variable("LIVEGATE_INGRESS_THRESHOLD".into()));
        assert_eq!(layers.origin("device"), Origin::Default);
        let config = layers.config().unwrap();
        assert_eq!(config.listen, "127.0.0.1:1".parse().unwrap());
        assert_eq!(config.pack.as_deref(), Some("7"));
        assert_eq!(config.workers.map(std::num::NonZero::get), Some(3));
        assert_eq!((config.gpu.cards, config.gpu.fp16), (vec![0, 2], true));
        assert_eq!(config.ingress.threshold.get(), 0.25);
        assert_eq!(config.ingress.cors_allowed_origins, ["https://a", "http://b:1"]);
        assert_eq!(config.ingress.response_codes.live, -5);
        assert_eq!(config.accounts.valkey.user, None);
        let password = config.accounts.valkey.password.unwrap();
        assert_eq!(secrecy::ExposeSecret::expose_secret(&password), "\"12");
    }

    #[test]
    fn an_unknown_variable_or_an_impossible_value_is_refused_by_name() {
        for (name, value, because) in [
            ("LIVEGATE_INGRES_THRESHOLD", "0.5", "means nothing here"),
            ("LIVEGATE_INGRESS", "{}", "means nothing here"),
            ("LIVEGATE_INGRESS_THRESHOLD", "1.5", "from 0 to 1"),
            ("LIVEGATE_INGRESS_THRESHOLD", "0.5\nlisten = 1", "expected f64"),
            ("LIVEGATE_PORT", "9090", "means nothing here"),
            ("LIVEGATE_LISTEN_PORT", "9090", "means nothing here"),
            ("LIVEGATE_PORT_80_TCP", "9090", "means nothing here"),
            ("LIVEGATE_WORKERS", "0", "nonzero"),
            ("LIVEGATE_GPU_CARDS", "0", "expected a sequence"),
            ("LIVEGATE_GPU_CARDS", "[-1]", "expected u32"),
            ("LIVEGATE_DEVICE", "gpu", "`cpu`, `openvino`, `cuda`, `tensorrt`, `auto`"),
        ] {
            let error = of_variables(&[(name, value)]).err().unwrap().to_string();
            assert!(error.contains(name) && error.contains(because), "{error}");
        }
    }
}

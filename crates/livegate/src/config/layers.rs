//! File, variables and flags laid over each other, with where each value came from.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use toml::{Table, Value};

use super::{Config, ConfigError, Flag};
use crate::cli::{Cli, Settings};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    File(PathBuf),
    Variable(String),
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

/// What is never shown, and never taken from a flag.
const SECRETS: [&str; 1] = ["accounts.valkey.password"];

/// Variables that are no flags and no keys of the configuration; the last is the tests'.
const OTHER_VARIABLES: [&str; 3] = ["LIVEGATE_LOG", "LIVEGATE_DEMO_APP_KEY", "LIVEGATE_TEST_HOME"];

/// What was set, and where. What was not set is the default.
// Without `Debug`: there are secrets in it.
#[derive(Default)]
pub(crate) struct Layers {
    table: Table,
    origins: BTreeMap<String, Origin>,
    /// The file, if a secret is in it: also one that does not count.
    secret_file: Option<PathBuf>,
}

impl Layers {
    /// Reads the file that is named, if any, then `LIVEGATE_*`, then the flags.
    pub(crate) fn load(settings: &Settings, flags: &[Flag]) -> Result<Self, ConfigError> {
        let mut layers = Self::default();
        if let Some(path) = &settings.config {
            layers.add_file(path)?;
        }
        layers.add_variables(std::env::vars_os())?;
        for flag in flags {
            if let Some(value) = &flag.value {
                layers.add(flag.key, value, Origin::Flag(flag.name.to_owned()))?;
            }
        }
        let keys = keys();
        for (key, value) in &settings.set {
            if !keys.contains_key(key) {
                return Err(ConfigError::UnknownKey { key: key.clone() });
            }
            if SECRETS.contains(&key.as_str()) {
                let variable = variable_of(key);
                return Err(ConfigError::SecretFlag { key: key.clone(), variable });
            }
            layers.add(key, value, Origin::Flag(format!("--set {key}")))?;
        }
        Ok(layers)
    }

    /// All of it as the configuration, checked.
    pub(crate) fn config(&self) -> Result<Config, ConfigError> {
        // Each part was tried when it was added.
        let config: Config = self.table.clone().try_into().map_err(|error| {
            let (origin, what) = (Origin::Default, what_is_wrong(&error));
            ConfigError::Overlay { origin, what }
        })?;
        config.validate()?;
        Ok(config)
    }

    /// The file, if a secret is in it.
    pub(crate) fn secret_file(&self) -> Option<&Path> {
        self.secret_file.as_deref()
    }

    /// Where the value of `key` came from.
    pub(crate) fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or(Origin::Default)
    }

    fn add_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let wrong = |error: toml::de::Error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = 1 + text[..start].matches('\n').count();
            ConfigError::Parse { path: path.to_owned(), line, what: what_is_wrong(&error) }
        };
        // What its values are together is checked with those of variables and flags.
        let _: Config = toml::from_str(&text).map_err(wrong)?;
        self.table = toml::from_str(&text).map_err(wrong)?;
        if SECRETS.iter().any(|key| lookup(&self.table, key).is_some()) {
            self.secret_file = Some(path.to_owned());
        }
        for key in keys().into_keys() {
            if lookup(&self.table, &key).is_some() {
                self.origins.insert(key, Origin::File(path.to_owned()));
            }
        }
        Ok(())
    }

    fn add_variables(
        &mut self,
        variables: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<(), ConfigError> {
        let keys: BTreeMap<String, String> =
            keys().into_keys().map(|key| (variable_of(&key), key)).collect();
        let others = other_variables();
        for (name, value) in variables {
            let Ok(name) = name.into_string() else { continue };
            // An empty one is none: files of variables have them for what is left at its default.
            if !name.starts_with("LIVEGATE_") || value.is_empty() || others.contains(&name) {
                continue;
            }
            let Ok(value) = value.into_string() else {
                let (origin, what) = (Origin::Variable(name), "it is no UTF-8 text".to_owned());
                return Err(ConfigError::Overlay { origin, what });
            };
            match keys.get(&name) {
                Some(key) => self.add(key, &value, Origin::Variable(name))?,
                None if is_of_an_orchestrator(&name, &value) => {}
                None => return Err(ConfigError::UnknownVariable { name }),
            }
        }
        Ok(())
    }

    /// Sets `key` to what `text` says in TOML; quotes around a text may be left out.
    fn add(&mut self, key: &str, text: &str, origin: Origin) -> Result<(), ConfigError> {
        let is_secret = SECRETS.contains(&key);
        let literal = toml::from_str::<Table>(&format!("value = {text}"))
            .ok()
            .filter(|table| table.len() == 1 && !is_secret)
            .and_then(|mut table| table.remove("value"));
        let mut refused = None;
        for value in literal.into_iter().chain([Value::String(text.to_owned())]) {
            let mut table = self.table.clone();
            put(&mut table, key, value);
            match table.clone().try_into::<Config>() {
                Ok(_) => {
                    self.table = table;
                    self.origins.insert(key.to_owned(), origin);
                    return Ok(());
                }
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        let what = refused
            .filter(|_| !is_secret)
            .map_or_else(|| "a secret is a text".to_owned(), |error| what_is_wrong(&error));
        Err(ConfigError::Overlay { origin, what })
    }
}

/// Every key, dotted, with its default.
pub(crate) fn keys() -> BTreeMap<String, serde_json::Value> {
    leaves(&Config::default())
}

/// Every key of `config`, dotted, with its value.
pub(crate) fn leaves(config: &Config) -> BTreeMap<String, serde_json::Value> {
    fn collect(
        path: &str,
        value: serde_json::Value,
        leaves: &mut BTreeMap<String, serde_json::Value>,
    ) {
        match value {
            serde_json::Value::Object(fields) => {
                for (name, value) in fields {
                    let dot = if path.is_empty() { "" } else { "." };
                    collect(&format!("{path}{dot}{name}"), value, leaves);
                }
            }
            value => {
                leaves.insert(path.to_owned(), value);
            }
        }
    }
    let mut all = BTreeMap::new();
    let value = serde_json::to_value(config).expect("a configuration is texts and numbers");
    collect("", value, &mut all);
    all
}

/// The variable that stands for `key`.
pub(crate) fn variable_of(key: &str) -> String {
    format!("LIVEGATE_{}", key.replace('.', "_").to_uppercase())
}

/// Variables that stand for flags which are no keys of the configuration, and the few others.
fn other_variables() -> BTreeSet<String> {
    fn collect(command: &clap::Command, names: &mut BTreeSet<String>) {
        let variables = command.get_arguments().filter_map(clap::Arg::get_env);
        names.extend(variables.map(|name| name.to_string_lossy().into_owned()));
        for command in command.get_subcommands() {
            collect(command, names);
        }
    }
    let mut names = OTHER_VARIABLES.map(str::to_owned).into();
    collect(&Cli::command(), &mut names);
    names
}

/// What is wrong, without the value that is: it may be a secret in the wrong place.
fn what_is_wrong(error: &toml::de::Error) -> String {
    let message = error.message();
    let tells_it = ["invalid type", "invalid value", "unknown variant"];
    match message.rsplit_once(", expected ") {
        Some((_, expected)) if tells_it.iter().any(|telling| message.starts_with(telling)) => {
            format!("expected {expected}")
        }
        _ => message.to_owned(),
    }
}

/// Whether Kubernetes sets this for a service called `livegate` or `livegate-something`: its variables
/// are like those that Docker's links had.
fn is_of_an_orchestrator(name: &str, value: &str) -> bool {
    let is_url = value.contains("://");
    let is_of_a_port = name.split("_PORT_").nth(1).is_some_and(|rest| {
        let mut parts = rest.split('_');
        let is_number = parts.next().is_some_and(|n| n.parse::<u16>().is_ok());
        let is_protocol = parts.next().is_some_and(|p| ["TCP", "UDP", "SCTP"].contains(&p));
        let is_detail = parts.next().map_or(is_url, |p| ["PROTO", "PORT", "ADDR"].contains(&p));
        is_number && is_protocol && is_detail
    });
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || (name.ends_with("_PORT") && is_url)
        || is_of_a_port
}

fn lookup<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    let (parents, name) = key.rsplit_once('.').unwrap_or(("", key));
    let mut parents = parents.split('.').filter(|parent| !parent.is_empty());
    parents.try_fold(table, |table, parent| table.get(parent)?.as_table())?.get(name)
}

fn put(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((parent, rest)) => {
            let inner = table.entry(parent).or_insert_with(|| Value::Table(Table::new()));
            // Whatever else is there did not pass as a configuration.
            if let Value::Table(inner) = inner {
                put(inner, rest, value);
            }
        }
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
        let keys = keys();
        let mut variables: Vec<String> = keys.keys().map(|key| variable_of(key)).collect();
        variables.extend(other_variables());
        let count = variables.len();
        variables.sort();
        variables.dedup();
        assert_eq!(variables.len(), count);
        assert!(keys.contains_key("accounts.valkey.password") && keys.contains_key("pack"));
        for secret in SECRETS {
            assert!(keys.contains_key(secret), "{secret}");
        }
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
            ("LIVEGATE_PORT", "tcp://10.0.0.1:80"),
            ("LIVEGATE_PORT_80_TCP", "tcp://10.0.0.1:80"),
            ("LIVEGATE_VALKEY_PORT_6379_TCP_ADDR", "10.0.0.1"),
            ("OTHER", "x"),
        ])
        .unwrap();
        let origin = layers.origin("ingress.threshold");
        assert_eq!(origin, Origin::Variable("LIVEGATE_INGRESS_THRESHOLD".into()));
        assert_eq!(layers.origin("device"), Origin::Default);
        let config = layers.config().unwrap();
        assert_eq!(config.listen.port(), 1);
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

    /// With the lines that are comments only because a key has no default.
    #[test]
    fn the_documented_example_has_every_key_and_is_the_defaults() {
        let example = include_str!("../../../../deploy/livegate.example.toml");
        let config: Config = toml::from_str(example).unwrap();
        assert_eq!(leaves(&config), keys());
        let is_setting = |line: &&str| line.starts_with("# ") && line.contains(" = ");
        let shown = |line: &str| line.strip_prefix("# ").unwrap_or(line).to_owned();
        let uncomment = |line| if is_setting(&line) { shown(line) } else { line.to_owned() };
        let full: Vec<String> = example.lines().map(uncomment).collect();
        let full: Table = toml::from_str(&full.join("\n")).unwrap();
        let secret = "accounts.valkey.password";
        for key in keys().keys().filter(|key| *key != secret) {
            assert!(lookup(&full, key).is_some(), "{key} is not in the example");
        }
        full.try_into::<Config>().unwrap();
    }

    #[test]
    fn what_means_nothing_or_cannot_be_is_refused_by_name() {
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
            ("LIVEGATE_DEVICE", "gpu", "`openvino`, `cuda`, `tensorrt`, `auto`"),
        ] {
            let error = of_variables(&[(name, value)]).err().unwrap().to_string();
            assert!(error.contains(name) && error.contains(because), "{error}");
        }
    }
}

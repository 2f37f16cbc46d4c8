//! What may be set about accounts.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

/// What may be set about accounts.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where they are kept.
    pub backend: Backend,
    /// The file, for [`Backend::Sqlite`]; relative to the directory that everything is installed into.
    pub database: PathBuf,
    /// The server, for [`Backend::Valkey`].
    pub valkey: ValkeyConfig,
    /// What happens to requests while the store cannot be reached.
    pub when_unavailable: WhenUnavailable,
}

/// Where accounts are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// A file on this machine: one replica, or several on one machine.
    #[default]
    Sqlite,
    /// A Valkey or Redis server: replicas on several machines with one quota.
    Valkey,
}

/// What happens to requests while the store cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenUnavailable {
    /// They are refused.
    #[default]
    Refuse,
    /// Apps that were known when it was last reached are served without limits, and what they use is
    /// counted when it is back.
    Serve,
}

/// How a Valkey or Redis server is reached.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ValkeyConfig {
    /// `redis://HOST:PORT/DB` or, over TLS, `rediss://HOST:PORT/DB`. No password in it: URLs end up in
    /// logs.
    pub url: String,
    /// The user to log in as; without one, the server's default user.
    pub user: Option<String>,
    /// The password.
    #[serde(serialize_with = "redacted")]
    pub password: Option<SecretString>,
    /// A file that holds the password, as orchestrators hand out secrets; instead of `password`.
    pub password_file: Option<PathBuf>,
    /// What the names of all keys begin with: one server may keep several sets of accounts.
    pub key_prefix: String,
    /// Longest wait for the server, milliseconds.
    pub timeout_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            backend: Backend::default(),
            database: "accounts.db".into(),
            valkey: ValkeyConfig::default(),
            when_unavailable: WhenUnavailable::default(),
        }
    }
}

impl Default for ValkeyConfig {
    fn default() -> Self {
        Self {
            url: "redis://127.0.0.1:6379/0".into(),
            user: None,
            password: None,
            password_file: None,
            key_prefix: "livegate:".into(),
            timeout_ms: 1000,
        }
    }
}

/// What is shown instead of a secret.
pub const REDACTED: &str = "(not shown)";

#[expect(clippy::ref_option, reason = "serde calls it so")]
fn redacted<S: Serializer>(
    secret: &Option<SecretString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(|_| REDACTED).serialize(serializer)
}

/// The configuration names a store that cannot be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Not a URL that names a server.
    #[error("`accounts.valkey.url` must be redis://HOST:PORT/DB or rediss://HOST:PORT/DB")]
    Url,
    /// The password is in the URL.
    #[error(
        "`accounts.valkey.url` must not hold a user or a password: use `accounts.valkey.user` and \
         `accounts.valkey.password_file`"
    )]
    PasswordInUrl,
    /// Two passwords.
    #[error("set `accounts.valkey.password` or `accounts.valkey.password_file`, not both")]
    TwoPasswords,
    /// The password's file cannot be read.
    #[error("`accounts.valkey.password_file` {} cannot be read", path.display())]
    PasswordFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A number out of range.
    #[error("`accounts.valkey.timeout_ms` must be from 1 to 60000")]
    Timeout,
}

impl Config {
    /// Whether every setting can be what it is set to; no server is asked.
    ///
    /// # Errors
    /// The first that cannot.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.valkey.address()?;
        if self.valkey.password.is_some() && self.valkey.password_file.is_some() {
            return Err(ConfigError::TwoPasswords);
        }
        if !(1..=60_000).contains(&self.valkey.timeout_ms) {
            return Err(ConfigError::Timeout);
        }
        Ok(())
    }

    /// The files that hold secrets.
    #[must_use]
    pub fn secret_files(&self) -> Vec<PathBuf> {
        match self.backend {
            // SQLite keeps what is new in files beside it.
            Backend::Sqlite => ["", "-wal", "-shm"]
                .map(|suffix| {
                    let mut file = self.database.clone().into_os_string();
                    file.push(suffix);
                    file.into()
                })
                .into(),
            Backend::Valkey => self.valkey.password_file.iter().cloned().collect(),
        }
    }
}

impl ValkeyConfig {
    /// The server without user and password.
    pub(crate) fn address(&self) -> Result<redis::ConnectionInfo, ConfigError> {
        use redis::IntoConnectionInfo;
        // What the parser says may hold what it was given.
        let address = self.url.as_str().into_connection_info().map_err(|_| ConfigError::Url)?;
        // Parameters may be passwords too, and none is needed.
        if self.url.contains(['?', '#']) {
            return Err(ConfigError::Url);
        }
        let is_named = address.redis_settings().username().is_some();
        if is_named || address.redis_settings().password().is_some() {
            return Err(ConfigError::PasswordInUrl);
        }
        Ok(address)
    }

    /// The password, from wherever it is.
    pub(crate) fn password(&self) -> Result<Option<SecretString>, ConfigError> {
        let Some(path) = &self.password_file else {
            return Ok(self.password.clone());
        };
        let text = std::fs::read_to_string(path)
            .map(SecretString::from)
            .map_err(|source| ConfigError::PasswordFile { path: path.clone(), source })?;
        // Editors end files with a line break.
        Ok(Some(text.expose_secret().trim_end_matches(['\r', '\n']).into()))
    }
}

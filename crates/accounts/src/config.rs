//! Settings of the accounts store. The first paragraph of a field's comment is what operators read.

use std::path::PathBuf;

use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use smart_default::SmartDefault;

/// Where apps, their keys and their counts are kept.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Store of the accounts: `sqlite`, a file on this machine, or `valkey`, a server for replicas
    /// on several machines.
    pub backend: Backend,
    /// SQLite file, relative to the home directory.
    #[default("accounts.db".into())]
    pub database: PathBuf,
    /// Valkey or Redis server, for `accounts.backend = "valkey"`: a single primary, no cluster.
    pub valkey: ValkeyConfig,
    /// What happens to requests while the store cannot be reached. `refuse` answers 503
    /// `accounts_unavailable`; `serve` answers known apps without limits and counts them later.
    pub when_unavailable: WhenUnavailable,
}

/// Where accounts are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// A file on this machine: one replica, or several on one machine.
    #[default]
    Sqlite,
    /// A Valkey or Redis server: replicas on several machines with one quota.
    Valkey,
}

/// What happens to requests while the store cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenUnavailable {
    /// They are refused.
    #[default]
    Refuse,
    /// Apps that were known when the store was last reached are served without limits. Their
    /// requests are counted when the store is back.
    Serve,
}

/// How a Valkey or Redis server is reached.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct ValkeyConfig {
    /// URL of the server: `redis://HOST:PORT/DB`, or `rediss://HOST:PORT/DB` for TLS. It holds no
    /// password, because URLs end up in logs.
    #[default("redis://127.0.0.1:6379/0".into())]
    pub url: String,
    /// User to log in as. Default: the server's default user.
    #[schemars(example = &"livegate")]
    pub user: Option<String>,
    /// Password of the server. Set it by a file or a variable, never on a command line. Default:
    /// none.
    #[serde(serialize_with = "redacted")]
    #[schemars(with = "Option<String>", extend("writeOnly" = true), example = &"SECRET")]
    pub password: Option<SecretString>,
    /// File that holds the password, instead of `accounts.valkey.password`. Only the service's user
    /// may read it. Default: none.
    #[schemars(example = &"/run/secrets/valkey")]
    pub password_file: Option<PathBuf>,
    /// Prefix of every name in the server's database. One server can keep several sets of accounts.
    #[default("livegate:".into())]
    pub key_prefix: String,
    /// Time limit for each answer of the server, in milliseconds.
    #[schemars(range(min = 1, max = 60_000))]
    #[default = 1000]
    pub timeout_ms: u64,
    /// Certificates for `rediss://`.
    pub tls: ValkeyTls,
}

/// Certificates for a server with an authority of its own, or that asks clients for certificates.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ValkeyTls {
    /// PEM file of the authorities that may have signed the server's certificate. Default: the
    /// authorities that the system trusts.
    #[schemars(example = &"/etc/livegate/valkey-ca.crt")]
    pub ca: Option<PathBuf>,
    /// PEM file with this client's certificate and its intermediate certificates. All three files
    /// are read again for each new connection. Default: none.
    #[schemars(example = &"/etc/livegate/valkey-client.crt")]
    pub certificate: Option<PathBuf>,
    /// PEM file with the private key of the client's certificate. Default: none.
    #[schemars(example = &"/etc/livegate/valkey-client.key")]
    pub key: Option<PathBuf>,
}

impl ValkeyTls {
    fn is_set(&self) -> bool {
        self.ca.is_some() || self.certificate.is_some() || self.key.is_some()
    }

    fn validate(&self, is_tls: bool) -> Result<(), ConfigError> {
        if self.certificate.is_some() != self.key.is_some() {
            return Err(ConfigError::HalfOfPair);
        }
        if self.is_set() && !is_tls { Err(ConfigError::TlsWithoutUse) } else { Ok(()) }
    }

    /// What the files hold; `None` if none is set.
    pub(crate) fn read(&self) -> Result<Option<redis::TlsCertificates>, ConfigError> {
        const PEM: &[u8] = b"-----BEGIN CERTIFICATE-----";
        if !self.is_set() {
            return Ok(None);
        }
        let read =
            |key, path: &Option<PathBuf>| match path {
                None => Ok(None),
                Some(path) => std::fs::read(path)
                    .map(Some)
                    .map_err(|source| ConfigError::TlsFile { key, path: path.clone(), source }),
            };
        let certificate = read("certificate", &self.certificate)?;
        let root_cert = read("ca", &self.ca)?;
        // The library takes a file without a certificate as an empty list.
        for (key, pem) in [("ca", &root_cert), ("certificate", &certificate)] {
            let is_empty = |pem: &Vec<u8>| !pem.windows(PEM.len()).any(|text| text == PEM);
            if pem.as_ref().is_some_and(is_empty) {
                return Err(ConfigError::TlsContent(format!("`{key}` has no certificate in PEM")));
            }
        }
        let client_tls = certificate
            .zip(read("key", &self.key)?)
            .map(|(client_cert, client_key)| redis::ClientTlsConfig { client_cert, client_key });
        Ok(Some(redis::TlsCertificates { client_tls, root_cert }))
    }
}

/// Text that is shown instead of a secret.
pub const REDACTED: &str = "(not shown)";

#[expect(clippy::ref_option, reason = "serde calls it so")]
fn redacted<S: Serializer>(
    secret: &Option<SecretString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(|_| REDACTED).serialize(serializer)
}

/// The settings name no usable store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The URL names no server.
    #[error("`accounts.valkey.url` must be redis://HOST:PORT/DB or rediss://HOST:PORT/DB")]
    Url,
    /// The URL holds a user or a password.
    #[error(
        "`accounts.valkey.url` must not hold a user or a password: use `accounts.valkey.user` and \
         `accounts.valkey.password_file`"
    )]
    PasswordInUrl,
    /// Both a password and a file with one are set.
    #[error("set `accounts.valkey.password` or `accounts.valkey.password_file`, not both")]
    TwoPasswords,
    /// The file that holds the password cannot be read.
    #[error("`accounts.valkey.password_file` {} cannot be read", path.display())]
    PasswordFile {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// A certificate without a key, or a key without a certificate.
    #[error("set both `accounts.valkey.tls.certificate` and `accounts.valkey.tls.key`, or neither")]
    HalfOfPair,
    /// Certificates for a server that is not reached over TLS.
    #[error("`accounts.valkey.tls` needs `accounts.valkey.url` to begin with rediss://")]
    TlsWithoutUse,
    /// A file for TLS cannot be read.
    #[error("`accounts.valkey.tls.{key}` {} cannot be read", path.display())]
    TlsFile {
        /// The key's last part.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The files for TLS hold nothing usable.
    #[error("the files of `accounts.valkey.tls` cannot be used: {0}")]
    TlsContent(String),
}

impl Config {
    /// Checks that the settings agree with each other, without asking the server. The range of each
    /// is in its schema.
    ///
    /// # Errors
    /// The first setting that does not fit.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let address = self.valkey.address()?;
        let is_tls = matches!(address.addr(), redis::ConnectionAddr::TcpTls { .. });
        self.valkey.tls.validate(is_tls)?;
        if self.valkey.password.is_some() && self.valkey.password_file.is_some() {
            return Err(ConfigError::TwoPasswords);
        }
        Ok(())
    }

    /// The files that hold secrets.
    #[must_use]
    pub fn secret_files(&self) -> Vec<PathBuf> {
        match self.backend {
            // SQLite keeps recent changes in files beside the database.
            Backend::Sqlite => ["", "-wal", "-shm"]
                .map(|suffix| {
                    let mut file = self.database.clone().into_os_string();
                    file.push(suffix);
                    file.into()
                })
                .into(),
            Backend::Valkey => {
                let files = [&self.valkey.password_file, &self.valkey.tls.key];
                files.into_iter().flatten().cloned().collect()
            }
        }
    }
}

impl ValkeyConfig {
    /// Address of the server, without user and password.
    pub(crate) fn address(&self) -> Result<redis::ConnectionInfo, ConfigError> {
        use redis::IntoConnectionInfo;
        // The parser's own error may repeat the URL, and with it a password.
        let address = self.url.as_str().into_connection_info().map_err(|_| ConfigError::Url)?;
        // A parameter may be a password, and no parameter is needed.
        if self.url.contains(['?', '#']) {
            return Err(ConfigError::Url);
        }
        let is_named = address.redis_settings().username().is_some();
        if is_named || address.redis_settings().password().is_some() {
            return Err(ConfigError::PasswordInUrl);
        }
        Ok(address)
    }

    /// The password: from its file, if one is named.
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

//! Why a Valkey or Redis server cannot be used, and what an operator can do.

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Why a Valkey or Redis server cannot be used, and what an operator can do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerFault {
    /// The connection is refused.
    #[error("nothing listens there; start the server, or correct `accounts.valkey.url`")]
    NothingListens,
    /// The host's name has no address.
    #[error("its name has no address ({0}); correct `accounts.valkey.url`, or the name service")]
    UnknownHost(String),
    /// No answer within `accounts.valkey.timeout_ms`.
    #[error(
        "it does not answer within `accounts.valkey.timeout_ms`; see whether it hangs, or a \
         firewall is in the way"
    )]
    Silent,
    /// The connection broke, or another failure of the network.
    #[error("the connection fails ({0}); see the server's log")]
    Broken(String),
    /// TLS was asked for at a port without it.
    #[error(
        "it does not speak TLS there; write redis:// in `accounts.valkey.url`, or name its TLS port"
    )]
    PlainPort,
    /// TLS was not asked for at a port that needs it.
    #[error(
        "it speaks TLS there; write rediss:// in `accounts.valkey.url`, or name its plain port"
    )]
    TlsPort,
    /// The server's certificate is not trusted.
    #[error(
        "its certificate is not accepted ({0}); name its authority in `accounts.valkey.tls.ca`, \
         and in `accounts.valkey.url` a host that the certificate is for"
    )]
    Untrusted(String),
    /// The server wants a client certificate, or another one.
    #[error(
        "it does not accept this client's certificate ({0}); set \
         `accounts.valkey.tls.certificate` and `accounts.valkey.tls.key`"
    )]
    ClientRefused(String),
    /// The server spreads keys over several servers.
    #[error(
        "it runs in cluster mode, and accounts need a single primary; name a server with \
         `cluster-enabled no`"
    )]
    Cluster,
    /// The server copies another one and takes no writes.
    #[error("it is a read-only replica; name its primary in `accounts.valkey.url`")]
    ReadOnly,
    /// Scripts are refused.
    #[error(
        "it refuses scripts ({0}); allow EVAL, and give the user the rights in docs/OPERATIONS.md, \
         \"Where it is kept\""
    )]
    NoScripts(String),
    /// Another command or key is refused.
    #[error(
        "it refuses a command ({0}); give the user the rights in docs/OPERATIONS.md, \"Where it \
         is kept\""
    )]
    NotAllowed(String),
    /// The login is refused.
    #[error(
        "it refuses the login ({0}); correct `accounts.valkey.user` and \
         `accounts.valkey.password_file`"
    )]
    Login(String),
    /// No memory is left for writes.
    #[error("its memory is full; raise its `maxmemory`, or remove what else it keeps")]
    Full,
    /// The server cannot write to its disk, or has too few replicas, and takes no writes.
    #[error("it takes no writes ({0}); see its disk, its replicas and its log")]
    NoWrites(String),
    /// The server still reads its data.
    #[error("it still loads its data; wait for it")]
    Loading,
    /// Any other error.
    #[error("{0}")]
    Other(String),
}

impl ServerFault {
    pub(crate) fn of(error: &RedisError) -> Self {
        let text = error.to_string();
        if error.is_connection_refusal() {
            return Self::NothingListens;
        }
        if error.is_timeout() {
            return Self::Silent;
        }
        match error.kind() {
            ErrorKind::Io if is_alert_about_client(&text) => Self::ClientRefused(text),
            ErrorKind::Io if text.contains("invalid peer certificate") => Self::Untrusted(text),
            ErrorKind::Io if text.contains("lookup") => Self::UnknownHost(text),
            ErrorKind::Io | ErrorKind::Parse => Self::Broken(text),
            ErrorKind::AuthenticationFailed => Self::Login(text),
            _ => Self::of_answer(error, text),
        }
    }

    /// For errors that the server answered. A pipeline and a transaction have one for each command,
    /// of which the first tells enough.
    fn of_answer(error: &RedisError, text: String) -> Self {
        let errors = error.clone().into_server_errors();
        match errors.as_deref().and_then(<[_]>::first) {
            Some((_, first)) => match first.kind() {
                Some(kind) => Self::of_server(kind, first.to_string()),
                None => Self::of_code(first.to_string()),
            },
            None => Self::of_code(text),
        }
    }

    fn of_server(kind: ServerErrorKind, text: String) -> Self {
        match kind {
            ServerErrorKind::ReadOnly => Self::ReadOnly,
            ServerErrorKind::BusyLoading | ServerErrorKind::MasterDown => Self::Loading,
            ServerErrorKind::Moved
            | ServerErrorKind::Ask
            | ServerErrorKind::CrossSlot
            | ServerErrorKind::ClusterDown => Self::Cluster,
            ServerErrorKind::NoPerm if is_about_scripts(&text) => Self::NoScripts(text),
            ServerErrorKind::NoPerm => Self::NotAllowed(text),
            _ => Self::of_code(text),
        }
    }

    /// For codes that the library has no name for, and errors of a script's own commands, which
    /// older servers repeat in a text.
    fn of_code(text: String) -> Self {
        let has = |code: &str| text.contains(code);
        if has("OOM") {
            Self::Full
        } else if has("READONLY") {
            Self::ReadOnly
        } else if has("CROSSSLOT") || has("MOVED") {
            Self::Cluster
        } else if has("MISCONF") || has("NOREPLICAS") {
            Self::NoWrites(text)
        } else if has("NOAUTH") || has("WRONGPASS") {
            Self::Login(text)
        } else if has("unknown command") && is_about_scripts(&text) {
            Self::NoScripts(text)
        } else if has("NOPERM") || has("unknown command") || has("can't run this command") {
            Self::NotAllowed(text)
        } else {
            Self::Other(text)
        }
    }

    /// True if the server could be spoken to and refused a command.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::ReadOnly
                | Self::NoScripts(_)
                | Self::NotAllowed(_)
                | Self::Full
                | Self::NoWrites(_)
                | Self::Other(_)
        )
    }

    /// True if a client may get this error that speaks TLS to a plain port, or plain text to a TLS
    /// port.
    pub(crate) fn may_be_of_tls(&self) -> bool {
        matches!(self, Self::Silent | Self::Broken(_) | Self::Other(_))
    }

    /// The fault without host, path or user: callers may see it at `/readyz`.
    pub(crate) fn in_short(&self) -> &'static str {
        match self {
            Self::NothingListens | Self::UnknownHost(_) | Self::Silent | Self::Broken(_) => {
                "its server is not reached"
            }
            Self::PlainPort | Self::TlsPort | Self::Untrusted(_) | Self::ClientRefused(_) => {
                "its server is not reached over TLS"
            }
            Self::Cluster => "its server runs in cluster mode",
            Self::ReadOnly => "its server is a read-only replica",
            Self::NoScripts(_) => "its server refuses scripts",
            Self::NotAllowed(_) => "its server refuses a command",
            Self::Login(_) => "its server refuses the login",
            Self::Full => "its server's memory is full",
            Self::NoWrites(_) => "its server takes no writes",
            Self::Loading => "its server still loads its data",
            Self::Other(_) => "its server answers with an error",
        }
    }
}

/// True for the alerts with which servers refuse a missing or a wrong client certificate.
fn is_alert_about_client(text: &str) -> bool {
    let alerts = ["Certificate", "UnknownCA", "AccessDenied", "HandshakeFailure"];
    text.contains("fatal alert") && alerts.iter().any(|alert| text.contains(alert))
}

fn is_about_scripts(text: &str) -> bool {
    text.to_ascii_lowercase().contains("eval")
}

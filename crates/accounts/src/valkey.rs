//! Accounts on a Valkey or Redis server, for replicas on several machines.
//!
//! | key | value |
//! |---|---|
//! | `apps` | a hash: each app as JSON, by id |
//! | `version` | a number that grows whenever an app changes |
//! | `store` | the store's random id: a server without it is another one, or was emptied |
//! | `probe` | what a probe wrote last; it expires |
//! | `usage:APP` | a hash: counted requests by day (`2026-11-23`) and by month (`2026-11`) |
//! | `metered` | the set of apps that have usage |
//! | `holds:APP` | a sorted set: the app's holds, by the end of their lease |
//! | `bucket:APP` | when the app's token bucket will be full, microseconds; it expires then |
//! | `key_used` | a hash: when a key was last used, seconds, by app and digest |
//! | `outbox:PROCESS` | the sequence number of the process's last settlement |
//!
//! Holding quota and settling are one script each, which the server runs atomically. The scripts
//! compose key names, so a cluster that spreads keys over servers does not work. One primary with
//! replicas does.

mod durability;
mod keys;
mod round;
mod tls;

use std::collections::HashMap;
use std::time::Duration;

use redis::{Client, Commands, Connection, ConnectionAddr, ConnectionInfo, RedisError};
use secrecy::ExposeSecret;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use self::durability::{Info, wait_for_disk};
use self::keys::{Keys, use_of};
use crate::app::{ActiveKey, App};
use crate::config::{ConfigError, ValkeyConfig};
use crate::fault::ServerFault;
use crate::store::{DAY, Edit, Entry, LimitReached, Settlement, Store, StoreError, Usage, Version};

/// Lifetime of a probe's value, seconds.
const PROBE_LIFETIME_S: u64 = 60;

/// Writes as [`round`] does: by a script.
const PROBE: &str = "return redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])";

/// Accounts on a server.
pub(crate) struct Valkey {
    config: ValkeyConfig,
    connection: Option<Connection>,
    timeout: Duration,
    keys: Keys,
}

impl Valkey {
    pub(crate) fn connect(config: &ValkeyConfig) -> Result<Self, StoreError> {
        let mut store = Self {
            config: config.clone(),
            connection: None,
            timeout: Duration::from_millis(config.timeout_ms),
            keys: Keys { prefix: config.key_prefix.clone() },
        };
        // A server that needs another login refuses the first command.
        if let Err(error) = store.version() {
            return Err(store.with_tls_explained(error));
        }
        // Not every user may ask. A cluster then refuses the first round.
        let info = store.ask(|connection, _| Info::read(connection));
        if info.is_ok_and(|info| info.is_cluster()) {
            return Err(store.failure(ServerFault::Cluster));
        }
        Ok(store)
    }

    /// A client for `address`, with the login and the certificates as their files are now.
    fn client(&self, address: ConnectionInfo) -> Result<Client, StoreError> {
        let mut login = address.redis_settings().clone();
        if let Some(user) = &self.config.user {
            login = login.set_username(user);
        }
        if let Some(password) = self.config.password()? {
            login = login.set_password(password.expose_secret());
        }
        let address = address.set_redis_settings(login);
        let client = match self.config.tls.read()? {
            None => Client::open(address),
            Some(certificates) => Client::build_with_tls(address, certificates),
        };
        client.map_err(|error| ConfigError::TlsContent(error.to_string()).into())
    }

    fn fresh(&self) -> Result<Connection, StoreError> {
        let client = self.client(self.config.address()?)?;
        let connect = || {
            let connection = client.get_connection_with_timeout(self.timeout)?;
            connection.set_read_timeout(Some(self.timeout))?;
            connection.set_write_timeout(Some(self.timeout))?;
            Ok(connection)
        };
        connect().map_err(|error| self.error(&error))
    }

    fn error(&self, error: &RedisError) -> StoreError {
        self.failure(ServerFault::of(error))
    }

    fn failure(&self, fault: ServerFault) -> StoreError {
        let address = self.config.address();
        let address = address.map_or_else(|_| String::new(), |it| it.addr().to_string());
        StoreError::Server { address, fault }
    }

    /// `error`, or that client and server disagree about TLS: the server then answers nothing, or
    /// what no client understands. It is asked once more in the other way.
    fn with_tls_explained(&self, error: StoreError) -> StoreError {
        let StoreError::Server { fault, .. } = &error else { return error };
        let Ok(address) = self.config.address() else { return error };
        if !fault.may_be_of_tls() {
            return error;
        }
        let has_certificate = self.config.tls.certificate.is_some();
        match address.addr() {
            ConnectionAddr::TcpTls { host, port, .. }
                if tls::is_plain(host, *port, self.timeout) =>
            {
                self.failure(ServerFault::PlainPort)
            }
            ConnectionAddr::Tcp(host, port) if tls::is_tls(host, *port, self.timeout) => {
                self.failure(ServerFault::TlsPort)
            }
            ConnectionAddr::TcpTls { host, port, .. } => match fault {
                // The server's alert may be lost when it closes the connection.
                ServerFault::Broken(text)
                    if !has_certificate && tls::is_tls(host, *port, self.timeout) =>
                {
                    self.failure(ServerFault::ClientRefused(text.clone()))
                }
                _ => error,
            },
            _ => error,
        }
    }

    /// Runs a query that may be repeated. A connection that the server has closed is opened anew.
    fn ask<T>(
        &mut self,
        query: impl Fn(&mut Connection, &Keys) -> Result<T, RedisError>,
    ) -> Result<T, StoreError> {
        if let Some(mut connection) = self.connection.take() {
            match query(&mut connection, &self.keys) {
                Ok(reply) => {
                    self.connection = Some(connection);
                    return Ok(reply);
                }
                Err(error) if error.is_timeout() => return Err(self.error(&error)),
                Err(_) => {}
            }
        }
        let mut connection = self.fresh()?;
        let reply = query(&mut connection, &self.keys).map_err(|error| self.error(&error))?;
        self.connection = Some(connection);
        Ok(reply)
    }

    /// Changes apps on a connection of its own, and waits for the server's disk. If an app has
    /// changed meanwhile, `change` is called again. The outer error is the server's.
    fn change<T>(
        &mut self,
        mut change: impl FnMut(
            &mut Connection,
            &mut redis::Pipeline,
            &Keys,
        ) -> Result<Result<T, StoreError>, RedisError>,
    ) -> Result<T, StoreError> {
        let mut connection = self.fresh()?;
        let keys = self.keys.clone();
        let watched = [keys.named("apps")];
        let changed = redis::transaction(&mut connection, &watched, |connection, pipeline| {
            match change(connection, pipeline, &keys)? {
                Err(error) => Ok(Some(Err(error))),
                Ok(outcome) => {
                    pipeline.incr(keys.named("version"), 1).ignore();
                    pipeline.set_nx(keys.named("store"), Uuid::new_v4().to_string()).ignore();
                    let done: Option<()> = pipeline.query(connection)?;
                    Ok(done.map(|()| Ok(outcome)))
                }
            }
        });
        let outcome = changed.map_err(|error| self.error(&error))??;
        wait_for_disk(&mut connection, self.timeout);
        Ok(outcome)
    }
}

fn parse(text: &str) -> Result<App, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Damaged("a stored app cannot be parsed"))
}

/// The app in `text`, which is `None` if there is no such app.
fn stored(text: Option<&str>, app_id: &str) -> Result<App, StoreError> {
    parse(text.ok_or_else(|| StoreError::UnknownApp(app_id.to_owned()))?)
}

/// The keys of the app in `text`, and the edited app.
fn edited(
    text: Option<&str>,
    app_id: &str,
    edit: &mut Edit<'_>,
) -> Result<(Vec<ActiveKey>, App), StoreError> {
    let mut app = stored(text, app_id)?;
    let old_keys = app.keys.clone();
    edit(&mut app)?;
    Ok((old_keys, app))
}

/// The stored form of an app. The last uses of its keys are stored apart.
fn record_of(app: &App) -> String {
    let mut app = app.clone();
    for key in &mut app.keys {
        key.last_used_at = None;
    }
    serde_json::to_string(&app).expect("an app is text and numbers")
}

impl Store for Valkey {
    fn version(&mut self) -> Result<Version, StoreError> {
        let (changes, store): (Option<i64>, Option<String>) = self.ask(|connection, keys| {
            connection.mget(&[keys.named("version"), keys.named("store")])
        })?;
        let store = store
            .map(|id| id.parse().map_err(|_| StoreError::Damaged("the store's id is none")))
            .transpose()?;
        Ok(Version { store, changes: changes.unwrap_or_default() })
    }

    fn give_id(&mut self) -> Result<(), StoreError> {
        let id = Uuid::new_v4().to_string();
        self.ask(|connection, keys| connection.set_nx(keys.named("store"), &id))
    }

    fn probe(&mut self, bytes: usize) -> Result<(), StoreError> {
        let value = vec![0_u8; bytes];
        self.ask(|connection, keys| {
            let mut probe = redis::cmd("EVAL");
            probe.arg(PROBE).arg(1).arg(keys.named("probe")).arg(&value).arg(PROBE_LIFETIME_S);
            probe.exec(connection)
        })
    }

    fn apps(&mut self) -> Result<Vec<App>, StoreError> {
        let (texts, used): (Vec<String>, HashMap<String, i64>) = self.ask(|connection, keys| {
            let mut pipeline = redis::pipe();
            pipeline.hvals(keys.named("apps")).hgetall(keys.named("key_used"));
            pipeline.query(connection)
        })?;
        let mut apps = texts.iter().map(|text| parse(text)).collect::<Result<Vec<_>, _>>()?;
        for app in &mut apps {
            for key in &mut app.keys {
                let seconds = used.get(&use_of(&app.id, &key.digest)).copied();
                key.last_used_at =
                    seconds.and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok());
            }
        }
        apps.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(apps)
    }

    fn create(&mut self, app: &App) -> Result<(), StoreError> {
        self.change(|connection, pipeline, keys| {
            if connection.hexists(keys.named("apps"), &app.id)? {
                return Ok(Err(StoreError::AppExists(app.id.clone())));
            }
            pipeline.hset(keys.named("apps"), &app.id, record_of(app)).ignore();
            Ok(Ok(()))
        })
    }

    fn edit(&mut self, app_id: &str, edit: &mut Edit<'_>) -> Result<App, StoreError> {
        self.change(|connection, pipeline, keys| {
            let text: Option<String> = connection.hget(keys.named("apps"), app_id)?;
            let edited = edited(text.as_deref(), app_id, edit);
            if let Ok((old_keys, app)) = &edited {
                for key in old_keys {
                    if !app.keys.iter().any(|kept| kept.digest == key.digest) {
                        pipeline.hdel(keys.named("key_used"), use_of(app_id, &key.digest)).ignore();
                    }
                }
                pipeline.hset(keys.named("apps"), app_id, record_of(app)).ignore();
            }
            Ok(edited.map(|(_, app)| app))
        })
    }

    fn delete(&mut self, app_id: &str) -> Result<(), StoreError> {
        self.change(|connection, pipeline, keys| {
            let text: Option<String> = connection.hget(keys.named("apps"), app_id)?;
            let app = stored(text.as_deref(), app_id);
            if let Ok(app) = &app {
                pipeline.hdel(keys.named("apps"), app_id).ignore();
                pipeline.del(keys.of_app("holds", app_id)).ignore();
                pipeline.del(keys.of_app("bucket", app_id)).ignore();
                for key in &app.keys {
                    pipeline.hdel(keys.named("key_used"), use_of(app_id, &key.digest)).ignore();
                }
            }
            Ok(app.map(drop))
        })
    }

    fn usage(&mut self, from: Date, to: Date) -> Result<Vec<Usage>, StoreError> {
        let of_apps = self.ask(|connection, keys| {
            let apps: Vec<String> = connection.smembers(keys.named("metered"))?;
            if apps.is_empty() {
                return Ok(Vec::new());
            }
            let mut pipeline = redis::pipe();
            for app_id in &apps {
                pipeline.hgetall(keys.of_app("usage", app_id));
            }
            let counts: Vec<HashMap<String, u64>> = pipeline.query(connection)?;
            Ok(apps.into_iter().zip(counts).collect::<Vec<_>>())
        })?;
        let mut usage = Vec::new();
        for (app_id, counts) in of_apps {
            for (text, requests) in counts {
                // Months do not parse as a day.
                if let Ok(day) = Date::parse(&text, DAY)
                    && (from..=to).contains(&day)
                {
                    usage.push(Usage { day, app_id: app_id.clone(), requests });
                }
            }
        }
        usage.sort();
        Ok(usage)
    }

    fn post(
        &mut self,
        settlement: &Settlement,
        entries: &[Entry],
    ) -> Result<Vec<Result<(), LimitReached>>, StoreError> {
        let replies = self.ask(|connection, keys| {
            let replies: Vec<Vec<redis::Value>> =
                round::pipeline(keys, settlement, entries).query(connection)?;
            replies.iter().map(|reply| round::read(reply)).collect::<Result<Vec<_>, _>>()
        })?;
        replies.into_iter().map(round::outcome).collect()
    }

    fn now(&mut self) -> Result<Option<OffsetDateTime>, StoreError> {
        let (seconds, _): (i64, i64) = self.ask(|it, _| redis::cmd("TIME").query(it))?;
        let now = OffsetDateTime::from_unix_timestamp(seconds);
        now.map(Some).map_err(|_| StoreError::Damaged("the server's time is out of range"))
    }

    fn warnings(&mut self) -> Vec<String> {
        let Ok(info) = self.ask(|connection, _| Info::read(connection)) else {
            let unknown =
                "the accounts server does not say (INFO) whether it may lose what it keeps";
            return vec![unknown.to_owned()];
        };
        // Some users may not ask for the configuration.
        let policy: Result<Vec<String>, _> = self.ask(|connection, _| {
            redis::cmd("CONFIG").arg("GET").arg("appendfsync").query(connection)
        });
        info.warnings(policy.is_ok_and(|pair| pair.last().is_some_and(|policy| policy == "no")))
    }
}

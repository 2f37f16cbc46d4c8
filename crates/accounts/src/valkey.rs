//! Accounts on a Valkey or Redis server, for replicas on several machines.
//!
//! | key | holds |
//! |---|---|
//! | `apps` | a hash: each app as JSON, by id |
//! | `version` | goes up whenever an app changes |
//! | `usage:APP` | a hash: counted requests by day (`2026-11-23`) and by month (`2026-11`) |
//! | `metered` | the set of apps that have usage |
//! | `holds:APP` | a sorted set: requests that were let in and are not over, by the end of their lease |
//! | `bucket:APP` | when the app's token bucket is full, microseconds; gone when it is |
//! | `key_used` | a hash: when a key was last used, seconds, by app and digest |
//! | `outbox:PROCESS` | the last settlement of a process that was made |
//!
//! Letting in and settling are one script each, which the server runs whole. The scripts name keys by
//! app, so a cluster that spreads keys over servers will not do; one primary, with replicas, will.

mod round;

use std::collections::HashMap;
use std::time::Duration;

use redis::{Client, Commands, Connection, RedisError};
use secrecy::ExposeSecret;
use time::{Date, OffsetDateTime};

use crate::app::App;
use crate::config::ValkeyConfig;
use crate::key::KeyDigest;
use crate::store::{DAY, Edit, Entry, LimitReached, Settlement, Store, StoreError, Usage};

/// How long `appendfsync everysec` may take to reach the disk: a second, and one more while the disk is
/// busy (the server's own bound).
const EVERYSEC: Duration = Duration::from_secs(2);

/// Accounts on a server.
pub(crate) struct Valkey {
    client: Client,
    connection: Option<Connection>,
    timeout: Duration,
    keys: Keys,
}

/// The names of keys.
#[derive(Clone)]
struct Keys {
    prefix: String,
}

impl Keys {
    fn named(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn outbox(&self, settlement: &Settlement) -> String {
        format!("{}outbox:{}", self.prefix, settlement.process)
    }

    fn of_app(&self, name: &str, app_id: &str) -> String {
        format!("{}{name}:{app_id}", self.prefix)
    }
}

impl Valkey {
    pub(crate) fn connect(config: &ValkeyConfig) -> Result<Self, StoreError> {
        let address = config.address()?;
        let mut login = address.redis_settings().clone();
        if let Some(user) = &config.user {
            login = login.set_username(user);
        }
        if let Some(password) = config.password()? {
            login = login.set_password(password.expose_secret());
        }
        let mut store = Self {
            client: Client::open(address.set_redis_settings(login))?,
            connection: None,
            timeout: Duration::from_millis(config.timeout_ms),
            keys: Keys { prefix: config.key_prefix.clone() },
        };
        // A server that wants to know who is there says so at the first question.
        store.version()?;
        Ok(store)
    }

    fn fresh(&self) -> Result<Connection, RedisError> {
        let connection = self.client.get_connection_with_timeout(self.timeout)?;
        connection.set_read_timeout(Some(self.timeout))?;
        connection.set_write_timeout(Some(self.timeout))?;
        Ok(connection)
    }

    /// Asks what may be asked twice. A connection that was closed meanwhile is made anew.
    fn ask<T>(
        &mut self,
        question: impl Fn(&mut Connection, &Keys) -> Result<T, RedisError>,
    ) -> Result<T, StoreError> {
        if let Some(mut connection) = self.connection.take() {
            match question(&mut connection, &self.keys) {
                Ok(answer) => {
                    self.connection = Some(connection);
                    return Ok(answer);
                }
                Err(error) if error.is_timeout() => return Err(error.into()),
                Err(_) => {}
            }
        }
        let mut connection = self.fresh()?;
        let answer = question(&mut connection, &self.keys)?;
        self.connection = Some(connection);
        Ok(answer)
    }

    /// Changes apps, on a connection of its own, unless one has changed meanwhile: then once more. Waits
    /// for the server's disk.
    fn change<T>(
        &mut self,
        mut change: impl FnMut(&mut Connection, &mut redis::Pipeline, &Keys) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut connection = self.fresh()?;
        let keys = self.keys.clone();
        let watched = [keys.named("apps")];
        let outcome = redis::transaction(&mut connection, &watched, |connection, pipeline| {
            match change(connection, pipeline, &keys) {
                Err(StoreError::Valkey(error)) => Err(error),
                Err(error) => Ok(Some(Err(error))),
                Ok(outcome) => {
                    pipeline.incr(keys.named("version"), 1).ignore();
                    let done: Option<()> = pipeline.query(connection)?;
                    Ok(done.map(|()| Ok(outcome)))
                }
            }
        })??;
        self.wait_for_disk(&mut connection);
        Ok(outcome)
    }

    /// Comes back when what was written is on the server's disk, if it keeps anything there, or says
    /// that this is not known.
    fn wait_for_disk(&self, connection: &mut Connection) {
        // Or the client would give up before the server answers.
        let _ = connection.set_read_timeout(Some(EVERYSEC + self.timeout));
        let mut wait = redis::cmd("WAITAOF");
        wait.arg(1).arg(0).arg(EVERYSEC.as_millis() as u64);
        let is_known = match wait.query::<(u64, u64)>(connection) {
            Ok((local, _)) => local > 0,
            // Servers before 7.2 do not know the command, others do not allow it, and those without a
            // log refuse it.
            Err(_) => match info(connection) {
                Ok(before) if !keeps_log(&before) => true,
                _ => {
                    std::thread::sleep(EVERYSEC);
                    info(connection).is_ok_and(|now| is_on_disk(&now))
                }
            },
        };
        if !is_known {
            tracing::warn!(
                "the change is made; the accounts server does not say that it is on disk"
            );
        }
    }
}

/// Whether everything that was written more than a moment ago is on the disk.
fn is_on_disk(info: &HashMap<String, String>) -> bool {
    let holds = |key: &str, value: &str| info.get(key).is_some_and(|held| held == value);
    holds("aof_last_write_status", "ok") && holds("aof_pending_bio_fsync", "0")
}

/// What the server says of itself.
fn info(connection: &mut Connection) -> Result<HashMap<String, String>, RedisError> {
    let text: String = redis::cmd("INFO").query(connection)?;
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    Ok(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
}

fn keeps_log(info: &HashMap<String, String>) -> bool {
    info.get("aof_enabled").is_some_and(|enabled| enabled == "1")
}

/// The field of `key_used` that a key has. Ids hold no blanks.
fn use_of(app_id: &str, digest: &KeyDigest) -> String {
    format!("{app_id} {}", digest.to_hex())
}

fn parse(text: &str) -> Result<App, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Damaged("a stored app cannot be parsed"))
}

/// What is stored of an app: when its keys were used is stored apart.
fn record_of(app: &App) -> String {
    let mut app = app.clone();
    for key in &mut app.keys {
        key.last_used_at = None;
    }
    serde_json::to_string(&app).expect("an app is text and numbers")
}

impl Store for Valkey {
    fn version(&mut self) -> Result<i64, StoreError> {
        self.ask(|connection, keys| {
            connection.get::<_, Option<i64>>(keys.named("version")).map(Option::unwrap_or_default)
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
                return Err(StoreError::AppExists(app.id.clone()));
            }
            pipeline.hset(keys.named("apps"), &app.id, record_of(app)).ignore();
            Ok(())
        })
    }

    fn edit(&mut self, app_id: &str, edit: &mut Edit<'_>) -> Result<App, StoreError> {
        self.change(|connection, pipeline, keys| {
            let text: Option<String> = connection.hget(keys.named("apps"), app_id)?;
            let text = text.ok_or_else(|| StoreError::UnknownApp(app_id.to_owned()))?;
            let mut app = parse(&text)?;
            let before = app.keys.clone();
            edit(&mut app)?;
            for key in before {
                if !app.keys.iter().any(|kept| kept.digest == key.digest) {
                    pipeline.hdel(keys.named("key_used"), use_of(app_id, &key.digest)).ignore();
                }
            }
            pipeline.hset(keys.named("apps"), app_id, record_of(&app)).ignore();
            Ok(app)
        })
    }

    fn delete(&mut self, app_id: &str) -> Result<(), StoreError> {
        self.change(|connection, pipeline, keys| {
            let text: Option<String> = connection.hget(keys.named("apps"), app_id)?;
            let text = text.ok_or_else(|| StoreError::UnknownApp(app_id.to_owned()))?;
            pipeline.hdel(keys.named("apps"), app_id).ignore();
            pipeline.del(keys.of_app("holds", app_id)).ignore();
            pipeline.del(keys.of_app("bucket", app_id)).ignore();
            for key in parse(&text)?.keys {
                pipeline.hdel(keys.named("key_used"), use_of(app_id, &key.digest)).ignore();
            }
            Ok(())
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
                // A month is no day.
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
        let answers = self.ask(|connection, keys| {
            let answers: Vec<Vec<redis::Value>> =
                round::pipeline(keys, settlement, entries).query(connection)?;
            answers.iter().map(|answer| round::read(answer)).collect::<Result<Vec<_>, _>>()
        })?;
        answers.into_iter().map(round::understand).collect()
    }

    fn now(&mut self) -> Result<Option<OffsetDateTime>, StoreError> {
        let (seconds, _): (i64, i64) = self.ask(|it, _| redis::cmd("TIME").query(it))?;
        let now = OffsetDateTime::from_unix_timestamp(seconds);
        now.map(Some).map_err(|_| StoreError::Damaged("the server's time is none"))
    }

    fn warnings(&mut self) -> Vec<String> {
        let Ok(info) = self.ask(|connection, _| info(connection)) else {
            let unknown =
                "the accounts server does not say (INFO) whether it may lose what it keeps";
            return vec![unknown.to_owned()];
        };
        // Not every user may ask this.
        let policy: Result<Vec<String>, _> = self.ask(|connection, _| {
            redis::cmd("CONFIG").arg("GET").arg("appendfsync").query(connection)
        });
        let mut warnings = Vec::new();
        if keeps_log(&info) && policy.is_ok_and(|pair| pair.last().is_some_and(|p| p == "no")) {
            warnings.push(
                "the accounts server does not say when its log reaches the disk: a machine that loses \
                 power may lose credentials and counts; set `appendfsync everysec` there"
                    .to_owned(),
            );
        }
        if !keeps_log(&info) {
            warnings.push(
                "the accounts server keeps no append-only file: when it ends, credentials and counts \
                 may be lost; set `appendonly yes` and `appendfsync everysec` there"
                    .to_owned(),
            );
        }
        let is_bounded = info.get("maxmemory").is_some_and(|bytes| bytes != "0");
        if is_bounded && info.get("maxmemory_policy").is_some_and(|policy| policy != "noeviction") {
            warnings.push(
                "the accounts server may evict credentials and counts when its memory is full; set \
                 `maxmemory-policy noeviction` there"
                    .to_owned(),
            );
        }
        warnings
    }
}

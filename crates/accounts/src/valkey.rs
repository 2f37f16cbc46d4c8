//! Accounts on a Valkey or Redis server, for replicas on several machines.
//!
//! | key | value |
//! |---|---|
//! | `apps` | a hash: each app as JSON, by id |
//! | `version` | a number that grows whenever an app changes |
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

use std::collections::HashMap;
use std::time::Duration;

use redis::{Client, Commands, Connection, RedisError};
use secrecy::ExposeSecret;
use time::{Date, OffsetDateTime};

use self::durability::{Info, wait_for_disk};
use self::keys::{Keys, use_of};
use crate::app::App;
use crate::config::ValkeyConfig;
use crate::store::{DAY, Edit, Entry, LimitReached, Settlement, Store, StoreError, Usage};

/// Accounts on a server.
pub(crate) struct Valkey {
    client: Client,
    connection: Option<Connection>,
    timeout: Duration,
    keys: Keys,
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
        // A server that needs another login refuses the first command.
        store.version()?;
        Ok(store)
    }

    fn fresh(&self) -> Result<Connection, RedisError> {
        let connection = self.client.get_connection_with_timeout(self.timeout)?;
        connection.set_read_timeout(Some(self.timeout))?;
        connection.set_write_timeout(Some(self.timeout))?;
        Ok(connection)
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
                Err(error) if error.is_timeout() => return Err(error.into()),
                Err(_) => {}
            }
        }
        let mut connection = self.fresh()?;
        let reply = query(&mut connection, &self.keys)?;
        self.connection = Some(connection);
        Ok(reply)
    }

    /// Changes apps on a connection of its own, and waits for the server's disk. If an app has
    /// changed meanwhile, `change` is called again.
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
        wait_for_disk(&mut connection, self.timeout);
        Ok(outcome)
    }
}

fn parse(text: &str) -> Result<App, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Damaged("a stored app cannot be parsed"))
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
            let old_keys = app.keys.clone();
            edit(&mut app)?;
            for key in old_keys {
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

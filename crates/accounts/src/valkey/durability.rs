//! Checks that the server keeps written data.

use std::collections::HashMap;
use std::time::Duration;

use redis::{Connection, RedisError};

/// Maximum time of `appendfsync everysec` until data are on the disk: a second, and one more while
/// the disk is busy (the server's own limit).
const EVERYSEC: Duration = Duration::from_secs(2);

/// The values of the server's `INFO` by their names.
pub(super) struct Info(HashMap<String, String>);

impl Info {
    pub(super) fn read(connection: &mut Connection) -> Result<Self, RedisError> {
        let text: String = redis::cmd("INFO").query(connection)?;
        let pairs = text.lines().filter_map(|line| line.split_once(':'));
        Ok(Self(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()))
    }

    fn holds(&self, key: &str, value: &str) -> bool {
        self.0.get(key).is_some_and(|held| held == value)
    }

    /// True if the server spreads keys over several servers.
    pub(super) fn is_cluster(&self) -> bool {
        self.holds("cluster_enabled", "1")
    }

    fn keeps_log(&self) -> bool {
        self.holds("aof_enabled", "1")
    }

    /// True if everything that was written [`EVERYSEC`] ago is on the disk.
    fn is_on_disk(&self) -> bool {
        self.holds("aof_last_write_status", "ok") && self.holds("aof_pending_bio_fsync", "0")
    }

    /// Warnings for the operator. `is_never_synced`: the server leaves it to the system when its
    /// log reaches the disk.
    pub(super) fn warnings(&self, is_never_synced: bool) -> Vec<String> {
        let has_limit = self.0.get("maxmemory").is_some_and(|bytes| bytes != "0");
        let may_evict = self.0.get("maxmemory_policy").is_some_and(|policy| policy != "noeviction");
        let findings = [
            (
                self.keeps_log() && is_never_synced,
                "the accounts server does not say when its log reaches the disk: a machine that \
                 loses power may lose credentials and counts; set `appendfsync everysec` there",
            ),
            (
                !self.keeps_log(),
                "the accounts server keeps no append-only file: when it ends, credentials and \
                 counts may be lost; set `appendonly yes` and `appendfsync everysec` there",
            ),
            (
                has_limit && may_evict,
                "the accounts server may evict credentials and counts when its memory is full; set \
                 `maxmemory-policy noeviction` there",
            ),
        ];
        findings.into_iter().filter(|(holds, _)| *holds).map(|(_, text)| text.to_owned()).collect()
    }
}

/// Waits until all writes are on the server's disk. A warning is logged if the server does not
/// confirm it.
pub(super) fn wait_for_disk(connection: &mut Connection, timeout: Duration) {
    // The client must not give up before the server replies.
    let _ = connection.set_read_timeout(Some(EVERYSEC + timeout));
    let mut wait = redis::cmd("WAITAOF");
    wait.arg(1).arg(0).arg(EVERYSEC.as_millis() as u64);
    let is_known = match wait.query::<(u64, u64)>(connection) {
        Ok((local, _)) => local > 0,
        // Servers before 7.2 do not know the command, some do not allow it, and those without a log
        // refuse it.
        Err(_) => match Info::read(connection) {
            Ok(info) if !info.keeps_log() => true,
            _ => {
                std::thread::sleep(EVERYSEC);
                Info::read(connection).is_ok_and(|info| info.is_on_disk())
            }
        },
    };
    if !is_known {
        tracing::warn!("the change is made; the accounts server does not say that it is on disk");
    }
}

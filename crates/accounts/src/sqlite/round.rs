//! One round inside one transaction: a settlement, then the holds.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::rows::{count, run};
use crate::limits::Rate;
use crate::store::{Entry, LimitReached, Settlement, StoreError, day_text, month_start};

/// Time for which the last settlement of a process is remembered. A process that was cut off for
/// longer is lost. `valkey/settle.lua` has the same time.
const OUTBOX_LIFETIME: Duration = Duration::from_hours(7 * 24);

/// Forgets the settlements of lost processes.
pub(super) fn forget_lost_processes(connection: &Connection) -> Result<(), StoreError> {
    let since = OffsetDateTime::now_utc() - OUTBOX_LIFETIME;
    let sql = "DELETE FROM outboxes WHERE settled_at < ?1";
    connection.execute(sql, [since.unix_timestamp()])?;
    Ok(())
}

/// The number of the last settlement of a process.
pub(super) fn last_sequence(
    connection: &Connection,
    process: &Uuid,
) -> Result<Option<u64>, StoreError> {
    let mut query =
        connection.prepare_cached("SELECT sequence FROM outboxes WHERE process = ?1")?;
    Ok(query.query_row([process.as_bytes()], |row| count(row, 0)).optional()?)
}

/// Makes a settlement unless it was made before, and removes the holds whose lease has ended.
pub(super) fn settle(
    transaction: &Transaction<'_>,
    settlement: &Settlement,
    now: i64,
) -> Result<(), StoreError> {
    if is_new(transaction, settlement, now)? {
        write(transaction, settlement)?;
    }
    run(transaction, "DELETE FROM holds WHERE lease_ends_at <= ?1", [now])?;
    Ok(())
}

/// Notes that a settlement is made. Returns whether it is the first time.
fn is_new(
    transaction: &Transaction<'_>,
    settlement: &Settlement,
    now: i64,
) -> Result<bool, StoreError> {
    let Settlement { process, sequence, .. } = settlement;
    let changed = transaction
        .prepare_cached(
            "INSERT INTO outboxes VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE
             SET sequence = excluded.sequence, settled_at = excluded.settled_at
             WHERE sequence < excluded.sequence",
        )?
        .execute(params![process.as_bytes(), sequence.cast_signed(), now])?;
    Ok(changed > 0)
}

fn write(transaction: &Transaction<'_>, settlement: &Settlement) -> Result<(), StoreError> {
    for (app_id, day, requests) in &settlement.counts {
        run(
            transaction,
            "INSERT INTO usage VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET requests = requests + excluded.requests",
            params![app_id, day_text(*day), requests.cast_signed()],
        )?;
    }
    for (app_id, hold) in &settlement.released {
        let sql = "DELETE FROM holds WHERE app_id = ?1 AND id = ?2";
        run(transaction, sql, params![app_id, hold.as_bytes()])?;
    }
    for (app_id, digest, at) in &settlement.used_keys {
        run(
            transaction,
            "UPDATE keys SET last_used_at = max(ifnull(last_used_at, 0), ?3)
             WHERE app_id = ?1 AND digest = ?2",
            params![app_id, digest.0, at.unix_timestamp()],
        )?;
    }
    Ok(())
}

/// Holds quota for one request, or returns the limit that refuses it.
pub(super) fn hold(
    transaction: &Transaction<'_>,
    entry: &Entry,
) -> Result<Result<(), LimitReached>, StoreError> {
    let Entry { hold, app_id, limits, at, lease_ends_at } = entry;
    if limits.quota_per_day.is_some() || limits.quota_per_month.is_some() {
        let sql = "SELECT count(*) FROM holds WHERE app_id = ?1";
        let mut query = transaction.prepare_cached(sql)?;
        let held = query.query_row([app_id], |row| count(row, 0))?;
        let today = at.date();
        for (quota, first_day, limit) in [
            (limits.quota_per_day, today, LimitReached::DayQuotaSpent),
            (limits.quota_per_month, month_start(today), LimitReached::MonthQuotaSpent),
        ] {
            if let Some(quota) = quota
                && used(transaction, app_id, first_day, today)? + held >= quota
            {
                return Ok(Err(limit));
            }
        }
    }
    if let Some(rate) = limits.rate
        && let Err(wait_us) = take_token(transaction, app_id, rate, *at)?
    {
        return Ok(Err(LimitReached::TooFast { wait_us }));
    }
    let sql = "INSERT INTO holds VALUES (?1, ?2, ?3)";
    run(transaction, sql, params![app_id, hold.as_bytes(), lease_ends_at.unix_timestamp()])?;
    Ok(Ok(()))
}

/// Counted requests from one day to another, both included.
fn used(
    transaction: &Transaction<'_>,
    app_id: &Arc<str>,
    from: Date,
    to: Date,
) -> Result<u64, StoreError> {
    let mut query = transaction.prepare_cached(
        "SELECT ifnull(sum(requests), 0) FROM usage WHERE app_id = ?1 AND day BETWEEN ?2 AND ?3",
    )?;
    Ok(query.query_row(params![app_id, day_text(from), day_text(to)], |row| count(row, 0))?)
}

/// Takes a token, or returns the wait for one as an error, microseconds.
fn take_token(
    transaction: &Transaction<'_>,
    app_id: &Arc<str>,
    rate: Rate,
    at: OffsetDateTime,
) -> Result<Result<(), i64>, StoreError> {
    let sql = "SELECT full_at_us FROM buckets WHERE app_id = ?1";
    let mut query = transaction.prepare_cached(sql)?;
    let full_at_us = query.query_row([app_id], |row| row.get(0)).optional()?;
    let now_us = (at.unix_timestamp_nanos() / 1000) as i64;
    let (full_at_us, outcome) = rate.take(full_at_us, now_us);
    let sql = "INSERT OR REPLACE INTO buckets VALUES (?1, ?2)";
    run(transaction, sql, params![app_id, full_at_us])?;
    Ok(outcome)
}

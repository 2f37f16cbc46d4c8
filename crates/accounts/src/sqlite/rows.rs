//! Apps as rows.

use std::num::NonZeroU32;

use rusqlite::{Connection, OptionalExtension, Params, Row, Transaction, params};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::app::{ActiveKey, App};
use crate::key::KeyDigest;
use crate::limits::{Limits, Rate};
use crate::store::StoreError;

/// Runs one statement, which stays prepared.
pub(super) fn run(
    transaction: &Transaction<'_>,
    sql: &str,
    params: impl Params,
) -> rusqlite::Result<()> {
    transaction.prepare_cached(sql)?.execute(params).map(drop)
}

/// A column that holds a number of 0 or more.
pub(super) fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|number| u64::try_from(number).unwrap_or(0))
}

/// The file's id; `None` in a file of a version that gave none.
pub(super) fn store_id(connection: &Connection) -> Result<Option<Uuid>, StoreError> {
    if !connection.table_exists(None, "store")? {
        return Ok(None);
    }
    let mut query = connection.prepare_cached("SELECT id FROM store")?;
    let id: Option<Vec<u8>> = query.query_row([], |row| row.get(0)).optional()?;
    id.map(|id| Uuid::from_slice(&id).map_err(|_| StoreError::Damaged("the store's id is none")))
        .transpose()
}

/// True if the file has the tables of [`add_tables`].
pub(super) fn has_added_tables(connection: &Connection) -> Result<bool, StoreError> {
    Ok(connection.table_exists(None, "app_limits")? && store_id(connection)?.is_some())
}

/// Adds the tables outside the numbered steps, and gives the file an id, where they are missing:
/// versions that do not know them can share the file.
pub(super) fn add_tables(transaction: Transaction<'_>) -> Result<(), StoreError> {
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS app_limits (
             app_id TEXT PRIMARY KEY REFERENCES apps (id) ON DELETE CASCADE,
             at_once INTEGER NOT NULL
         ) STRICT, WITHOUT ROWID;
         CREATE TABLE IF NOT EXISTS store (id BLOB NOT NULL, probe BLOB NOT NULL) STRICT",
    )?;
    let sql = "INSERT INTO store SELECT ?1, x'' WHERE NOT EXISTS (SELECT 1 FROM store)";
    transaction.execute(sql, [Uuid::new_v4().as_bytes()])?;
    Ok(transaction.commit()?)
}

/// The app with the id `app_id`.
pub(super) fn find(transaction: &Transaction<'_>, app_id: &str) -> Result<Option<App>, StoreError> {
    Ok(read_apps(transaction, "WHERE id = ?1", [app_id])?.pop())
}

/// Every app that meets `condition`, ordered by id.
pub(super) fn read_apps(
    transaction: &Transaction<'_>,
    condition: &str,
    params: impl Params,
) -> Result<Vec<App>, StoreError> {
    let mut apps = transaction.prepare(&format!(
        "SELECT id, label, enabled, quota_per_day, quota_per_month, rate_per_minute, rate_burst,
                created_at, at_once
         FROM apps LEFT JOIN app_limits ON app_id = id {condition} ORDER BY id"
    ))?;
    let mut keys = transaction.prepare(
        "SELECT digest, created_at, last_used_at FROM keys WHERE app_id = ?1 ORDER BY place",
    )?;
    let mut rows = apps.query(params)?;
    let mut apps = Vec::new();
    while let Some(row) = rows.next()? {
        let quota = |column| row.get::<_, Option<i64>>(column).map(|q| q.map(i64::cast_unsigned));
        let number =
            |column| row.get::<_, Option<u32>>(column).map(|n| n.and_then(NonZeroU32::new));
        let rate = number(5)?.zip(number(6)?);
        let mut app = App {
            id: row.get(0)?,
            label: row.get(1)?,
            enabled: row.get(2)?,
            limits: Limits {
                quota_per_day: quota(3)?,
                quota_per_month: quota(4)?,
                rate: rate.map(|(per_minute, burst)| Rate { per_minute, burst }),
                at_once: number(8)?,
            },
            keys: Vec::new(),
            created_at: time_of(row.get(7)?)?,
        };
        let mut rows = keys.query([&app.id])?;
        while let Some(row) = rows.next()? {
            app.keys.push(ActiveKey {
                digest: KeyDigest(row.get(0)?),
                created_at: time_of(row.get(1)?)?,
                last_used_at: row.get::<_, Option<i64>>(2)?.map(time_of).transpose()?,
            });
        }
        apps.push(app);
    }
    Ok(apps)
}

/// Adds an app.
pub(super) fn write_app(transaction: &Transaction<'_>, app: &App) -> Result<(), StoreError> {
    let App { id, label, enabled, limits, keys, created_at } = app;
    let Limits { quota_per_day, quota_per_month, rate, at_once } = limits;
    run(
        transaction,
        "INSERT INTO apps VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            id,
            label,
            enabled,
            quota_per_day.map(u64::cast_signed),
            quota_per_month.map(u64::cast_signed),
            rate.map(|rate| rate.per_minute.get()),
            rate.map(|rate| rate.burst.get()),
            created_at.unix_timestamp()
        ],
    )?;
    if let Some(at_once) = at_once {
        run(transaction, "INSERT INTO app_limits VALUES (?1, ?2)", params![id, at_once.get()])?;
    }
    for (place, key) in keys.iter().enumerate() {
        run(
            transaction,
            "INSERT INTO keys VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                id,
                place as i64,
                key.digest.0,
                key.created_at.unix_timestamp(),
                key.last_used_at.map(OffsetDateTime::unix_timestamp)
            ],
        )?;
    }
    Ok(())
}

fn time_of(seconds: i64) -> Result<OffsetDateTime, StoreError> {
    OffsetDateTime::from_unix_timestamp(seconds)
        .map_err(|_| StoreError::Damaged("a time is out of range"))
}

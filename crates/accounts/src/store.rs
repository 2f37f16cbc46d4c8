//! What a place where accounts are kept can do. Two do it: a file of this machine's, and a server that
//! several machines share.

use std::sync::Arc;

use serde::Serialize;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::app::{App, EditError};
use crate::config::{Backend, Config, ConfigError};
use crate::key::KeyDigest;
use crate::limits::Limits;
use crate::sqlite::Sqlite;
use crate::valkey::Valkey;

/// A place where accounts are kept. Everything it does is done whole or not at all, also when several
/// processes do it at once.
pub trait Store: Send {
    /// A number that changes whenever an app does.
    ///
    /// # Errors
    /// When the store cannot be reached or read, here and below.
    fn version(&mut self) -> Result<i64, StoreError>;

    /// Every app, by id.
    ///
    /// # Errors
    /// As above.
    fn apps(&mut self) -> Result<Vec<App>, StoreError>;

    /// Adds an app, and comes back when it would survive a crash.
    ///
    /// # Errors
    /// [`StoreError::AppExists`] when there is one of this id, or as above.
    fn create(&mut self, app: &App) -> Result<(), StoreError>;

    /// Changes an app as `edit` says, which may be asked more than once, and comes back when the change
    /// would survive a crash.
    ///
    /// # Errors
    /// [`StoreError::UnknownApp`], [`StoreError::Edit`] when `edit` fails, or as above.
    fn edit(&mut self, app_id: &str, edit: &mut Edit<'_>) -> Result<App, StoreError>;

    /// Removes an app and its keys. What it used stays on record.
    ///
    /// # Errors
    /// [`StoreError::UnknownApp`], or as above.
    fn delete(&mut self, app_id: &str) -> Result<(), StoreError>;

    /// What was counted from day to day, both included, by day and app.
    ///
    /// # Errors
    /// As above.
    fn usage(&mut self, from: Date, to: Date) -> Result<Vec<Usage>, StoreError>;

    /// Settles what is over, then lets in who may be let in, in order: one answer an entry. Without
    /// entries it still writes, so that whoever gets no error knows that the store can be written to.
    ///
    /// # Errors
    /// As above. The settlement may then have been made or not: handed in again as it was, it is made
    /// once. Entries may have been let in or not: their holds are to be released.
    fn post(
        &mut self,
        settlement: &Settlement,
        entries: &[Entry],
    ) -> Result<Vec<Result<(), LimitReached>>, StoreError>;

    /// The time that the store goes by, where it has a clock of its own.
    ///
    /// # Errors
    /// When it cannot be asked.
    fn now(&mut self) -> Result<Option<OffsetDateTime>, StoreError> {
        Ok(None)
    }

    /// What an operator should know about this store, in sentences.
    fn warnings(&mut self) -> Vec<String>;
}

/// A change to an app.
pub type Edit<'a> = dyn FnMut(&mut App) -> Result<(), EditError> + 'a;

/// A request that asks to be let in. If it is, one of the app's quota is held for it until it is settled
/// or the lease ends.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Names the hold.
    pub hold: Uuid,
    /// Who asks.
    pub app_id: Arc<str>,
    /// How much that app may.
    pub limits: Limits,
    /// When it came.
    pub at: OffsetDateTime,
    /// When its hold ends if it is never settled.
    pub lease_ends_at: OffsetDateTime,
}

/// What is over since the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The process that settles, by a name of its own.
    pub process: Uuid,
    /// Higher than that of its last one.
    pub sequence: u64,
    /// Requests that were answered, by app and by the day on which they came.
    pub counts: Vec<(Arc<str>, Date, u64)>,
    /// Holds that end, counted or not.
    pub released: Vec<(Arc<str>, Uuid)>,
    /// Keys that were used, by app, and when last.
    pub used_keys: Vec<(Arc<str>, KeyDigest, OffsetDateTime)>,
}

/// Which limit keeps a request out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitReached {
    /// The app's quota for the day (UTC) is spent or held.
    DayQuotaSpent,
    /// Its quota for the month (UTC) is.
    MonthQuotaSpent,
    /// Its bucket is empty; there is a token again after this long, microseconds.
    TooFast {
        /// Above 0.
        wait_us: i64,
    },
}

/// What an app used on a day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Usage {
    /// The day (UTC).
    pub day: Date,
    /// The app.
    pub app_id: String,
    /// Requests that were let in and answered 200.
    pub requests: u64,
}

/// Why a store could not do as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is an app of this id.
    #[error("there is an app `{0}` already")]
    AppExists(String),
    /// There is none.
    #[error("there is no app `{0}`")]
    UnknownApp(String),
    /// The app cannot be changed so.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The configuration names a store that cannot be.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The file cannot be made.
    #[error("the accounts file {path} cannot be made")]
    Create {
        /// The file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// What is kept there is of a later version, or is no accounts store.
    #[error("the accounts store cannot be brought to this version")]
    Migrate(#[source] rusqlite_migration::Error),
    /// SQLite says no.
    #[error("the accounts file cannot be used")]
    Sqlite(#[from] rusqlite::Error),
    /// Valkey cannot be reached or says no.
    #[error("the accounts server cannot be used")]
    Valkey(#[from] redis::RedisError),
    /// The system gives no thread.
    #[error("the thread for accounts could not be started")]
    Thread(#[source] std::io::Error),
    /// Somebody has moved, removed or exchanged the file under us.
    #[error(
        "the accounts file {0} was moved, removed or exchanged while it was in use; end every process \
         that uses it, remove {0}-wal and {0}-shm, and start again"
    )]
    Moved(String),
    /// What is kept there does not make sense.
    #[error("the accounts store is damaged: {0}")]
    Damaged(&'static str),
}

/// Opens the store that `config` names. A file is made where there is none, readable by its owner alone.
///
/// # Errors
/// When it cannot be.
pub fn open(config: &Config) -> Result<Box<dyn Store>, StoreError> {
    Ok(match config.backend {
        Backend::Sqlite => Box::new(Sqlite::open(&config.database)?),
        Backend::Valkey => Box::new(Valkey::connect(&config.valkey)?),
    })
}

/// A store that is gone with the process, for demonstrations.
///
/// # Errors
/// When there is no memory for it.
pub fn open_in_memory() -> Result<Box<dyn Store>, StoreError> {
    Ok(Box::new(Sqlite::in_memory()?))
}

/// A day as stores and reports write it, `2026-11-23`.
pub(crate) const DAY: &[time::format_description::BorrowedFormatItem<'static>] =
    time::macros::format_description!("[year]-[month]-[day]");

/// `day` in that form.
pub(crate) fn day_text(day: Date) -> String {
    day.format(DAY).expect("a date has a year, a month and a day")
}

/// The first day of its month.
pub(crate) fn month_start(day: Date) -> Date {
    day.replace_day(1).expect("every month has a first day")
}

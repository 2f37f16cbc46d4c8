//! The interface of an accounts store. There are two: a file on this machine (SQLite), and a server
//! that several machines share (Valkey or Redis).

use std::sync::Arc;

use serde::Serialize;
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::app::{App, EditError};
use crate::config::ConfigError;
use crate::fault::ServerFault;
use crate::key::KeyDigest;
use crate::limits::Limits;

/// An accounts store. Each method takes effect completely or not at all, also when several
/// processes call it at once.
pub trait Store: Send {
    /// Changes whenever an app changes, or the store is another one.
    ///
    /// # Errors
    /// When the store cannot be reached or read. All other methods fail for this reason too.
    fn version(&mut self) -> Result<Version, StoreError>;

    /// Gives the store an id if it has none.
    ///
    /// # Errors
    /// As above, and when the store cannot be written to.
    fn give_id(&mut self) -> Result<(), StoreError>;

    /// Proves that the store can be written to: writes a value of its own of `bytes` bytes, in the
    /// way in which rounds are written.
    ///
    /// # Errors
    /// As above, and when the store cannot be written to.
    fn probe(&mut self, bytes: usize) -> Result<(), StoreError>;

    /// Every app, by id.
    ///
    /// # Errors
    /// As above.
    fn apps(&mut self) -> Result<Vec<App>, StoreError>;

    /// Adds an app. It returns once the app would survive a crash.
    ///
    /// # Errors
    /// [`StoreError::AppExists`] when the id is taken, or as above.
    fn create(&mut self, app: &App) -> Result<(), StoreError>;

    /// Changes an app with `edit`, which may be called more than once. It returns once the change
    /// would survive a crash.
    ///
    /// # Errors
    /// [`StoreError::UnknownApp`], [`StoreError::Edit`] when `edit` fails, or as above.
    fn edit(&mut self, app_id: &str, edit: &mut Edit<'_>) -> Result<App, StoreError>;

    /// Removes an app and its keys. Its usage stays on record.
    ///
    /// # Errors
    /// [`StoreError::UnknownApp`], or as above.
    fn delete(&mut self, app_id: &str) -> Result<(), StoreError>;

    /// Counted requests from one day to another, both included, ordered by day and app.
    ///
    /// # Errors
    /// As above.
    fn usage(&mut self, from: Date, to: Date) -> Result<Vec<Usage>, StoreError>;

    /// Makes the settlement, then holds quota for the entries in order, with one result for each.
    ///
    /// # Errors
    /// As above. It is then unknown whether the settlement was made and whether quota is held. The
    /// caller posts the same settlement again, which is made once, and releases the holds of the
    /// entries.
    fn post(
        &mut self,
        settlement: &Settlement,
        entries: &[Entry],
    ) -> Result<Vec<Result<(), LimitReached>>, StoreError>;

    /// The store's time, if it has a clock of its own.
    ///
    /// # Errors
    /// As above.
    fn now(&mut self) -> Result<Option<OffsetDateTime>, StoreError> {
        Ok(None)
    }

    /// Warnings for the operator about this store, in sentences.
    fn warnings(&mut self) -> Vec<String> {
        Vec::new()
    }
}

/// Tells the apps of a store from those at another time, and from those of another store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// The store's random id. `None` for a server that was never written to, or by an earlier
    /// version only.
    pub store: Option<Uuid>,
    /// Grows whenever an app changes.
    pub changes: i64,
}

/// A change to an app.
pub type Edit<'a> = dyn FnMut(&mut App) -> Result<(), EditError> + 'a;

/// A request for which quota is to be held. The hold lasts until it is released or until its lease
/// ends.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The hold's id.
    pub hold: Uuid,
    /// The calling app.
    pub app_id: Arc<str>,
    /// The app's limits.
    pub limits: Limits,
    /// Arrival of the request.
    pub at: OffsetDateTime,
    /// End of the hold if it is never released.
    pub lease_ends_at: OffsetDateTime,
}

/// The requests that have ended since the process's last settlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// A random id of the process.
    pub process: Uuid,
    /// Grows with each settlement of the process.
    pub sequence: u64,
    /// Counted requests, by app and by the day of their arrival.
    pub counts: Vec<(Arc<str>, Date, u64)>,
    /// Holds that end, of counted and of other requests.
    pub released: Vec<(Arc<str>, Uuid)>,
    /// Keys that were used, with app and time of the last use.
    pub used_keys: Vec<(Arc<str>, KeyDigest, OffsetDateTime)>,
}

/// The limit that refuses a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitReached {
    /// The app's quota for the day (UTC) is spent or held.
    DayQuotaSpent,
    /// The app's quota for the month (UTC) is spent or held.
    MonthQuotaSpent,
    /// The app's token bucket is empty.
    TooFast {
        /// Time until the next token, microseconds; above 0.
        wait_us: i64,
    },
}

/// The usage of an app on one day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Usage {
    /// The day (UTC).
    pub day: Date,
    /// The app.
    pub app_id: String,
    /// Requests that were answered 200.
    pub requests: u64,
}

/// Why a store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The app's id is taken.
    #[error("there is an app `{0}` already")]
    AppExists(String),
    /// No app has this id.
    #[error("there is no app `{0}`")]
    UnknownApp(String),
    /// The change is refused.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The store's configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The file cannot be created.
    #[error("the accounts file {path} cannot be made")]
    Create {
        /// The file.
        path: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// The store is of a later version, or the file is not an accounts store.
    #[error("the accounts store cannot be brought to this version")]
    Migrate(#[source] rusqlite_migration::Error),
    /// SQLite's error.
    #[error("the accounts file cannot be used")]
    Sqlite(#[from] rusqlite::Error),
    /// The server cannot be reached, or refuses a command.
    #[error("the accounts server {address} cannot be used: {fault}")]
    Server {
        /// Host and port.
        address: String,
        /// The cause, and what to do.
        fault: ServerFault,
    },
    /// The system cannot start a thread.
    #[error("the thread for accounts could not be started")]
    Thread(#[source] std::io::Error),
    /// The file was moved, removed or exchanged while it was open.
    #[error(
        "the accounts file {0} was moved, removed or exchanged while it was in use; end every \
         process that uses it, remove {0}-wal and {0}-shm, and start again"
    )]
    Moved(String),
    /// The file was overwritten while it was open, by a program that does not know SQLite.
    #[error(
        "the accounts file {0} was overwritten while it was in use; end every process that uses \
         it, remove {0}-wal and {0}-shm, put the file there again, and start again; `sqlite3 {0} \
         \".restore COPY\"` restores a copy while services run"
    )]
    Overwritten(String),
    /// The store has lost its apps: it is another one than before, and empty.
    #[error(
        "it is empty, and not the store that had {apps} apps; restore it, or create its apps; a \
         new start of the service accepts it as it is"
    )]
    Emptied {
        /// Number of apps that were known.
        apps: usize,
    },
    /// A stored value is invalid.
    #[error("the accounts store is damaged: {0}")]
    Damaged(&'static str),
}

impl StoreError {
    /// True if the store could be reached, and refused what was asked.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::Server { fault, .. } => fault.is_refusal(),
            // Another process writes for longer than usual.
            Self::Sqlite(error) => {
                error.sqlite_error_code() != Some(rusqlite::ErrorCode::DatabaseBusy)
            }
            _ => true,
        }
    }

    /// The cause without host, path or user: callers may see it at `/readyz`.
    pub(crate) fn in_short(&self) -> String {
        match self {
            Self::Server { fault, .. } => fault.in_short().to_owned(),
            Self::Moved(_) => "its file was moved, removed or exchanged".to_owned(),
            Self::Overwritten(_) => "its file was overwritten".to_owned(),
            Self::Emptied { apps } => {
                format!("it is empty, and not the store that had {apps} apps")
            }
            Self::Config(_) => "a file with its password or certificates cannot be read".to_owned(),
            Self::Damaged(_) => "it is damaged".to_owned(),
            _ => "its file cannot be read or written to".to_owned(),
        }
    }
}

/// The format of a day in stores and reports, `2026-11-23`.
pub(crate) const DAY: &[time::format_description::BorrowedFormatItem<'static>] =
    time::macros::format_description!("[year]-[month]-[day]");

/// `day` in the format [`DAY`].
pub(crate) fn day_text(day: Date) -> String {
    day.format(DAY).expect("a date has a year, a month and a day")
}

/// The first day of the month of `day`.
pub(crate) fn month_start(day: Date) -> Date {
    day.replace_day(1).expect("every month has a first day")
}

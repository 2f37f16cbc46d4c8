//! Accounts in a file on this machine, through SQLite.
//!
//! The file is in write-ahead mode. Counts are written without waiting for the disk; a thread
//! brings them to the disk twice a second. So a process that dies loses no written counts, and a
//! machine that dies loses at most those of a second. Changes to apps wait for the disk.

mod round;
mod rows;

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use rusqlite_migration::{M, Migrations};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

use crate::app::App;
use crate::store::{
    DAY, Edit, Entry, LimitReached, Settlement, Store, StoreError, Usage, Version, day_text,
};

/// Maximum wait of a request while another process writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// Maximum wait of a start or of a change to an app. On a busy disk such a change takes seconds.
const PATIENT_TIMEOUT: Duration = Duration::from_secs(10);

/// Interval of bringing counts to the disk. A machine that dies may lose the counts of a second,
/// and the write itself takes time.
const CATCH_UP_EVERY: Duration = Duration::from_millis(500);

/// The versions of the tables, in order. Existing steps never change.
const STEPS: &[M<'_>] = &[M::up(include_str!("sqlite/1_accounts.sql"))];
const MIGRATIONS: Migrations<'_> = Migrations::from_slice(STEPS);

/// Accounts in a file, or in memory.
pub(crate) struct Sqlite {
    connection: Connection,
    /// The path of the file, and the file's identity when it was opened: another file may be put
    /// there later. `None` for accounts in memory.
    file: Option<(PathBuf, Option<FileIdentity>)>,
    /// The content at the last look; `None` after a change of our own.
    seen: Option<Seen>,
    /// The process whose settlements are made through this connection.
    process: Option<Uuid>,
    /// True once another program has written over the file. It is not written to any more.
    is_overwritten: bool,
    /// The thread that brings counts to the disk, and the sender that ends it when dropped.
    catching_up: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        // The last connection to close removes the log, so the thread's must close before ours.
        self.end_catching_up();
    }
}

/// The content of the file at one look.
#[derive(Clone, Copy)]
struct Seen {
    /// Changes when another connection writes, as SQLite does it.
    data_version: i64,
    version: Version,
    /// The number of the last settlement of this process.
    sequence: Option<u64>,
}

impl Seen {
    /// True if `later` differs though no connection has written in between.
    fn is_overwritten_by(&self, later: &Self) -> bool {
        self.data_version == later.data_version
            && (self.version != later.version || self.sequence > later.sequence)
    }
}

impl Sqlite {
    /// Opens the file at `path`, and creates it if it is missing.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        make_private(path)
            .map_err(|source| StoreError::Create { path: path.display().to_string(), source })?;
        let began = Instant::now();
        loop {
            match Self::open_file(path) {
                Err(error)
                    if is_of_another_process(&error) && began.elapsed() < PATIENT_TIMEOUT =>
                {
                    std::thread::sleep(Duration::from_millis(10));
                }
                outcome => return outcome,
            }
        }
    }

    fn open_file(path: &Path) -> Result<Self, StoreError> {
        // Read first, so that the next look notices a file that is exchanged meanwhile.
        let identity = identity(path);
        let mut store = Self::prepare(connect(path)?)?;
        store.file = Some((path.to_owned(), identity));
        let (end, ended) = bounded::<()>(0);
        let disk = connect(path)?;
        let thread = std::thread::Builder::new()
            .name("accounts-disk".into())
            .spawn(move || {
                while ended.recv_timeout(CATCH_UP_EVERY) == Err(RecvTimeoutError::Timeout) {
                    // A disk that fails here also fails the next change, which reports it.
                    let _ = disk.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
                }
            })
            .map_err(StoreError::Thread)?;
        store.catching_up = Some((end, thread));
        Ok(store)
    }

    pub(crate) fn in_memory() -> Result<Self, StoreError> {
        Self::prepare(Connection::open_in_memory()?)
    }

    fn prepare(mut connection: Connection) -> Result<Self, StoreError> {
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.set_prepared_statement_cache_capacity(32);
        connection.set_transaction_behavior(TransactionBehavior::Immediate);
        MIGRATIONS.to_latest(&mut connection).map_err(StoreError::Migrate)?;
        if !rows::has_added_tables(&connection)? {
            rows::add_tables(connection.transaction()?)?;
        }
        round::forget_lost_processes(&connection)?;
        Ok(Self {
            connection,
            file: None,
            seen: None,
            process: None,
            is_overwritten: false,
            catching_up: None,
        })
    }

    /// Refuses to go on if another file is at the path, or another program wrote over the file. The
    /// log beside it belongs to the old content, and would damage the new one.
    fn check_place(&self) -> Result<(), StoreError> {
        match &self.file {
            Some((path, _)) if self.is_overwritten => {
                Err(StoreError::Overwritten(path.display().to_string()))
            }
            Some((path, opened)) if identity(path) != *opened => {
                Err(StoreError::Moved(path.display().to_string()))
            }
            _ => Ok(()),
        }
    }

    /// Looks at the file's content anew. SQLite would not look while its log says that no process
    /// has written, and so would not notice a program that wrote without the log.
    fn look(&mut self) -> Result<Seen, StoreError> {
        self.connection.release_memory()?;
        let reading = TransactionBehavior::Deferred;
        let transaction = self.connection.transaction_with_behavior(reading)?;
        let data_version =
            transaction.pragma_query_value(None, "data_version", |row| row.get(0))?;
        let changes = transaction
            .prepare_cached("SELECT number FROM version")?
            .query_row([], |row| row.get(0))?;
        let store = rows::store_id(&transaction)?;
        let sequence = match &self.process {
            Some(process) => round::last_sequence(&transaction, process)?,
            None => None,
        };
        Ok(Seen { data_version, version: Version { store, changes }, sequence })
    }

    /// Ends all writing: what is in the log belongs to the old content.
    fn give_up(&mut self) {
        self.is_overwritten = true;
        self.end_catching_up();
        // It can fail only if the library was built without the option.
        let _ = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    }

    fn end_catching_up(&mut self) {
        if let Some((end, thread)) = self.catching_up.take() {
            drop(end);
            let _ = thread.join();
        }
    }

    /// Changes apps in one transaction, and waits for the disk.
    fn change<T>(
        &mut self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.check_place()?;
        self.seen = None;
        self.connection.busy_timeout(PATIENT_TIMEOUT)?;
        self.connection.pragma_update(None, "synchronous", "FULL")?;
        let outcome = (|| {
            let transaction = self.connection.transaction()?;
            let outcome = change(&transaction)?;
            transaction.execute("UPDATE version SET number = number + 1", [])?;
            transaction.commit()?;
            Ok(outcome)
        })();
        self.connection.pragma_update(None, "synchronous", "NORMAL")?;
        self.connection.busy_timeout(BUSY_TIMEOUT)?;
        outcome
    }
}

/// Device and inode.
type FileIdentity = (u64, u64);

/// Tells the file at `path` from an earlier one. Systems other than Unix do not let an open file be
/// moved or removed, so there it only tells whether a file exists.
fn identity(path: &Path) -> Option<FileIdentity> {
    let metadata = std::fs::metadata(path).ok()?;
    #[cfg(unix)]
    let identity = {
        use std::os::unix::fs::MetadataExt;
        (metadata.dev(), metadata.ino())
    };
    #[cfg(not(unix))]
    let identity = (metadata.is_file().into(), 0);
    Some(identity)
}

/// True if the error may come from another process that creates the tables, or that closes the file
/// as the last one. SQLite does not wait for those by itself.
fn is_of_another_process(error: &StoreError) -> bool {
    match error {
        StoreError::Migrate(error) => {
            matches!(error, rusqlite_migration::Error::RusqliteError { .. })
        }
        StoreError::Sqlite(error) => {
            error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
        }
        _ => false,
    }
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    Ok(connection)
}

/// Creates an empty file, readable by its owner alone, if there is none. SQLite gives the files
/// beside it the same permissions.
fn make_private(path: &Path) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

impl Store for Sqlite {
    fn version(&mut self) -> Result<Version, StoreError> {
        self.check_place()?;
        let now = self.look()?;
        if self.seen.is_some_and(|seen| seen.is_overwritten_by(&now)) {
            self.give_up();
            self.check_place()?;
        }
        self.seen = Some(now);
        Ok(now.version)
    }

    fn give_id(&mut self) -> Result<(), StoreError> {
        self.check_place()?;
        self.seen = None;
        rows::add_tables(self.connection.transaction()?)
    }

    fn probe(&mut self, bytes: usize) -> Result<(), StoreError> {
        self.check_place()?;
        let mut probe = self.connection.prepare_cached("UPDATE store SET probe = zeroblob(?1)")?;
        probe.execute([bytes as i64])?;
        Ok(())
    }

    fn apps(&mut self) -> Result<Vec<App>, StoreError> {
        let reading = TransactionBehavior::Deferred;
        let transaction = self.connection.transaction_with_behavior(reading)?;
        rows::read_apps(&transaction, "", [])
    }

    fn create(&mut self, app: &App) -> Result<(), StoreError> {
        self.change(|transaction| {
            if rows::find(transaction, &app.id)?.is_some() {
                return Err(StoreError::AppExists(app.id.clone()));
            }
            rows::write_app(transaction, app)
        })
    }

    fn edit(&mut self, app_id: &str, edit: &mut Edit<'_>) -> Result<App, StoreError> {
        self.change(|transaction| {
            let app = rows::find(transaction, app_id)?;
            let mut app = app.ok_or_else(|| StoreError::UnknownApp(app_id.to_owned()))?;
            edit(&mut app)?;
            transaction.execute("DELETE FROM apps WHERE id = ?1", [app_id])?;
            rows::write_app(transaction, &app)?;
            Ok(app)
        })
    }

    fn delete(&mut self, app_id: &str) -> Result<(), StoreError> {
        self.change(|transaction| {
            if transaction.execute("DELETE FROM apps WHERE id = ?1", [app_id])? == 0 {
                return Err(StoreError::UnknownApp(app_id.to_owned()));
            }
            transaction.execute("DELETE FROM holds WHERE app_id = ?1", [app_id])?;
            transaction.execute("DELETE FROM buckets WHERE app_id = ?1", [app_id])?;
            Ok(())
        })
    }

    fn usage(&mut self, from: Date, to: Date) -> Result<Vec<Usage>, StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT day, app_id, requests FROM usage WHERE day BETWEEN ?1 AND ?2
             ORDER BY day, app_id",
        )?;
        let mut rows = query.query([day_text(from), day_text(to)])?;
        let mut usage = Vec::new();
        while let Some(row) = rows.next()? {
            let day = Date::parse(row.get_ref(0)?.as_str().unwrap_or_default(), DAY)
                .map_err(|_| StoreError::Damaged("a day of its usage is not a date"))?;
            usage.push(Usage { day, app_id: row.get(1)?, requests: rows::count(row, 2)? });
        }
        Ok(usage)
    }

    fn post(
        &mut self,
        settlement: &Settlement,
        entries: &[Entry],
    ) -> Result<Vec<Result<(), LimitReached>>, StoreError> {
        self.check_place()?;
        let now = OffsetDateTime::now_utc().unix_timestamp();
        let transaction = self.connection.transaction()?;
        round::settle(&transaction, settlement, now)?;
        let outcomes = entries
            .iter()
            .map(|entry| round::hold(&transaction, entry))
            .collect::<Result<_, _>>()?;
        transaction.commit()?;
        self.process = Some(settlement.process);
        if let Some(seen) = &mut self.seen {
            seen.sequence = seen.sequence.max(Some(settlement.sequence));
        }
        Ok(outcomes)
    }

    fn warnings(&mut self) -> Vec<String> {
        let check = "PRAGMA quick_check(1)";
        let found = self.connection.query_row(check, [], |row| row.get::<_, String>(0));
        let damage = match found {
            Ok(found) if found == "ok" => return Vec::new(),
            Ok(found) => found,
            Err(error) => error.to_string(),
        };
        // The finding may have several lines.
        let damage = damage.split_whitespace().collect::<Vec<_>>().join(" ");
        vec![format!("the accounts file is damaged ({damage}): restore a copy of it")]
    }
}

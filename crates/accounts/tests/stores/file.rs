//! The behaviour of the file alone.

use accounts::{Config, Store, StoreError};

use crate::{app, empty_settlement, settlement};

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("accounts.db");
    let mut store = accounts::open(&Config { database, ..Config::default() }).unwrap();
    store.create(&app("one")).unwrap();
    let mut files = 0;
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.path().display());
        files += 1;
    }
    assert_eq!(files, 3, "the database, its log, and the log's index");
}

#[test]
fn another_kind_of_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("accounts.db");
    let config = Config { database: database.clone(), ..Config::default() };
    std::fs::write(&database, "some other text here".repeat(100)).unwrap();
    assert!(matches!(accounts::open(&config).err(), Some(StoreError::Sqlite(_))));
    std::fs::remove_file(&database).unwrap();
    // A file of a later version.
    drop(accounts::open(&config).unwrap());
    let connection = rusqlite::Connection::open(&database).unwrap();
    connection.pragma_update(None, "user_version", 1000).unwrap();
    drop(connection);
    assert!(matches!(accounts::open(&config).err(), Some(StoreError::Migrate(_))));
    let nowhere = Config { database: "/proc/nowhere/accounts.db".into(), ..Config::default() };
    assert!(matches!(accounts::open(&nowhere).err(), Some(StoreError::Create { .. })));
}

#[cfg(unix)]
#[test]
fn a_file_that_was_moved_or_exchanged_is_not_used_any_more() {
    let directory = tempfile::tempdir().unwrap();
    let config = |name: &str| Config { database: directory.path().join(name), ..Config::default() };
    let mut store = accounts::open(&config("accounts.db")).unwrap();
    store.create(&app("one")).unwrap();
    let mut other = accounts::open(&config("other.db")).unwrap();
    other.create(&app("two")).unwrap();
    drop(other);
    let is_moved = |store: &mut dyn Store| matches!(store.version(), Err(StoreError::Moved(_)));
    assert!(!is_moved(&mut *store));
    let (place, kept) = (config("accounts.db").database, directory.path().join("kept"));
    std::fs::rename(&place, &kept).unwrap();
    assert!(is_moved(&mut *store));
    std::fs::rename(config("other.db").database, &place).unwrap();
    assert!(is_moved(&mut *store));
    // The file that is open is put back.
    std::fs::rename(&kept, &place).unwrap();
    assert_eq!(store.apps().unwrap()[0].id, "one");
    assert!(!is_moved(&mut *store));
}

#[test]
fn several_processes_may_open_a_new_file_at_once() {
    for _ in 0..20 {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("accounts.db");
        let config = Config { database, ..Config::default() };
        std::thread::scope(|scope| {
            for i in 0..4 {
                let config = &config;
                scope.spawn(move || {
                    accounts::open(config).unwrap().create(&app(&format!("app-{i}"))).unwrap();
                });
            }
        });
        assert_eq!(accounts::open(&config).unwrap().apps().unwrap().len(), 4);
    }
}

/// `cp COPY accounts.db`, which keeps the file's inode.
#[test]
fn a_file_that_was_overwritten_in_place_is_not_used_any_more() {
    let directory = tempfile::tempdir().unwrap();
    let config = |name: &str| Config { database: directory.path().join(name), ..Config::default() };
    let place = |name: &str| config(name).database;
    let mut other = accounts::open(&config("other.db")).unwrap();
    other.create(&app("other")).unwrap();
    drop(other);
    let mut operator = accounts::open(&config("accounts.db")).unwrap();
    operator.create(&app("one")).unwrap();
    // Ending the last connection brings everything into the file.
    drop(operator);
    std::fs::copy(place("accounts.db"), place("earlier.db")).unwrap();
    accounts::open(&config("accounts.db")).unwrap().create(&app("two")).unwrap();
    std::fs::copy(place("accounts.db"), place("later.db")).unwrap();
    for name in ["other.db", "earlier.db"] {
        std::fs::copy(place("later.db"), place("accounts.db")).unwrap();
        let mut store = accounts::open(&config("accounts.db")).unwrap();
        let version = store.version().unwrap();
        assert_eq!(store.apps().unwrap().len(), 2);
        assert_eq!(store.version().unwrap(), version, "a look changes nothing");
        std::fs::copy(place(name), place("accounts.db")).unwrap();
        assert!(matches!(store.version(), Err(StoreError::Overwritten(_))), "{name}");
        // Nothing is written over the new content, also at the end.
        assert!(matches!(store.post(&settlement(1), &[]), Err(StoreError::Overwritten(_))));
        assert!(matches!(store.probe(0), Err(StoreError::Overwritten(_))));
        drop(store);
        assert_eq!(
            std::fs::read(place(name)).unwrap(),
            std::fs::read(place("accounts.db")).unwrap(),
            "{name}"
        );
        for suffix in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(place(&format!("accounts.db{suffix}")));
        }
    }
}

/// A copy of the same apps from before the last counts differs in the counts alone.
#[test]
fn a_file_that_was_overwritten_with_older_counts_is_not_used_any_more() {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    let config = Config { database: place("accounts.db"), ..Config::default() };
    accounts::open(&config).unwrap().create(&app("one")).unwrap();
    std::fs::copy(place("accounts.db"), place("copy.db")).unwrap();
    let mut store = accounts::open(&config).unwrap();
    store.version().unwrap();
    for sequence in 1..=2 {
        store.post(&settlement(sequence), &[]).unwrap();
        store.version().unwrap();
    }
    // The log is brought into the file, as the service does twice a second.
    let log = rusqlite::Connection::open(place("accounts.db")).unwrap();
    log.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).unwrap();
    store.version().unwrap();
    std::fs::copy(place("copy.db"), place("accounts.db")).unwrap();
    assert!(matches!(store.version(), Err(StoreError::Overwritten(_))));
}

/// Writes of other processes, of the store itself, and of SQLite's own tools are none of these.
#[test]
fn what_other_processes_write_is_no_overwriting() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config { database: directory.path().join("accounts.db"), ..Config::default() };
    let mut store = accounts::open(&config).unwrap();
    let mut operator = accounts::open(&config).unwrap();
    for i in 1..50 {
        let before = store.version().unwrap();
        match i % 4 {
            0 => operator.create(&app(&format!("app-{i}"))).unwrap(),
            1 => store.create(&app(&format!("app-{i}"))).unwrap(),
            2 => drop(operator.post(&empty_settlement(), &[]).unwrap()),
            _ => drop(store.post(&settlement(i), &[]).unwrap()),
        }
        store.probe(64 << 10).unwrap();
        let after = store.version().unwrap();
        assert_eq!(after.store, before.store);
        assert_eq!(after.changes - before.changes, i64::from(i % 4 < 2));
        let other = rusqlite::Connection::open(&config.database).unwrap();
        let mode = if i % 3 == 0 { "TRUNCATE" } else { "PASSIVE" };
        other.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(())).unwrap();
        assert_eq!(store.version().unwrap(), after);
    }
}

/// As after a disk's fault, or a file that is half of one copy and half of another.
#[test]
fn a_damaged_file_gives_a_warning() {
    use std::io::{Seek, SeekFrom, Write};
    let directory = tempfile::tempdir().unwrap();
    let config = Config { database: directory.path().join("accounts.db"), ..Config::default() };
    let mut store = accounts::open(&config).unwrap();
    for i in 0..100 {
        store.create(&app(&format!("app-{i}"))).unwrap();
    }
    assert_eq!(store.warnings(), [""; 0]);
    drop(store);
    let mut file = std::fs::OpenOptions::new().write(true).open(&config.database).unwrap();
    // The last of its pages of 4096 bytes.
    file.seek(SeekFrom::End(-4096)).unwrap();
    file.write_all(&[0x55; 4096]).unwrap();
    drop(file);
    let warnings = accounts::open(&config).unwrap().warnings();
    assert!(warnings[0].contains("the accounts file is damaged ("), "{warnings:?}");
    assert_eq!(warnings.len(), 1);
}

/// The two ways of docs/OPERATIONS.md to make a copy while a service runs.
#[test]
fn both_kinds_of_copies_hold_everything_and_are_the_same_store() {
    let directory = tempfile::tempdir().unwrap();
    let config = |name: &str| Config { database: directory.path().join(name), ..Config::default() };
    let mut store = accounts::open(&config("accounts.db")).unwrap();
    store.create(&app("one")).unwrap();
    let day = time::macros::date!(2026 - 11 - 23);
    let counts = vec![("one".into(), day, 5)];
    store.post(&accounts::Settlement { counts, ..settlement(1) }, &[]).unwrap();
    let version = store.version().unwrap();
    let file = rusqlite::Connection::open(config("accounts.db").database).unwrap();
    let backup = config("backup.db").database;
    file.backup("main", &backup, None::<fn(rusqlite::backup::Progress)>).unwrap();
    let into = config("vacuum.db").database;
    file.execute("VACUUM INTO ?1", [into.display().to_string()]).unwrap();
    for name in ["backup.db", "vacuum.db"] {
        let mut copy = accounts::open(&config(name)).unwrap();
        assert_eq!(copy.version().unwrap(), version, "{name}");
        assert_eq!(copy.apps().unwrap(), store.apps().unwrap(), "{name}");
        assert_eq!(copy.usage(day, day).unwrap()[0].requests, 5, "{name}");
    }
}

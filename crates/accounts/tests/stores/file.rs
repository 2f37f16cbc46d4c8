//! The behaviour of the file alone.

use accounts::{Config, Store, StoreError};

use crate::app;

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

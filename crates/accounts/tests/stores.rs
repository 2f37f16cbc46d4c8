//! What every store must do, asked of each: the file, and a real server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::num::NonZeroU32;
use std::sync::Arc;

use accounts::{
    App, Backend, Config, EditError, Entry, Key, LimitReached, Limits, Rate, Settlement, Store,
    StoreError, Usage, ValkeyConfig,
};
use testbed::valkey::ValkeyServer;
use time::macros::date;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// Runs `test` on every kind of store; what it gets opens the same one each time.
fn on_each_store(test: impl Fn(&dyn Fn() -> Box<dyn Store>)) {
    let directory = tempfile::tempdir().unwrap();
    let file = Config { database: directory.path().join("new/accounts.db"), ..Config::default() };
    test(&|| accounts::open(&file).unwrap());
    if let Some(server) = ValkeyServer::start(&[]) {
        let valkey = ValkeyConfig { url: server.url(), ..ValkeyConfig::default() };
        let shared = Config { backend: Backend::Valkey, valkey, ..Config::default() };
        test(&|| accounts::open(&shared).unwrap());
    }
}

fn app(id: &str) -> App {
    App::new(id, "a label", Limits::default(), &Key::generate()).unwrap()
}

fn rate(per_minute: u32, burst: u32) -> Rate {
    let number = |n| NonZeroU32::new(n).unwrap();
    Rate { per_minute: number(per_minute), burst: number(burst) }
}

fn entry(app_id: &str, limits: Limits, at: OffsetDateTime) -> Entry {
    let (app_id, lease_ends_at) = (app_id.into(), at + Duration::minutes(5));
    Entry { hold: Uuid::new_v4(), app_id, limits, at, lease_ends_at }
}

fn settlement(sequence: u64) -> Settlement {
    Settlement {
        process: Uuid::from_u128(7),
        sequence,
        counts: Vec::new(),
        released: Vec::new(),
        used_keys: Vec::new(),
    }
}

/// Of a process that has nothing to settle.
fn nothing() -> Settlement {
    Settlement { process: Uuid::new_v4(), ..settlement(1) }
}

/// Lets one request in, or says why not.
fn enter(store: &mut dyn Store, entry: &Entry) -> Result<(), LimitReached> {
    store.post(&nothing(), std::slice::from_ref(entry)).unwrap()[0]
}

#[test]
fn apps_are_kept_as_they_were_put() {
    on_each_store(|open| {
        let mut store = open();
        assert_eq!(store.apps().unwrap(), []);
        let mut one = app("one");
        one.limits =
            Limits { quota_per_day: Some(0), quota_per_month: None, rate: Some(rate(7, 3)) };
        one.rotate(&Key::generate()).unwrap();
        let mut two = app("two");
        two.enabled = false;
        two.label = "Caf\u{e9} \u{2615} 'quoted' \"twice\"".into();
        store.create(&two).unwrap();
        store.create(&one).unwrap();
        assert_eq!(store.apps().unwrap(), [one.clone(), two.clone()]);
        // By whoever opens it.
        assert_eq!(open().apps().unwrap(), [one.clone(), two]);
        let again = store.create(&app("two"));
        assert!(matches!(again, Err(StoreError::AppExists(id)) if id == "two"));

        let edited = store.edit("one", &mut |app| {
            app.enabled = false;
            app.finish_rotation()
        });
        one.enabled = false;
        one.finish_rotation().unwrap();
        assert_eq!(edited.unwrap(), one);
        assert_eq!(store.apps().unwrap()[0], one);

        store.delete("two").unwrap();
        assert_eq!(store.apps().unwrap(), [one]);
        for outcome in [store.delete("two"), store.edit("two", &mut |_| Ok(())).map(drop)] {
            assert!(matches!(outcome, Err(StoreError::UnknownApp(id)) if id == "two"));
        }
    });
}

#[test]
fn an_edit_that_fails_changes_nothing() {
    on_each_store(|open| {
        let mut store = open();
        let one = app("one");
        store.create(&one).unwrap();
        let version = store.version().unwrap();
        let failed = store.edit("one", &mut |app| {
            app.enabled = false;
            app.finish_rotation()
        });
        assert!(matches!(failed, Err(StoreError::Edit(EditError::NoRotation))));
        assert_eq!(store.apps().unwrap(), [one]);
        assert_eq!(store.version().unwrap(), version);
    });
}

#[test]
fn every_change_to_apps_is_seen_by_its_number_and_counting_is_not() {
    on_each_store(|open| {
        let (mut store, mut other) = (open(), open());
        let mut seen = vec![other.version().unwrap()];
        store.create(&app("one")).unwrap();
        seen.push(other.version().unwrap());
        store.edit("one", &mut |_| Ok(())).unwrap();
        seen.push(other.version().unwrap());
        store.delete("one").unwrap();
        seen.push(other.version().unwrap());
        assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
        enter(&mut *store, &entry("one", Limits::default(), OffsetDateTime::now_utc())).unwrap();
        assert_eq!(Some(&other.version().unwrap()), seen.last());
    });
}

#[test]
fn changes_by_several_at_once_are_all_made() {
    on_each_store(|open| {
        open().create(&app("one")).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let mut store = open();
                scope.spawn(move || {
                    for _ in 0..25 {
                        let mut add_one = |app: &mut App| {
                            let quota = app.limits.quota_per_day.unwrap_or(0) + 1;
                            app.limit(Limits { quota_per_day: Some(quota), ..app.limits })
                        };
                        store.edit("one", &mut add_one).unwrap();
                    }
                });
            }
        });
        assert_eq!(open().apps().unwrap()[0].limits.quota_per_day, Some(100));
    });
}

#[test]
fn a_quota_counts_what_was_answered_and_what_is_held() {
    on_each_store(|open| {
        let mut store = open();
        let now = OffsetDateTime::now_utc();
        let limits = Limits { quota_per_day: Some(3), ..Limits::default() };
        let ask = |store: &mut dyn Store| {
            let entry = entry("one", limits, now);
            enter(store, &entry).map(|()| entry.hold)
        };
        let holds: Vec<Uuid> = (0..3).map(|_| ask(&mut *store).unwrap()).collect();
        assert_eq!(ask(&mut *store), Err(LimitReached::DayQuotaSpent));
        // Others have quotas of their own.
        assert_eq!(enter(&mut *store, &entry("two", limits, now)), Ok(()));
        // One is answered, one is given back.
        let one: Arc<str> = "one".into();
        let over = Settlement {
            counts: vec![(Arc::clone(&one), now.date(), 1)],
            released: holds[..2].iter().map(|hold| (Arc::clone(&one), *hold)).collect(),
            ..settlement(1)
        };
        store.post(&over, &[]).unwrap();
        ask(&mut *store).unwrap();
        assert_eq!(ask(&mut *store), Err(LimitReached::DayQuotaSpent));
        // What is asked with a settlement comes after it, all in one.
        let asked = [entry("one", limits, now), entry("one", limits, now)];
        let over = Settlement { released: vec![(one, holds[2])], ..settlement(2) };
        let answers = store.post(&over, &asked).unwrap();
        assert_eq!(answers, [Ok(()), Err(LimitReached::DayQuotaSpent)]);
    });
}

#[test]
fn days_and_months_have_quotas_of_their_own() {
    on_each_store(|open| {
        let mut store = open();
        let limits =
            Limits { quota_per_day: Some(2), quota_per_month: Some(3), ..Limits::default() };
        let days = [
            date!(2026 - 10 - 31),
            date!(2026 - 11 - 01),
            date!(2026 - 11 - 29),
            date!(2026 - 11 - 30),
        ];
        for (i, day) in days.into_iter().enumerate() {
            let requests = if day == days[0] { 9 } else { 1 };
            let counts = vec![("one".into(), day, requests)];
            let over = Settlement { counts, ..settlement(i as u64 + 1) };
            store.post(&over, &[]).unwrap();
        }
        let mut at = |day: time::Date| {
            let asked = entry("one", limits, day.midnight().assume_utc());
            let answer = enter(&mut *store, &asked);
            let over = Settlement {
                released: vec![(asked.app_id, asked.hold)],
                ..settlement(asked.at.unix_timestamp().unsigned_abs())
            };
            store.post(&over, &[]).unwrap();
            answer
        };
        assert_eq!(at(date!(2026 - 10 - 31)), Err(LimitReached::DayQuotaSpent));
        assert_eq!(at(date!(2026 - 11 - 30)), Err(LimitReached::MonthQuotaSpent));
        assert_eq!(at(date!(2026 - 12 - 01)), Ok(()));
        assert_eq!(at(date!(2027 - 11 - 30)), Ok(()));
    });
}

#[test]
fn what_a_lost_process_held_is_given_back_when_its_lease_ends() {
    on_each_store(|open| {
        let mut store = open();
        let limits = Limits { quota_per_day: Some(1), ..Limits::default() };
        let now = OffsetDateTime::now_utc();
        let lost = Entry { lease_ends_at: now + Duration::seconds(2), ..entry("one", limits, now) };
        enter(&mut *store, &lost).unwrap();
        let again = entry("one", limits, now);
        assert_eq!(enter(&mut *store, &again), Err(LimitReached::DayQuotaSpent));
        std::thread::sleep(std::time::Duration::from_millis(3100));
        assert_eq!(enter(&mut *store, &again), Ok(()));
    });
}

#[test]
fn bursts_pass_and_then_tokens_as_they_come_back() {
    on_each_store(|open| {
        let mut store = open();
        let ask = |store: &mut dyn Store, rate| {
            let limits = Limits { rate: Some(rate), ..Limits::default() };
            enter(store, &entry("one", limits, OffsetDateTime::now_utc()))
        };
        // One a minute: nothing comes back while this runs.
        let slow = rate(1, 3);
        for _ in 0..3 {
            assert_eq!(ask(&mut *store, slow), Ok(()));
        }
        let Err(LimitReached::TooFast { wait_us }) = ask(&mut *store, slow) else { panic!() };
        assert!((50_000_000..=60_000_000).contains(&wait_us), "{wait_us}");
        // A refusal takes nothing, and a faster rate acts at once.
        let fast = rate(1200, 1);
        let Err(LimitReached::TooFast { wait_us }) = ask(&mut *store, fast) else { panic!() };
        assert!((1..=50_000).contains(&wait_us), "{wait_us}");
        std::thread::sleep(std::time::Duration::from_micros(wait_us.unsigned_abs()));
        assert_eq!(ask(&mut *store, fast), Ok(()));
    });
}

#[test]
fn usage_is_told_by_day_and_app_and_outlives_the_app() {
    on_each_store(|open| {
        let mut store = open();
        store.create(&app("one")).unwrap();
        let (first, last) = (date!(2026 - 01 - 31), date!(2026 - 02 - 01));
        let counts = vec![
            ("two".into(), last, 5),
            ("one".into(), last, 2),
            ("one".into(), first, 1_000_000_000_000),
        ];
        store.post(&Settlement { counts, ..settlement(1) }, &[]).unwrap();
        let more = vec![("one".into(), last, 3)];
        store.post(&Settlement { counts: more, ..settlement(2) }, &[]).unwrap();
        store.delete("one").unwrap();
        let usage = |day, app_id: &str, requests| Usage { day, app_id: app_id.into(), requests };
        let all =
            [usage(first, "one", 1_000_000_000_000), usage(last, "one", 5), usage(last, "two", 5)];
        assert_eq!(store.usage(first, last).unwrap(), all);
        assert_eq!(store.usage(last, last).unwrap(), all[1..]);
        assert_eq!(store.usage(last, first).unwrap(), []);
    });
}

#[test]
fn the_last_use_of_a_key_is_kept_and_never_goes_back() {
    on_each_store(|open| {
        let mut store = open();
        let (old, new) = (Key::generate(), Key::generate());
        let mut one = App::new("one", "", Limits::default(), &old).unwrap();
        one.rotate(&new).unwrap();
        store.create(&one).unwrap();
        let late = date!(2026 - 11 - 23).midnight().assume_utc();
        for (sequence, at) in [(1, late), (2, late - Duration::hours(1))] {
            let used_keys = vec![("one".into(), new.digest(), at)];
            store.post(&Settlement { used_keys, ..settlement(sequence) }, &[]).unwrap();
        }
        let kept = store.apps().unwrap().remove(0);
        assert_eq!(kept.keys[0].last_used_at, None);
        assert_eq!(kept.keys[1].last_used_at, Some(late));
        assert_eq!(kept.last_used_at(), Some(late));
        // A change to the app leaves it alone, the end of the key ends it, and so it stays.
        store.edit("one", &mut |app| app.relabel("other")).unwrap();
        assert_eq!(store.apps().unwrap()[0].last_used_at(), Some(late));
        store.edit("one", &mut App::cancel_rotation).unwrap();
        let used_keys =
            vec![("one".into(), new.digest(), late), ("two".into(), old.digest(), late)];
        store.post(&Settlement { used_keys, ..settlement(3) }, &[]).unwrap();
        store.edit("one", &mut |app| app.rotate(&new)).unwrap();
        assert_eq!(store.apps().unwrap()[0].last_used_at(), None);
    });
}

/// Services may report the use of keys that have been dropped; nothing of them is kept for ever.
#[test]
fn a_server_forgets_keys_that_are_gone() {
    let Some(server) = ValkeyServer::start(&[]) else { return };
    let valkey = ValkeyConfig { url: server.url(), ..ValkeyConfig::default() };
    let config = Config { backend: Backend::Valkey, valkey, ..Config::default() };
    let mut store = accounts::open(&config).unwrap();
    let keys = [(); 3].map(|()| Key::generate());
    store.create(&App::new("one", "", Limits::default(), &keys[0]).unwrap()).unwrap();
    let use_all = |store: &mut dyn Store| {
        let now = OffsetDateTime::now_utc();
        let used_keys = keys.iter().map(|key| ("one".into(), key.digest(), now)).collect();
        store.post(&Settlement { used_keys, ..nothing() }, &[]).unwrap();
    };
    let mut connection = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    let mut remembered =
        || redis::cmd("HLEN").arg("livegate:key_used").query::<u64>(&mut connection).unwrap();
    use_all(&mut *store);
    assert_eq!(remembered(), 1);
    store.edit("one", &mut |app| app.rotate(&keys[1])).unwrap();
    use_all(&mut *store);
    assert_eq!(remembered(), 2);
    store.edit("one", &mut |app| app.replace_keys(&keys[2])).unwrap();
    assert_eq!(remembered(), 0);
    use_all(&mut *store);
    assert_eq!(remembered(), 1);
    store.delete("one").unwrap();
    use_all(&mut *store);
    assert_eq!(remembered(), 0);
}

/// The answer to a settlement may be lost after it was made. It is then handed in again.
#[test]
fn a_settlement_that_is_handed_in_again_is_made_once() {
    on_each_store(|open| {
        let mut store = open();
        let today = OffsetDateTime::now_utc().date();
        let counts = |requests| vec![("one".into(), today, requests)];
        for (sequence, requests) in [(1, 4), (1, 4), (2, 3), (2, 3), (1, 4)] {
            let over = Settlement { counts: counts(requests), ..settlement(sequence) };
            store.post(&over, &[]).unwrap();
        }
        let other = Settlement { counts: counts(2), ..nothing() };
        store.post(&other, &[]).unwrap();
        assert_eq!(open().usage(today, today).unwrap()[0].requests, 4 + 3 + 2);
    });
}

/// What was sent over a connection that was given up may arrive later than what came after it.
#[test]
fn a_server_lets_nobody_in_who_was_given_up() {
    let Some(server) = ValkeyServer::start(&[]) else { return };
    let valkey = ValkeyConfig { url: server.url(), ..ValkeyConfig::default() };
    let config = Config { backend: Backend::Valkey, valkey, ..Config::default() };
    let mut store = accounts::open(&config).unwrap();
    let limits = Limits { quota_per_day: Some(1), ..Limits::default() };
    let late = entry("one", limits, OffsetDateTime::now_utc());
    store.post(&settlement(2), &[]).unwrap();
    assert!(store.post(&settlement(1), std::slice::from_ref(&late)).is_err());
    let next = entry("one", limits, OffsetDateTime::now_utc());
    assert_eq!(store.post(&settlement(3), &[next]).unwrap(), [Ok(())]);
}

/// A question is asked again on a new connection, where a server may have answered the first.
#[test]
fn a_server_lets_a_request_in_once() {
    let Some(server) = ValkeyServer::start(&[]) else { return };
    let valkey = ValkeyConfig { url: server.url(), ..ValkeyConfig::default() };
    let config = Config { backend: Backend::Valkey, valkey, ..Config::default() };
    let mut store = accounts::open(&config).unwrap();
    let now = OffsetDateTime::now_utc();
    let limits = Limits { quota_per_day: Some(2), rate: Some(rate(1, 2)), ..Limits::default() };
    let asked = entry("one", limits, now);
    for _ in 0..3 {
        assert_eq!(enter(&mut *store, &asked), Ok(()));
    }
    assert_eq!(enter(&mut *store, &entry("one", limits, now)), Ok(()));
    let spent = enter(&mut *store, &entry("one", limits, now));
    assert_eq!(spent, Err(LimitReached::DayQuotaSpent));
}

#[test]
fn a_closed_connection_is_made_anew_without_anyone_noticing() {
    let Some(mut server) = ValkeyServer::start(&["--appendonly", "yes"]) else { return };
    let valkey = ValkeyConfig { url: server.url(), ..ValkeyConfig::default() };
    let config = Config { backend: Backend::Valkey, valkey, ..Config::default() };
    let mut store = accounts::open(&config).unwrap();
    store.create(&app("one")).unwrap();
    server.kill();
    assert!(matches!(store.version(), Err(StoreError::Valkey(_))));
    server.start_again();
    let now = OffsetDateTime::now_utc();
    enter(&mut *store, &entry("one", Limits::default(), now)).unwrap();
    server.kill();
    server.start_again();
    // The first thing that is asked after a restart is answered, and the app is still there.
    assert_eq!(enter(&mut *store, &entry("one", Limits::default(), now)), Ok(()));
    assert_eq!(store.apps().unwrap().len(), 1);
}

#[test]
fn a_server_that_may_forget_is_warned_of() {
    let warnings = |arguments: &[&str]| {
        let server = ValkeyServer::start(arguments)?;
        let valkey = ValkeyConfig { url: server.url(), ..ValkeyConfig::default() };
        let config = Config { backend: Backend::Valkey, valkey, ..Config::default() };
        Some(accounts::open(&config).unwrap().warnings().join(" "))
    };
    let Some(forgetful) = warnings(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"])
    else {
        return;
    };
    assert!(
        forgetful.contains("appendonly yes") && forgetful.contains("noeviction"),
        "{forgetful}"
    );
    assert_eq!(warnings(&["--appendonly", "yes"]).unwrap(), "");
}

#[test]
fn a_server_may_ask_for_a_password_and_it_is_told_nobody_else() {
    let Some(server) = ValkeyServer::start(&["--requirepass", "a long secret"]) else { return };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    std::fs::write(&file, "a long secret\n").unwrap();
    let open = |change: &dyn Fn(&mut ValkeyConfig)| {
        let mut valkey = ValkeyConfig { url: server.url(), ..ValkeyConfig::default() };
        change(&mut valkey);
        let config = Config { backend: Backend::Valkey, valkey, ..Config::default() };
        config.validate().map_err(StoreError::from)?;
        assert!(!format!("{config:?}").contains("secret"), "{config:?}");
        assert!(!serde_json::to_string(&config).unwrap().contains("secret"));
        accounts::open(&config).map(drop)
    };
    open(&|valkey| valkey.password = Some("a long secret".into())).unwrap();
    open(&|valkey| valkey.password_file = Some(file.clone())).unwrap();
    let refused = |change: &dyn Fn(&mut ValkeyConfig)| {
        let error = open(change).unwrap_err();
        let text = format!("{error} {error:?} {:?}", std::error::Error::source(&error));
        assert!(!text.contains("secret"), "{text}");
        error.to_string()
    };
    assert!(refused(&|_| ()).contains("accounts server"));
    assert!(refused(&|v| v.password = Some("the wrong secret".into())).contains("accounts server"));
    let in_url = server.url().replace("//", "//user:secret@");
    assert!(refused(&|v| v.url.clone_from(&in_url)).contains("password_file"));
    let as_parameter = format!("{}?password=secret", server.url());
    assert!(refused(&|v| v.url.clone_from(&as_parameter)).contains("redis://HOST:PORT/DB"));
    assert!(refused(&|v| v.url = "secret".into()).contains("redis://HOST:PORT/DB"));
    assert!(refused(&|v| v.timeout_ms = 0).contains("timeout_ms"));
    assert!(refused(&|v| v.password_file = Some("/nowhere".into())).contains("password_file"));
    let both = |v: &mut ValkeyConfig| {
        v.password = Some("secret".into());
        v.password_file = Some(file.clone());
    };
    assert!(refused(&both).contains("not both"));
}

/// The rights that docs/OPERATIONS.md names are enough, and the keys they name are the only ones used.
#[test]
fn a_user_with_the_documented_rights_can_do_everything() {
    let documentation = include_str!("../../../docs/OPERATIONS.md");
    let rights = documentation.lines().find(|line| line.starts_with("~livegate:*")).unwrap();
    let mut arguments = vec!["--user", "livegate", "on", ">a long secret", "resetchannels"];
    arguments.extend(rights.split(' '));
    arguments.extend(["--appendonly", "yes", "--user", "default", "off"]);
    let Some(server) = ValkeyServer::start(&arguments) else { return };
    let valkey = ValkeyConfig {
        url: server.url().replace("/0", "/1"),
        user: Some("livegate".into()),
        password: Some("a long secret".into()),
        ..ValkeyConfig::default()
    };
    let config = Config { backend: Backend::Valkey, valkey, ..Config::default() };
    let mut store = accounts::open(&config).unwrap();
    assert_eq!(store.warnings(), Vec::<String>::new());
    store.create(&app("one")).unwrap();
    store.edit("one", &mut |app| app.relabel("other")).unwrap();
    let now = OffsetDateTime::now_utc();
    let limits = Limits { quota_per_day: Some(5), rate: Some(rate(60, 60)), ..Limits::default() };
    let asked = entry("one", limits, now);
    assert_eq!(enter(&mut *store, &asked), Ok(()));
    let over = Settlement {
        counts: vec![("one".into(), now.date(), 1)],
        released: vec![("one".into(), asked.hold)],
        used_keys: vec![("one".into(), Key::generate().digest(), now)],
        ..settlement(1)
    };
    store.post(&over, &[]).unwrap();
    assert_eq!(store.usage(now.date(), now.date()).unwrap().len(), 1);
    store.delete("one").unwrap();
    assert_eq!(store.apps().unwrap(), []);
}

#[cfg(unix)]
#[test]
fn the_file_is_its_owners_alone() {
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
fn what_is_no_accounts_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("accounts.db");
    let config = Config { database: database.clone(), ..Config::default() };
    std::fs::write(&database, "what somebody wrote".repeat(100)).unwrap();
    assert!(matches!(accounts::open(&config).err(), Some(StoreError::Sqlite(_))));
    std::fs::remove_file(&database).unwrap();
    // One of a later version.
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
fn a_file_that_is_moved_removed_or_exchanged_is_not_used_any_more() {
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
    // Put back, it is the one that is open.
    std::fs::rename(&kept, &place).unwrap();
    assert_eq!(store.apps().unwrap()[0].id, "one");
    assert!(!is_moved(&mut *store));
}

#[test]
fn several_may_open_a_new_file_at_once() {
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

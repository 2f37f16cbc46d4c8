//! Holding and counting quota with several services at once and through outages of the store.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use accounts::{
    Accounts, App, Backend, Config, Denial, Health, Hold, Key, LimitReached, Limits, Rate,
    ValkeyConfig, WhenUnavailable,
};
use futures_util::FutureExt;
use testbed::process::awaited;
use testbed::valkey::ValkeyServer;
use time::OffsetDateTime;

const DEADLINE: Duration = Duration::from_secs(10);

fn start(config: &Config) -> Accounts {
    let store = accounts::open(config).unwrap();
    Accounts::start(store, config.when_unavailable, DEADLINE).unwrap()
}

/// Creates an app with these limits, and returns its key.
fn create(config: &Config, id: &str, limits: Limits) -> Key {
    let key = Key::generate();
    let app = App::new(id, "", limits, &key).unwrap();
    accounts::open(config).unwrap().create(&app).unwrap();
    key
}

async fn hold(accounts: &Accounts, id: &str, key: &Key) -> Result<Hold, Denial> {
    let caller = accounts.identify(id.as_bytes(), key.reveal().as_bytes()).expect("it may call");
    accounts.hold(&caller).await
}

/// Counted requests of all apps, today and yesterday: a test may run past midnight.
fn counted(config: &Config) -> u64 {
    let today = OffsetDateTime::now_utc().date();
    let usage = accounts::open(config).unwrap().usage(today.previous_day().unwrap(), today);
    usage.unwrap().iter().map(|usage| usage.requests).sum()
}

/// Waits until `condition` is true, but not longer than the second within which a change must act.
fn within_a_second(mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(1), "it takes longer than a second");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Runs `test` with a configuration for each kind of store.
fn each_store(test: impl Fn(&Config)) {
    let directory = tempfile::tempdir().unwrap();
    test(&Config { database: directory.path().join("accounts.db"), ..Config::default() });
    if let Some((config, _server)) = shared(&[]) {
        test(&config);
    }
}

fn shared(arguments: &[&str]) -> Option<(Config, ValkeyServer)> {
    let server = ValkeyServer::start(arguments)?;
    let valkey = ValkeyConfig { url: server.url(), ..ValkeyConfig::default() };
    Some((Config { backend: Backend::Valkey, valkey, ..Config::default() }, server))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().unwrap()
}

fn quota(per_day: u64) -> Limits {
    // A month may end while a test runs, so the tests use the day's quota.
    Limits { quota_per_day: Some(per_day), ..Limits::default() }
}

/// 10,000 requests at two services over one store. A fifth of them is held and then not counted.
#[test]
fn concurrent_requests_lose_no_count_double_none_and_overdraw_no_quota() {
    each_store(|config| {
        let key = Arc::new(create(config, "one", quota(6000)));
        let services = [Arc::new(start(config)), Arc::new(start(config))];
        let (answered, given_back, refused) =
            (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        let counters = Arc::new((answered, given_back, refused));
        let runtime = runtime();
        let tasks: Vec<_> = (0..100)
            .map(|task| {
                let (accounts, key) = (Arc::clone(&services[task % 2]), Arc::clone(&key));
                let counters = Arc::clone(&counters);
                runtime.spawn(async move {
                    for i in 0..100 {
                        match hold(&accounts, "one", &key).await {
                            Ok(hold) if i % 5 == 0 => {
                                tokio::task::yield_now().await;
                                drop(hold);
                                counters.1.fetch_add(1, Ordering::Relaxed);
                            }
                            Ok(hold) => {
                                tokio::task::yield_now().await;
                                hold.count();
                                counters.0.fetch_add(1, Ordering::Relaxed);
                            }
                            Err(denial) => {
                                assert_eq!(denial, Denial::Limit(LimitReached::DayQuotaSpent));
                                counters.2.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                    }
                })
            })
            .collect();
        for task in tasks {
            runtime.block_on(task).unwrap();
        }
        // All quota that was given back can be held again.
        while let Ok(hold) = runtime.block_on(hold(&services[0], "one", &key)) {
            hold.count();
            counters.0.fetch_add(1, Ordering::Relaxed);
        }
        for accounts in &services {
            accounts.close();
        }
        let (answered, given_back, refused) = &*counters;
        assert!(given_back.load(Ordering::Relaxed) > 0 && refused.load(Ordering::Relaxed) > 0);
        assert_eq!(counted(config), answered.load(Ordering::Relaxed));
        assert_eq!(counted(config), 6000);
    });
}

#[test]
fn every_change_acts_within_a_second() {
    each_store(|config| {
        let runtime = runtime();
        let accounts = start(config);
        let knows = |key: &Key| accounts.identify(b"one", key.reveal().as_bytes()).is_some();
        let denial = |key: &Key| runtime.block_on(hold(&accounts, "one", key)).err();
        let mut operator = accounts::open(config).unwrap();

        let old = create(config, "one", Limits::default());
        within_a_second(|| knows(&old));
        let new = Key::generate();
        operator.edit("one", &mut |app| app.rotate(&new)).unwrap();
        within_a_second(|| knows(&new));
        assert!(knows(&old));
        operator.edit("one", &mut |app| app.finish_rotation()).unwrap();
        within_a_second(|| !knows(&old));
        assert_eq!(denial(&new), None);
        operator.edit("one", &mut |app| app.limit(quota(0))).unwrap();
        within_a_second(|| denial(&new) == Some(Denial::Limit(LimitReached::DayQuotaSpent)));
        let single = NonZeroU32::new(1).unwrap();
        let rate = Limits { rate: Some(Rate { per_minute: single, burst: single }), ..quota(1000) };
        operator.edit("one", &mut |app| app.limit(rate)).unwrap();
        within_a_second(|| {
            matches!(denial(&new), Some(Denial::Limit(LimitReached::TooFast { .. })))
        });
        operator
            .edit("one", &mut |app| {
                app.enabled = false;
                Ok(())
            })
            .unwrap();
        within_a_second(|| denial(&new) == Some(Denial::Disabled));
        let last_use = || accounts::open(config).unwrap().apps().unwrap()[0].last_used_at();
        let earlier_use = last_use();
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!(denial(&new), Some(Denial::Disabled));
        within_a_second(|| last_use() > earlier_use);
        operator.delete("one").unwrap();
        within_a_second(|| !knows(&new));
    });
}

/// As `sqlite3 accounts.db ".restore copy.db"` does it, while a service is running.
#[test]
fn a_backup_that_is_restored_into_the_file_acts_within_a_second() {
    use rusqlite::Connection;
    use rusqlite::backup::Backup;

    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("accounts.db");
    let config = Config { database: database.clone(), ..Config::default() };
    let runtime = runtime();
    let accounts = start(&config);
    let knows =
        |id: &str, key: &Key| accounts.identify(id.as_bytes(), key.reveal().as_bytes()).is_some();
    let old = create(&config, "old", Limits::default());
    within_a_second(|| knows("old", &old));
    let mut copy = Connection::open_in_memory().unwrap();
    let mut file = Connection::open(&database).unwrap();
    let all = |from: &Connection, to: &mut Connection| {
        let pause = Duration::from_millis(1);
        Backup::new(from, to).unwrap().run_to_completion(100, pause, None).unwrap();
    };
    all(&file, &mut copy);
    let new = create(&config, "new", Limits::default());
    within_a_second(|| knows("new", &new));
    all(&copy, &mut file);
    within_a_second(|| !knows("new", &new));
    runtime.block_on(hold(&accounts, "old", &old)).unwrap().count();
    within_a_second(|| counted(&config) == 1);
}

#[test]
fn counts_are_stored_within_a_second_and_at_the_end() {
    each_store(|config| {
        let runtime = runtime();
        let key = create(config, "one", Limits::default());
        let accounts = start(config);
        runtime.block_on(hold(&accounts, "one", &key)).unwrap().count();
        within_a_second(|| counted(config) == 1);
        let used = || accounts::open(config).unwrap().apps().unwrap()[0].last_used_at();
        within_a_second(|| used().is_some());
        runtime.block_on(hold(&accounts, "one", &key)).unwrap().count();
        drop(runtime.block_on(hold(&accounts, "one", &key)).unwrap());
        assert!(accounts.health().is_good());
        accounts.close();
        assert_eq!(accounts.health(), Health { is_alive: false, is_up: true, errors: 0 });
        assert_eq!(counted(config), 2);
        let caller = accounts.identify(b"one", key.reveal().as_bytes()).unwrap();
        let after = runtime.block_on(accounts.hold(&caller)).err();
        assert_eq!(after, Some(Denial::Unavailable));

        // Nothing counts requests after the end, so none is served, also not with `serve`.
        let store = accounts::open(config).unwrap();
        let serving = Accounts::start(store, WhenUnavailable::Serve, DEADLINE).unwrap();
        serving.close();
        let after = runtime.block_on(serving.hold(&caller)).err();
        assert_eq!(after, Some(Denial::Unavailable));
    });
}

/// A caller may hang up while the store decides.
#[test]
fn a_request_that_is_given_up_while_it_waits_gives_its_quota_back() {
    each_store(|config| {
        let runtime = runtime();
        let key = create(config, "one", quota(1));
        let accounts = start(config);
        for _ in 0..50 {
            let caller = accounts.identify(b"one", key.reveal().as_bytes()).unwrap();
            // The request is sent, and given up at once.
            drop(accounts.hold(&caller).now_or_never());
        }
        runtime.block_on(hold(&accounts, "one", &key)).unwrap().count();
    });
}

#[test]
fn while_the_store_is_away_requests_are_refused_and_then_served_again() {
    let Some((config, mut server)) = shared(&["--appendonly", "yes"]) else { return };
    let runtime = runtime();
    let key = create(&config, "one", quota(3));
    let accounts = start(&config);
    let held = runtime.block_on(hold(&accounts, "one", &key)).unwrap();
    let given_back = runtime.block_on(hold(&accounts, "one", &key)).unwrap();
    assert_eq!(accounts.health(), Health { is_alive: true, is_up: true, errors: 0 });
    server.kill();
    for _ in 0..20 {
        let denial = runtime.block_on(hold(&accounts, "one", &key)).err();
        assert_eq!(denial, Some(Denial::Unavailable));
    }
    let Health { is_alive, is_up, errors } = accounts.health();
    assert_eq!((is_alive, is_up, errors > 0), (true, false, true), "{errors} errors");
    // These were held before the store went away. They are settled when it is back.
    held.count();
    drop(given_back);
    std::thread::sleep(Duration::from_millis(500));
    server.start_again();
    let mut after = None;
    within_a_second(|| {
        after = runtime.block_on(hold(&accounts, "one", &key)).ok();
        after.is_some()
    });
    after.unwrap().count();
    assert!(accounts.health().is_good(), "{:?}", accounts.health());
    runtime.block_on(hold(&accounts, "one", &key)).unwrap().count();
    let spent = runtime.block_on(hold(&accounts, "one", &key)).err();
    assert_eq!(spent, Some(Denial::Limit(LimitReached::DayQuotaSpent)));
    assert_eq!(counted(&config), 3);
}

/// The store neither replies nor closes connections, and later carries out all commands of the
/// meantime.
#[test]
fn a_store_that_hangs_delays_no_request_and_leaves_no_hold() {
    let Some((mut config, server)) = shared(&[]) else { return };
    config.valkey.timeout_ms = 300;
    let runtime = runtime();
    let key = create(&config, "one", quota(3));
    let accounts = start(&config);
    runtime.block_on(hold(&accounts, "one", &key)).unwrap().count();
    within_a_second(|| counted(&config) == 1);
    server.freeze();
    // These requests are under way when the store stops.
    let waiting: Vec<_> = (0..5)
        .map(|_| {
            let caller = accounts.identify(b"one", key.reveal().as_bytes()).unwrap();
            async { accounts.hold(&{ caller }).await.err() }
        })
        .collect();
    for denial in runtime.block_on(async { futures_util::future::join_all(waiting).await }) {
        assert_eq!(denial, Some(Denial::Unavailable));
    }
    // Later requests are refused at once.
    let began = Instant::now();
    for _ in 0..100 {
        let denial = runtime.block_on(hold(&accounts, "one", &key)).err();
        assert_eq!(denial, Some(Denial::Unavailable));
    }
    assert!(began.elapsed() < Duration::from_millis(300), "{:?}", began.elapsed());
    server.thaw();
    let mut holds = Vec::new();
    within_a_second(|| {
        holds.extend(runtime.block_on(hold(&accounts, "one", &key)).ok());
        holds.len() == 2
    });
    let spent = runtime.block_on(hold(&accounts, "one", &key)).err();
    assert_eq!(spent, Some(Denial::Limit(LimitReached::DayQuotaSpent)));
}

/// As a full server, or a replica that took over by mistake.
#[test]
fn a_store_that_cannot_be_written_counts_as_away() {
    let Some((config, server)) = shared(&[]) else { return };
    let runtime = runtime();
    let key = create(&config, "one", quota(3));
    let accounts = start(&config);
    let mut connection = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    let mut set = |memory: &str| {
        redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(memory).exec(&mut connection).unwrap();
    };
    set("1");
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(700) {
        let denial = runtime.block_on(hold(&accounts, "one", &key)).err();
        assert_eq!(denial, Some(Denial::Unavailable));
    }
    assert_eq!(accounts.trouble().as_deref(), Some("its server's memory is full"));
    set("0");
    awaited("the store counts as usable", || {
        runtime.block_on(hold(&accounts, "one", &key)).ok().map(drop)
    });
    assert_eq!(accounts.trouble(), None);
}

/// A store at its limit takes every other write. Readiness must not follow each of them.
#[test]
fn a_store_that_takes_some_writes_and_refuses_others_stays_away() {
    let Some((config, server)) = shared(&[]) else { return };
    let runtime = runtime();
    let key = create(&config, "one", Limits::default());
    let accounts = start(&config);
    let mut connection = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    let (mut flips, mut was_up) = (0, true);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(8) {
        for memory in ["1", "0"] {
            redis::cmd("CONFIG")
                .arg("SET")
                .arg("maxmemory")
                .arg(memory)
                .exec(&mut connection)
                .unwrap();
            let until = Instant::now() + Duration::from_millis(350);
            while Instant::now() < until {
                drop(runtime.block_on(hold(&accounts, "one", &key)));
                let is_up = accounts.health().is_up;
                flips += usize::from(is_up != was_up);
                was_up = is_up;
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
    assert_eq!((flips, was_up), (1, false), "it goes away once, and stays away");
}

/// A disk of 32 MiB that the test fills. Mounting one needs root, in CI and in containers.
#[cfg(target_os = "linux")]
struct SmallDisk(tempfile::TempDir);

#[cfg(target_os = "linux")]
impl SmallDisk {
    /// Where none can be mounted it says so and gives back nothing.
    fn new() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=32m", "tmpfs"])
            .arg(directory.path())
            .output();
        if !mounted.is_ok_and(|output| output.status.success()) {
            let missing = "the right to mount a disk";
            testbed::left_out_for_want_of(missing, "accounts on a full disk");
            return None;
        }
        Some(Self(directory))
    }

    /// Leaves no free byte.
    fn fill(&self) {
        use std::io::Write;
        let mut filler = std::fs::File::create(self.0.path().join("filler")).unwrap();
        for size in [4096, 1] {
            while filler.write_all(&vec![1; size]).is_ok() {}
        }
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(self.0.path()).status();
    }
}

/// Another program fills the disk and frees it again. SQLite's log grows
/// with every request until it is brought into the file.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_does_not_make_readiness_come_and_go() {
    let Some(disk) = SmallDisk::new() else { return };
    let config = Config { database: disk.0.path().join("accounts.db"), ..Config::default() };
    let key = create(&config, "one", quota(1_000_000));
    let runtime = runtime();
    let accounts = start(&config);
    let (mut flips, mut was_up) = (0, true);
    let free = || std::fs::remove_file(disk.0.path().join("filler")).unwrap();
    for _ in 0..20 {
        disk.fill();
        for is_full in [true, false] {
            let until = Instant::now() + Duration::from_millis(300);
            while Instant::now() < until {
                drop(runtime.block_on(hold(&accounts, "one", &key)));
                let is_up = accounts.health().is_up;
                flips += usize::from(is_up != was_up);
                was_up = is_up;
            }
            if is_full {
                free();
            }
        }
    }
    assert!((1..=6).contains(&flips), "{flips} changes in 12 s");
    awaited("the store counts as usable", || {
        runtime.block_on(hold(&accounts, "one", &key)).ok().map(drop)
    });
    accounts.close();
}

/// A service without requests notices it too.
#[test]
fn a_store_that_refuses_writes_is_noticed_without_a_request() {
    let Some((config, server)) = shared(&[]) else { return };
    create(&config, "one", Limits::default());
    let accounts = start(&config);
    let mut connection = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg("1").exec(&mut connection).unwrap();
    awaited("the service notices", || (!accounts.health().is_up).then_some(()));
}

/// A server that comes back without its data would tell every caller that its key is wrong.
#[test]
fn a_server_that_comes_back_empty_is_not_taken_over_until_it_has_apps() {
    let Some((config, mut server)) = shared(&[]) else { return };
    let runtime = runtime();
    let key = create(&config, "one", quota(5));
    create(&config, "two", quota(5));
    let accounts = start(&config);
    runtime.block_on(hold(&accounts, "one", &key)).unwrap().count();
    server.kill();
    server.start_again();
    let emptied = "it is empty, and not the store that had 2 apps";
    awaited("the empty store is noticed", || {
        (accounts.trouble().as_deref() == Some(emptied)).then_some(())
    });
    // It stays so, also after an operator has looked at it.
    let mut operator = accounts::open(&config).unwrap();
    operator.give_id().unwrap();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(1) {
        let denial = runtime.block_on(hold(&accounts, "one", &key)).err();
        assert_eq!(denial, Some(Denial::Unavailable));
        assert!(!accounts.lets_in());
    }
    assert_eq!(accounts.trouble().as_deref(), Some(emptied));
    // A new start accepts it as it is.
    let fresh = start(&config);
    assert!(fresh.health().is_good());
    assert!(fresh.identify(b"one", key.reveal().as_bytes()).is_none());
    // It has apps again: it is taken over, with their new keys.
    let new = create(&config, "one", quota(5));
    awaited("the store is taken over", || accounts.identify(b"one", new.reveal().as_bytes()));
    awaited("requests are served", || {
        runtime.block_on(hold(&accounts, "one", &new)).ok().map(drop)
    });
    assert!(accounts.identify(b"one", key.reveal().as_bytes()).is_none());
    assert_eq!(accounts.trouble(), None);
}

/// As `FLUSHALL` in the wrong window: the connection does not break.
#[test]
fn a_server_that_is_emptied_while_it_runs_is_noticed() {
    let Some((config, server)) = shared(&[]) else { return };
    let key = create(&config, "one", quota(5));
    let accounts = start(&config);
    let mut connection = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    redis::cmd("FLUSHALL").exec(&mut connection).unwrap();
    awaited("the empty store is noticed", || (!accounts.health().is_up).then_some(()));
    assert!(accounts.identify(b"one", key.reveal().as_bytes()).is_some(), "503, and not 401");
}

/// An operator may delete every app: the store is the same one.
#[test]
fn deleting_the_last_app_is_a_change_like_any_other() {
    each_store(|config| {
        let key = create(config, "one", quota(5));
        let accounts = start(config);
        accounts::open(config).unwrap().delete("one").unwrap();
        within_a_second(|| accounts.identify(b"one", key.reveal().as_bytes()).is_none());
        assert!(accounts.health().is_good());
    });
}

/// `cp COPY accounts.db` under a running service.
#[test]
fn a_file_that_is_overwritten_in_place_makes_the_service_not_ready() {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("accounts.db");
    let config = Config { database: database.clone(), ..Config::default() };
    create(&config, "old", Limits::default());
    let copy = directory.path().join("copy.db");
    std::fs::copy(&database, &copy).unwrap();
    let key = create(&config, "new", Limits::default());
    let accounts = start(&config);
    let runtime = runtime();
    runtime.block_on(hold(&accounts, "new", &key)).unwrap().count();
    within_a_second(|| counted(&config) == 1);
    std::fs::copy(&copy, &database).unwrap();
    awaited("the service notices", || {
        (accounts.trouble().as_deref() == Some("its file was overwritten")).then_some(())
    });
    let denial = runtime.block_on(hold(&accounts, "new", &key)).err();
    assert_eq!(denial, Some(Denial::Unavailable));
}

#[test]
fn with_serve_known_apps_are_served_while_the_store_is_away_and_counted_later() {
    let Some((mut config, mut server)) = shared(&["--appendonly", "yes"]) else { return };
    config.when_unavailable = WhenUnavailable::Serve;
    let runtime = runtime();
    let key = create(&config, "one", quota(5));
    let accounts = start(&config);
    server.kill();
    for _ in 0..20 {
        runtime.block_on(hold(&accounts, "one", &key)).unwrap().count();
        drop(runtime.block_on(hold(&accounts, "one", &key)).unwrap());
    }
    assert!(accounts.identify(b"two", key.reveal().as_bytes()).is_none());
    server.start_again();
    within_a_second(|| counted(&config) == 20);
    let spent = runtime.block_on(hold(&accounts, "one", &key)).err();
    assert_eq!(spent, Some(Denial::Limit(LimitReached::DayQuotaSpent)));
    // A disabled app is refused, also while the store is away.
    let mut operator = accounts::open(&config).unwrap();
    operator
        .edit("one", &mut |app| {
            app.enabled = false;
            Ok(())
        })
        .unwrap();
    let denial = || runtime.block_on(hold(&accounts, "one", &key)).err();
    within_a_second(|| denial() == Some(Denial::Disabled));
    server.kill();
    assert_eq!(denial(), Some(Denial::Disabled));
}

#[test]
fn a_store_in_memory_counts_too() {
    let mut store = accounts::open_in_memory().unwrap();
    let key = Key::generate();
    store.create(&App::new("demo", "", quota(2), &key).unwrap()).unwrap();
    let accounts = Accounts::start(store, WhenUnavailable::Refuse, DEADLINE).unwrap();
    let runtime = runtime();
    runtime.block_on(hold(&accounts, "demo", &key)).unwrap().count();
    runtime.block_on(hold(&accounts, "demo", &key)).unwrap().count();
    let spent = runtime.block_on(hold(&accounts, "demo", &key)).err();
    assert_eq!(spent, Some(Denial::Limit(LimitReached::DayQuotaSpent)));
}

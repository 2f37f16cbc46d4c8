//! The behaviour of a server alone.

use accounts::{
    App, Backend, Config, Key, LimitReached, Limits, Settlement, Store, StoreError, ValkeyConfig,
};
use testbed::valkey::ValkeyServer;
use time::OffsetDateTime;

use crate::{app, empty_settlement, entry, hold, rate, settlement};

fn config(server: &ValkeyServer) -> Config {
    let valkey = ValkeyConfig { url: server.url(), ..ValkeyConfig::default() };
    Config { backend: Backend::Valkey, valkey, ..Config::default() }
}

fn open(server: &ValkeyServer) -> Box<dyn Store> {
    accounts::open(&config(server)).unwrap()
}

/// Services may report the use of keys that were removed meanwhile.
#[test]
fn a_server_forgets_removed_keys() {
    let Some(server) = ValkeyServer::start(&[]) else { return };
    let mut store = open(&server);
    let keys = [(); 3].map(|()| Key::generate());
    store.create(&App::new("one", "", Limits::default(), &keys[0]).unwrap()).unwrap();
    let use_all = |store: &mut dyn Store| {
        let now = OffsetDateTime::now_utc();
        let used_keys = keys.iter().map(|key| ("one".into(), key.digest(), now)).collect();
        store.post(&Settlement { used_keys, ..empty_settlement() }, &[]).unwrap();
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

/// A command on a connection that was given up may arrive after later ones.
#[test]
fn a_server_holds_no_quota_for_a_round_that_was_given_up() {
    let Some(server) = ValkeyServer::start(&[]) else { return };
    let mut store = open(&server);
    let limits = Limits { quota_per_day: Some(1), ..Limits::default() };
    let late = entry("one", limits, OffsetDateTime::now_utc());
    store.post(&settlement(2), &[]).unwrap();
    assert!(store.post(&settlement(1), std::slice::from_ref(&late)).is_err());
    let next = entry("one", limits, OffsetDateTime::now_utc());
    assert_eq!(store.post(&settlement(3), &[next]).unwrap(), [Ok(())]);
}

/// A round is repeated on a new connection, though the server may have carried out the first.
#[test]
fn a_server_holds_a_repeated_entry_once() {
    let Some(server) = ValkeyServer::start(&[]) else { return };
    let mut store = open(&server);
    let now = OffsetDateTime::now_utc();
    let limits = Limits { quota_per_day: Some(2), rate: Some(rate(1, 2)), ..Limits::default() };
    let entry_of_one = entry("one", limits, now);
    for _ in 0..3 {
        assert_eq!(hold(&mut *store, &entry_of_one), Ok(()));
    }
    assert_eq!(hold(&mut *store, &entry("one", limits, now)), Ok(()));
    let spent = hold(&mut *store, &entry("one", limits, now));
    assert_eq!(spent, Err(LimitReached::DayQuotaSpent));
}

#[test]
fn a_closed_connection_is_opened_anew_without_an_error() {
    let Some(mut server) = ValkeyServer::start(&["--appendonly", "yes"]) else { return };
    let mut store = open(&server);
    store.create(&app("one")).unwrap();
    server.kill();
    assert!(matches!(store.version(), Err(StoreError::Valkey(_))));
    server.start_again();
    let now = OffsetDateTime::now_utc();
    hold(&mut *store, &entry("one", Limits::default(), now)).unwrap();
    server.kill();
    server.start_again();
    // The first command after a restart succeeds, and the app is still there.
    assert_eq!(hold(&mut *store, &entry("one", Limits::default(), now)), Ok(()));
    assert_eq!(store.apps().unwrap().len(), 1);
}

#[test]
fn a_server_that_may_lose_accounts_gives_warnings() {
    let warnings = |arguments: &[&str]| {
        let server = ValkeyServer::start(arguments)?;
        Some(open(&server).warnings().join(" "))
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
fn a_password_is_sent_to_the_server_and_shown_nowhere() {
    let Some(server) = ValkeyServer::start(&["--requirepass", "a long secret"]) else { return };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    std::fs::write(&file, "a long secret\n").unwrap();
    let open = |change: &dyn Fn(&mut ValkeyConfig)| {
        let mut config = config(&server);
        change(&mut config.valkey);
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
    assert!(refused(&|v| v.password_file = Some("/nowhere".into())).contains("password_file"));
    let both = |v: &mut ValkeyConfig| {
        v.password = Some("secret".into());
        v.password_file = Some(file.clone());
    };
    assert!(refused(&both).contains("not both"));
}

/// The rights that docs/OPERATIONS.md names are enough, and no other keys are used.
#[test]
fn a_user_with_the_documented_rights_can_do_everything() {
    let documentation = include_str!("../../../../docs/OPERATIONS.md");
    let rights = documentation.lines().find(|line| line.starts_with("~livegate:*")).unwrap();
    let mut arguments = vec!["--user", "livegate", "on", ">a long secret", "resetchannels"];
    arguments.extend(rights.split(' '));
    arguments.extend(["--appendonly", "yes", "--user", "default", "off"]);
    let Some(server) = ValkeyServer::start(&arguments) else { return };
    let mut config = config(&server);
    config.valkey.url = server.url().replace("/0", "/1");
    config.valkey.user = Some("livegate".into());
    config.valkey.password = Some("a long secret".into());
    let mut store = accounts::open(&config).unwrap();
    assert_eq!(store.warnings(), Vec::<String>::new());
    store.create(&app("one")).unwrap();
    store.edit("one", &mut |app| app.relabel("other")).unwrap();
    let now = OffsetDateTime::now_utc();
    let limits = Limits { quota_per_day: Some(5), rate: Some(rate(60, 60)), ..Limits::default() };
    let entry_of_one = entry("one", limits, now);
    assert_eq!(hold(&mut *store, &entry_of_one), Ok(()));
    let over = Settlement {
        counts: vec![("one".into(), now.date(), 1)],
        released: vec![("one".into(), entry_of_one.hold)],
        used_keys: vec![("one".into(), Key::generate().digest(), now)],
        ..settlement(1)
    };
    store.post(&over, &[]).unwrap();
    assert_eq!(store.usage(now.date(), now.date()).unwrap().len(), 1);
    store.delete("one").unwrap();
    assert_eq!(store.apps().unwrap(), []);
}

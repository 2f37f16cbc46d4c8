//! The behaviour of a server alone.

use accounts::{
    App, Backend, Config, Key, LimitReached, Limits, ServerFault, Settlement, Store, StoreError,
    ValkeyConfig,
};
use testbed::process::awaited;
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
    let error = store.version().unwrap_err();
    assert!(matches!(error, StoreError::Server { fault: ServerFault::NothingListens, .. }));
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

/// The text that an operator gets for the server at `url`, and its fault.
fn refusal(url: &str, change: impl FnOnce(&mut ValkeyConfig)) -> (String, ServerFault) {
    let mut valkey = ValkeyConfig { url: url.into(), timeout_ms: 500, ..ValkeyConfig::default() };
    change(&mut valkey);
    let config = Config { backend: Backend::Valkey, valkey, ..Config::default() };
    let opened = accounts::open(&config).and_then(|mut store| store.probe(0));
    let error = opened.unwrap_err();
    // The text has the whole cause. A source would repeat it.
    assert!(std::error::Error::source(&error).is_none(), "{error:?}");
    let text = error.to_string();
    let StoreError::Server { address, fault } = error else { panic!("{text}") };
    assert_eq!(text.matches(&address).count(), 1, "{text}");
    (text, fault)
}

#[test]
fn a_port_without_a_server_is_named() {
    let (text, fault) = refusal("redis://127.0.0.1:1", |_| ());
    assert_eq!(fault, ServerFault::NothingListens);
    assert!(text.contains("127.0.0.1:1 cannot be used: nothing listens there"), "{text}");
}

#[test]
fn a_read_only_replica_is_named() {
    let Some(primary) = ValkeyServer::start(&[]) else { return };
    let port = primary.port().to_string();
    let replica = ValkeyServer::start(&["--replicaof", "127.0.0.1", &port]).unwrap();
    awaited("the replica has its primary's data", || {
        let mut connection = redis::Client::open(replica.url()).ok()?.get_connection().ok()?;
        let info: String = redis::cmd("INFO").arg("replication").query(&mut connection).ok()?;
        info.contains("master_link_status:up").then_some(())
    });
    let (text, fault) = refusal(&replica.url(), |_| ());
    assert_eq!(fault, ServerFault::ReadOnly, "{text}");
    assert!(text.contains("name its primary in `accounts.valkey.url`"), "{text}");
    // An operator's command is a transaction.
    let created = open(&replica).create(&app("one")).unwrap_err();
    let fault = ServerFault::ReadOnly;
    assert!(matches!(&created, StoreError::Server { fault: it, .. } if *it == fault), "{created}");
    let started = accounts::Accounts::start(
        open(&replica),
        accounts::WhenUnavailable::Refuse,
        std::time::Duration::from_secs(1),
    );
    assert!(started.is_err(), "a service does not start on a replica");
}

#[test]
fn refused_scripts_and_other_rights_are_named() {
    let user = |rights: &[&str]| {
        let mut arguments = vec!["--user", "livegate", "on", ">a long secret", "resetchannels"];
        arguments.extend(rights);
        let server = ValkeyServer::start(&arguments)?;
        let login = |valkey: &mut ValkeyConfig| {
            valkey.user = Some("livegate".into());
            valkey.password = Some("a long secret".into());
        };
        Some(refusal(&server.url(), login))
    };
    let Some((text, fault)) =
        user(&["~livegate:*", "+@read", "+@write", "+select", "+info", "-eval"])
    else {
        return;
    };
    assert!(matches!(fault, ServerFault::NoScripts(_)), "{text}");
    assert!(text.contains("allow EVAL"), "{text}");
    let (text, fault) = user(&["~livegate:*", "+@read", "+@scripting", "+select"]).unwrap();
    assert!(matches!(fault, ServerFault::NotAllowed(_)), "{text}");
    let (text, fault) = user(&["~other:*", "+@all"]).unwrap();
    assert!(matches!(fault, ServerFault::NotAllowed(_)), "{text}");
    assert!(text.contains("docs/OPERATIONS.md"), "{text}");
    // Managed servers take commands away by renaming them.
    let server = ValkeyServer::start(&["--rename-command", "EVAL", ""]).unwrap();
    let (text, fault) = refusal(&server.url(), |_| ());
    assert!(matches!(fault, ServerFault::NoScripts(_)), "{text}");
}

#[test]
fn a_server_in_cluster_mode_is_named_also_where_it_has_every_slot() {
    let Some(server) = ValkeyServer::start(&["--cluster-enabled", "yes"]) else { return };
    let is_named = || {
        let (text, fault) = refusal(&server.url(), |_| ());
        assert_eq!(fault, ServerFault::Cluster, "{text}");
        assert!(text.contains("cluster-enabled no"), "{text}");
    };
    is_named();
    let mut connection = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    redis::cmd("CLUSTER").arg("ADDSLOTSRANGE").arg(0).arg(16383).exec(&mut connection).unwrap();
    is_named();
}

#[test]
fn a_wrong_login_and_a_server_that_takes_no_writes_are_named() {
    let Some(server) = ValkeyServer::start(&["--requirepass", "a long secret"]) else { return };
    for password in [None, Some("another secret".into())] {
        let (text, fault) = refusal(&server.url(), |valkey| valkey.password = password);
        assert!(matches!(fault, ServerFault::Login(_)), "{text}");
        assert!(text.contains("password_file"), "{text}");
    }
    let full = ValkeyServer::start(&["--maxmemory", "1"]).unwrap();
    assert_eq!(refusal(&full.url(), |_| ()).1, ServerFault::Full);
    let alone = ValkeyServer::start(&["--min-replicas-to-write", "1"]).unwrap();
    let (text, fault) = refusal(&alone.url(), |_| ());
    assert!(matches!(fault, ServerFault::NoWrites(_)), "{text}");
}

#[test]
fn tls_at_a_plain_port_and_plain_text_at_a_tls_port_are_named() {
    let Some(authority) = Authority::new() else { return };
    let Some((server, tls_port)) = authority.server(&["--tls-auth-clients", "no"]) else { return };
    let at_plain = server.url().replace("redis://", "rediss://");
    let (text, fault) = refusal(&at_plain, |_| ());
    assert_eq!(fault, ServerFault::PlainPort, "{text}");
    assert!(text.contains("write redis://"), "{text}");
    let (text, fault) = refusal(&format!("redis://127.0.0.1:{tls_port}"), |_| ());
    assert_eq!(fault, ServerFault::TlsPort, "{text}");
    assert!(text.contains("write rediss://"), "{text}");
}

#[test]
fn a_private_authority_and_a_client_certificate_are_settings() {
    let Some(authority) = Authority::new() else { return };
    let Some((_server, port)) = authority.server(&["--tls-auth-clients", "yes"]) else { return };
    let url = format!("rediss://localhost:{port}");
    let (text, fault) = refusal(&url, |_| ());
    assert!(matches!(fault, ServerFault::Untrusted(_)), "{text}");
    assert!(text.contains("accounts.valkey.tls.ca"), "{text}");
    let ca = Some(authority.file("ca.pem"));
    let (text, fault) = refusal(&url, |valkey| valkey.tls.ca.clone_from(&ca));
    assert!(matches!(fault, ServerFault::ClientRefused(_)), "{text}");
    assert!(text.contains("accounts.valkey.tls.certificate"), "{text}");
    let tls = accounts::ValkeyTls {
        ca,
        certificate: Some(authority.file("leaf.pem")),
        key: Some(authority.file("leaf.key")),
    };
    let valkey = ValkeyConfig { url: url.clone(), tls, ..ValkeyConfig::default() };
    let config = Config { backend: Backend::Valkey, valkey, ..Config::default() };
    config.validate().unwrap();
    assert!(config.secret_files().contains(&authority.file("leaf.key")));
    let mut store = accounts::open(&config).unwrap();
    store.create(&app("one")).unwrap();
    assert_eq!(store.apps().unwrap().len(), 1);
    // The certificate is for `localhost` alone.
    let elsewhere = url.replace("localhost", "127.0.0.1");
    let (text, fault) = refusal(&elsewhere, |valkey| valkey.tls = config.valkey.tls.clone());
    assert!(matches!(fault, ServerFault::Untrusted(_)), "{text}");
}

#[test]
fn settings_for_tls_that_contradict_each_other_are_refused() {
    let refused = |url: &str, change: &dyn Fn(&mut accounts::ValkeyTls)| {
        let mut valkey = ValkeyConfig { url: url.into(), ..ValkeyConfig::default() };
        change(&mut valkey.tls);
        let config = Config { backend: Backend::Valkey, valkey, ..Config::default() };
        config.validate().err().or_else(|| match accounts::open(&config).err() {
            Some(StoreError::Config(error)) => Some(error),
            other => panic!("{other:?}"),
        })
    };
    let text =
        |url, change: &dyn Fn(&mut accounts::ValkeyTls)| refused(url, change).unwrap().to_string();
    let ca = |tls: &mut accounts::ValkeyTls| tls.ca = Some("/nowhere/ca.pem".into());
    assert!(text("redis://localhost", &ca).contains("rediss://"));
    let missing = text("rediss://localhost", &ca);
    assert!(missing.contains("accounts.valkey.tls.ca") && missing.contains("/nowhere/ca.pem"));
    let half = |tls: &mut accounts::ValkeyTls| tls.certificate = Some("/nowhere/c.pem".into());
    assert!(text("rediss://localhost", &half).contains("or neither"));
    let other = |tls: &mut accounts::ValkeyTls| tls.ca = Some("/proc/self/status".into());
    assert!(text("rediss://localhost", &other).contains("accounts.valkey.tls"));
}

/// A server's data directory is its backup, with its append-only log or its snapshot.
#[test]
fn a_copied_data_directory_restores_apps_and_counts_and_is_the_same_store() {
    for log in [true, false] {
        let mode = if log { "yes" } else { "no" };
        let Some(server) = ValkeyServer::start(&["--appendonly", mode]) else { return };
        let mut store = open(&server);
        store.create(&app("one")).unwrap();
        let day = time::macros::date!(2026 - 11 - 23);
        let counts = vec![("one".into(), day, 5)];
        store.post(&Settlement { counts, ..settlement(1) }, &[]).unwrap();
        let version = store.version().unwrap();
        assert!(version.store.is_some());
        let mut connection = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
        if !log {
            redis::cmd("SAVE").exec(&mut connection).unwrap();
        }
        let copy = tempfile::tempdir().unwrap();
        let copied = std::process::Command::new("cp")
            .args(["-a", &format!("{}/.", server.directory().display())])
            .arg(copy.path())
            .status();
        assert!(copied.unwrap().success());
        drop((store, server));
        let dir = copy.path().display().to_string();
        // The last `--dir` counts.
        let restored = ValkeyServer::start(&["--appendonly", mode, "--dir", &dir]).unwrap();
        let mut store = open(&restored);
        assert_eq!(store.version().unwrap(), version);
        assert_eq!(store.apps().unwrap()[0].id, "one");
        assert_eq!(store.usage(day, day).unwrap()[0].requests, 5);
    }
}

/// An authority of our own, and a certificate of it for `localhost`, made by openssl.
struct Authority(tempfile::TempDir);

impl Authority {
    /// Where openssl is not installed it says so and gives back nothing.
    fn new() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let openssl = |words: &str| {
            std::process::Command::new("openssl")
                .args(words.split(' '))
                .current_dir(directory.path())
                .stderr(std::process::Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        };
        let new_key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        let is_made = openssl(&format!(
            "req -x509 {new_key} -days 2 -subj /CN=authority -keyout ca.key -out ca.pem"
        )) && openssl(&format!(
            "req -x509 {new_key} -days 2 -subj /CN=localhost -CA ca.pem -CAkey ca.key -addext \
             subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE -keyout \
             leaf.key -out leaf.pem"
        ));
        if !is_made {
            testbed::left_out_without("openssl 3", "certificates of the accounts server");
            return None;
        }
        Some(Self(directory))
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    /// A server with a TLS port beside its plain one.
    fn server(&self, more: &[&str]) -> Option<(ValkeyServer, u16)> {
        let port = testbed::process::free_port();
        let mut arguments = vec!["--tls-port".to_owned(), port.to_string()];
        for (option, file) in
            [("cert-file", "leaf.pem"), ("key-file", "leaf.key"), ("ca-cert-file", "ca.pem")]
        {
            arguments.extend([format!("--tls-{option}"), self.file(file).display().to_string()]);
        }
        let arguments: Vec<&str> =
            arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
        Some((ValkeyServer::start(&arguments)?, port))
    }
}

//! Several services, outages and crashes.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use testbed::client::{Body, Client};
use testbed::process::{awaited, free_port};
use testbed::valkey::ValkeyServer;

use super::{Place, alone, ask, each_place, outcome, readiness, tiny, within_a_second};
use crate::{finished, livegate_serve};

/// 10,000 requests to two processes over one store, as fast as 32 callers send them.
#[test]
fn two_replicas_stop_at_exactly_the_quota_and_count_exactly_what_they_answered() {
    each_place(|place| {
        let free = place.create("--id free");
        let limited = place.create("--id limited --quota-per-day 1234");
        let replicas = [place.replica(), place.replica()];
        let body = tiny();
        let spoiled = Body::json(&[0; 3]);
        // Answers to the limited app: good, refused as spoiled, refused as spent. The last is the
        // other app's.
        let outcomes: [AtomicU32; 4] = Default::default();
        std::thread::scope(|scope| {
            for caller in 0..32_usize {
                let (replica, outcomes) = (&replicas[caller % 2], &outcomes);
                let (free, limited, body, spoiled) = (&free, &limited, &body, &spoiled);
                scope.spawn(move || {
                    let client = Client::default();
                    for i in 0..10_000 / 32 + usize::from(caller < 10_000 % 32) {
                        let place = match i % 4 {
                            0 => {
                                assert_eq!(ask(&client, replica, "free", free, body), "200 2");
                                3
                            }
                            // Every fourth request is refused, and its quota given back.
                            1 => match &*ask(&client, replica, "limited", limited, spoiled) {
                                "415 unsupported_image" => 1,
                                "403 usage_limit_reached" => 2,
                                other => panic!("{other}"),
                            },
                            _ => match &*ask(&client, replica, "limited", limited, body) {
                                "200 2" => 0,
                                "403 usage_limit_reached" => 2,
                                other => panic!("{other}"),
                            },
                        };
                        outcomes[place].fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        let [answered, spoiled, spent, free] = outcomes.map(AtomicU32::into_inner);
        assert_eq!(answered + spoiled + spent + free, 10_000);
        assert_eq!(answered, 1234, "{spoiled} were spoiled, {spent} came too late");
        assert!(spoiled > 0 && spent > 0);
        within_a_second("counting", || place.used() == u64::from(answered + free));
    });
}

/// The service is killed a second after its last answer.
#[test]
fn a_crash_loses_no_credential_and_no_count_older_than_a_second() {
    each_place(|place| {
        let key = place.create("--id shop --quota-per-day 1000");
        let replica = place.replica();
        for _ in 0..20 {
            assert_eq!(outcome(&replica, "shop", &key), "200 2");
        }
        std::thread::sleep(Duration::from_secs(1));
        replica.kill();
        assert_eq!(place.used(), 20);
        let replica = place.replica();
        assert_eq!(outcome(&replica, "shop", &key), "200 2");
    });
}

#[test]
fn a_key_is_on_the_servers_disk_before_it_is_shown() {
    let _alone = alone();
    let Some(mut server) = ValkeyServer::start(&["--appendonly", "yes"]) else { return };
    let place = Place::shared(&server);
    let key = place.create("--id shop");
    server.kill();
    server.start_again();
    assert_eq!(outcome(&place.replica(), "shop", &key), "200 2");
}

#[test]
fn while_the_accounts_server_is_down_requests_get_503_and_afterwards_200() {
    let _alone = alone();
    let Some(mut server) = ValkeyServer::start(&["--appendonly", "yes"]) else { return };
    let mut place = Place::shared(&server);
    let key = place.create("--id shop --quota-per-day 1000");
    let refusing = place.replica();
    place.variables.push(("LIVEGATE_ACCOUNTS_WHEN_UNAVAILABLE", "serve".into()));
    let serving = place.replica();
    for replica in [&refusing, &serving] {
        assert_eq!(outcome(replica, "shop", &key), "200 2");
    }
    server.kill();
    for _ in 0..5 {
        assert_eq!(outcome(&refusing, "shop", &key), "503 accounts_unavailable");
        assert_eq!(outcome(&serving, "shop", &key), "200 2");
        assert_eq!(outcome(&refusing, "shop", "a-key-that-is-wrong"), "401 invalid_credentials");
    }
    server.start_again();
    within_a_second("recovery", || outcome(&refusing, "shop", &key) == "200 2");
    within_a_second("late counts", || place.used() == 8);
    let log = refusing.log();
    assert!(log.contains("the accounts store cannot be used") && log.contains("is back"), "{log}");

    // A service that cannot reach its accounts does not start.
    server.kill();
    let command = livegate_serve(testbed::home().root(), "starter");
    let (out, err, code) = finished(&place.with_variables(command).output().unwrap());
    assert_eq!((out.as_str(), code), ("", 69), "{err}");
    assert!(err.contains("cannot be used: nothing listens there"), "{err}");
}

/// A read-only replica answers every question, and refuses the first request.
#[test]
fn a_service_does_not_start_on_a_replica_of_its_accounts_server() {
    let _alone = alone();
    let Some(primary) = ValkeyServer::start(&[]) else { return };
    let key = Place::shared(&primary).create("--id shop");
    let port = primary.port().to_string();
    let replica = ValkeyServer::start(&["--replicaof", "127.0.0.1", &port]).unwrap();
    let place = Place::shared(&replica);
    awaited("the replica has the app", || {
        let list = place.livegate().args(["keys", "list"]).output().unwrap();
        finished(&list).0.contains("shop").then_some(())
    });
    let (says, code) = place.doctor();
    assert!(says.starts_with("problem") && says.contains("read-only replica"), "{says}");
    assert_eq!(code, 69);
    let command = livegate_serve(testbed::home().root(), "starter");
    let (out, err, code) = finished(&place.with_variables(command).output().unwrap());
    assert_eq!((out.as_str(), code), ("", 69), "{err}");
    let address = replica.url().replace("redis://", "").replace("/0", "");
    assert!(err.contains(&format!("{address} cannot be used: it is a read-only replica")), "{err}");
    assert!(!err.contains(&key));
}

/// As a server without a disk, or one whose volume was lost.
#[test]
fn an_accounts_server_that_comes_back_empty_gets_no_caller_told_that_its_key_is_wrong() {
    let _alone = alone();
    let Some(mut server) = ValkeyServer::start(&[]) else { return };
    let place = Place::shared(&server);
    let key = place.create("--id shop");
    place.create("--id other");
    let replica = place.replica();
    assert_eq!(outcome(&replica, "shop", &key), "200 2");
    assert_eq!(place.doctor(), (r#"ok: "can be read and written to; apps: 2""#.into(), 0));
    server.kill();
    server.start_again();
    let reason =
        "the accounts store cannot be used: it is empty, and not the store that had 2 apps";
    awaited("the empty store is noticed", || readiness(&replica).1.contains(reason).then_some(()));
    assert_eq!(readiness(&replica).0, 503);
    assert_eq!(outcome(&replica, "shop", &key), "503 accounts_unavailable");
    assert!(replica.log().contains("not the store that had 2 apps"), "{}", replica.log());
    let (says, code) = place.doctor();
    assert!(says.starts_with("problem") && says.contains("empty, and not the store"), "{says}");
    assert!(says.ends_with(": 2\""), "{says}");
    assert_eq!(code, 69);
    // A new start takes it as it is, and says what was lost.
    let restarted = place.replica();
    assert_eq!(outcome(&restarted, "shop", &key), "401 invalid_credentials");
    assert!(restarted.log().contains("apps_before=2"), "{}", restarted.log());
    // With apps again, both serve.
    let new = place.create("--id shop");
    for replica in [&replica, &restarted] {
        awaited("the store is taken over", || {
            (outcome(replica, "shop", &new) == "200 2").then_some(())
        });
        assert_eq!(readiness(replica).0, 200);
    }
    assert_eq!(place.doctor(), (r#"ok: "can be read and written to; apps: 1""#.into(), 0));
}

/// `cp copy.db accounts.db` beside a running service, and a file that is gone at the next start.
#[test]
fn an_accounts_file_that_was_overwritten_or_lost_is_told() {
    let _alone = alone();
    let place = Place::file();
    place.create("--id old");
    let file = place.directory.path().join("accounts.db");
    let copy = place.directory.path().join("copy.db");
    std::fs::copy(&file, &copy).unwrap();
    let key = place.create("--id shop");
    let mut replica = place.replica();
    assert_eq!(outcome(&replica, "shop", &key), "200 2");
    within_a_second("counting", || place.used() == 1);
    std::fs::copy(&copy, &file).unwrap();
    let reason = "the accounts store cannot be used: its file was overwritten";
    awaited("it is noticed", || readiness(&replica).1.contains(reason).then_some(()));
    assert_eq!(outcome(&replica, "shop", &key), "503 accounts_unavailable");
    let log = replica.stop();
    assert!(log.contains("remove") && log.contains("accounts.db-wal"), "{log}");
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(place.directory.path().join(format!("accounts.db{suffix}")));
    }
    let (says, code) = place.doctor();
    assert!(says.contains("accounts.db is gone; apps on ") && code == 69, "{says}");
}

/// Managed servers are reached over TLS, with a certificate that the system trusts.
#[test]
fn a_server_is_reached_over_tls_and_an_untrusted_one_is_not() {
    let _alone = alone();
    let directory = tempfile::tempdir().unwrap();
    let Some(certificate) = self_signed(directory.path()) else { return };
    let files = [
        ("tls-cert-file", "cert.pem"),
        ("tls-key-file", "key.pem"),
        ("tls-ca-cert-file", "cert.pem"),
    ];
    let port = free_port().to_string();
    let mut arguments =
        vec!["--tls-port".to_owned(), port.clone(), "--tls-auth-clients".into(), "no".into()];
    for (option, file) in files {
        arguments
            .extend([format!("--{option}"), directory.path().join(file).display().to_string()]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let Some(server) = ValkeyServer::start(&arguments) else { return };
    let mut place = Place::shared(&server);
    place.variables[2].1 = format!("rediss://localhost:{port}/0");
    let mut command = place.livegate();
    let (_, err, code) = finished(&command.args(["keys", "list"]).output().unwrap());
    assert_eq!(code, 69, "{err}");
    assert!(err.contains("certificate"), "{err}");
    place.variables.push(("SSL_CERT_FILE", certificate));
    let key = place.create("--id shop");
    assert_eq!(outcome(&place.replica(), "shop", &key), "200 2");
}

/// A certificate for `localhost`. Where openssl is not installed it says so and gives back nothing.
fn self_signed(directory: &Path) -> Option<String> {
    let made = Command::new("openssl")
        .args("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost".split(' '))
        .args("-addext subjectAltName=DNS:localhost -addext basicConstraints=CA:FALSE".split(' '))
        .args("-keyout key.pem -out cert.pem".split(' '))
        .current_dir(directory)
        .stderr(Stdio::null())
        .status();
    if !made.is_ok_and(|status| status.success()) {
        testbed::left_out_without("openssl", "accounts over TLS");
        return None;
    }
    Some(directory.join("cert.pem").display().to_string())
}

//! The commands `keys` and `usage`: what they do, and what they refuse.

use std::io::Write;
use std::process::Stdio;

use testbed::client::{Body, base64_of};
use testbed::service::Service;

use super::{Place, alone, each_place, outcome, within_a_second};
use crate::demo::{V0_2, portrait_file};
use crate::{finished, livegate_serve};

#[test]
fn an_operators_commands_act_on_a_running_service_within_a_second() {
    each_place(|place| {
        let replica = place.replica();
        let old = place.create("--id shop --label shop");
        within_a_second("create", || outcome(&replica, "shop", &old) == "200 2");
        let new = place.run("keys rotate shop")["app_key"].as_str().unwrap().to_owned();
        within_a_second("rotate", || outcome(&replica, "shop", &new) == "200 2");
        assert_eq!(outcome(&replica, "shop", &old), "200 2");
        place.run("keys rotate shop --finish");
        let refused = "401 invalid_credentials";
        within_a_second("--finish", || outcome(&replica, "shop", &old) == refused);
        assert_eq!(outcome(&replica, "shop", &new), "200 2");
        place.run("keys set shop --quota-per-day 1");
        let spent = "403 usage_limit_reached";
        within_a_second("quota", || outcome(&replica, "shop", &new) == spent);
        place.run("keys set shop --quota-per-day none --rate-per-minute 1 --burst 1");
        let fast = "429 rate_limited";
        within_a_second("rate", || outcome(&replica, "shop", &new) == fast);
        place.run("keys set shop --rate-per-minute none");
        within_a_second("no rate", || outcome(&replica, "shop", &new) == "200 2");
        place.run("keys disable shop");
        within_a_second("disable", || outcome(&replica, "shop", &new) == spent);
        place.run("keys enable shop");
        within_a_second("enable", || outcome(&replica, "shop", &new) == "200 2");
        let stolen = new;
        let new = place.run("keys rotate shop --now")["app_key"].as_str().unwrap().to_owned();
        within_a_second("--now", || outcome(&replica, "shop", &stolen) == refused);
        assert_eq!(outcome(&replica, "shop", &new), "200 2");
        within_a_second("last use", || {
            place.run("keys list")[0]["keys"][0]["last_used_at"].is_string()
        });
        place.run("keys delete shop");
        within_a_second("delete", || outcome(&replica, "shop", &new) == refused);
        assert!(place.used() > 0, "usage outlives its app");
        // Neither keys nor their digests, also not of requests that were refused.
        let log = replica.log();
        assert!(log.contains("status=401") && log.contains("status=429"), "{log}");
        for key in [&old, &stolen, &new] {
            let digest = model_pack::Digest::of(key.as_bytes()).to_string();
            assert!(!log.contains(key.as_str()) && !log.contains(&digest), "{log}");
        }
    });
}

#[test]
fn an_impossible_command_is_refused_with_its_reason() {
    let place = Place::file();
    place.create("--id shop");
    for (expected, words, because) in [
        (64, "keys create --id shop", "there is an app `shop` already"),
        (64, "keys create --id caf\u{e9}", "visible ASCII"),
        (64, "keys create --id=-x", "does not begin with a hyphen"),
        (64, "keys disable other", "there is no app `other`"),
        (64, "keys rotate shop --finish", "one active key"),
        (64, "keys rotate shop --cancel", "one active key"),
        (64, "keys set shop", "required"),
        (64, "keys set shop --burst 5", "needs a rate"),
        (64, "keys set shop --quota-per-day x", "invalid digit"),
        (64, "keys set shop --quota-per-day 9999999999999", "a quota is"),
        (64, "keys set shop --rate-per-minute 0", "zero"),
        (69, "keys create --key-file /nowhere/key", "/nowhere/key cannot be read: No such file"),
        (69, "keys create --key-file /", "/ cannot be read"),
        (64, "keys create --key-file /dev/null", "16 to 256"),
        (64, "usage --from yesterday", "YEAR-MONTH-DAY"),
        (64, "usage --from 2026-02-02 --to 2026-02-01", "is after"),
    ] {
        let output = place.livegate().args(words.split(' ')).output().unwrap();
        let (out, err, code) = finished(&output);
        assert_eq!((out.as_str(), code), ("", expected), "{words}: {err}");
        assert!(err.contains(because), "{words}: {err}");
    }
    assert_eq!(place.run("keys list").as_array().unwrap().len(), 1);
}

/// When printing fails the operator has never seen the new key.
#[test]
fn a_rotation_whose_key_was_lost_is_cancelled() {
    let _alone = alone();
    let place = Place::file();
    let old = place.create("--id shop");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = place.livegate();
    let lost = command.args(["keys", "rotate", "shop"]).stdout(full).status().unwrap();
    assert_eq!(lost.code(), Some(69));
    let (_, err, code) =
        finished(&place.livegate().args(["keys", "rotate", "shop"]).output().unwrap());
    assert_eq!(code, 64);
    assert!(err.contains("the older or the newer one"), "{err}");
    place.run("keys rotate shop --cancel");
    assert_eq!(place.run("keys list")[0]["keys"].as_array().unwrap().len(), 1);
    let replica = place.replica();
    assert_eq!(outcome(&replica, "shop", &old), "200 2");
}

/// Callers of another service keep their keys when the operator moves to this one.
#[test]
fn an_existing_key_is_taken_over_from_a_file_or_a_pipe() {
    let _alone = alone();
    let place = Place::file();
    let replica = place.replica();
    let file = place.directory.path().join("key");
    std::fs::write(&file, "4a1b-the-callers-old-key\n").unwrap();
    let words = format!("keys create --id shop --key-file {}", file.display());
    assert_eq!(place.run(&words)["app_key"], "4a1b-the-callers-old-key");
    let mut command = place.livegate();
    command.args(["keys", "rotate", "shop", "--key-file", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"another-key-of-theirs").unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
    for key in ["4a1b-the-callers-old-key", "another-key-of-theirs"] {
        within_a_second(key, || outcome(&replica, "shop", key) == "200 2");
    }
    let log = replica.log();
    assert!(!log.contains("4a1b") && !log.contains("another-key"), "{log}");
    // No file of the accounts holds a key.
    for file in std::fs::read_dir(place.directory.path()).unwrap() {
        let file = file.unwrap().path();
        if file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("accounts")) {
            let bytes = std::fs::read(&file).unwrap();
            let holds = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
            assert!(!holds(b"4a1b-the") && !holds(b"another-key"), "{}", file.display());
        }
    }
}

#[test]
fn usage_and_keys_are_shown_as_tables_csv_and_json() {
    let _alone = alone();
    let place = Place::file();
    let limits = "--quota-per-month 9 --rate-per-minute 60 --at-once 17";
    let key = place.create(&format!("--id shop,1 --label shop {limits}"));
    let mut replica = place.replica();
    assert_eq!(outcome(&replica, "shop,1", &key), "200 2");
    // A graceful shutdown loses no count.
    replica.stop();
    let text = |words: &str| {
        let output = place.livegate().args(words.split(' ')).output().unwrap();
        finished(&output).0
    };
    let day = place.run("usage")[0]["day"].as_str().unwrap().to_owned();
    assert_eq!(text("usage --csv"), format!("day,app_id,requests\n{day},\"shop,1\",1\n"));
    assert_eq!(
        place.run("usage"),
        serde_json::json!([{"day": day, "app_id": "shop,1", "requests": 1}])
    );
    assert_eq!(place.run("usage --app other"), serde_json::json!([]));
    let table = text("usage");
    assert!(table.contains(&day) && table.contains("total"), "{table}");
    let list = text("keys list");
    for cell in ["shop,1", "enabled", "1 of 9", "60/min, burst 10", "17"] {
        assert!(list.contains(cell), "{cell}: {list}");
    }
    assert!(!list.contains(&key), "{list}");
    let listed = &place.run("keys list")[0];
    assert_eq!(listed["used_today"], 1);
    assert_eq!(listed["rate"], serde_json::json!({"per_minute": 60, "burst": 10}));
    assert_eq!(listed["at_once"], 17);
    assert_eq!(listed["keys"][0]["fingerprint"].as_str().unwrap().len(), 8);
}

#[test]
fn a_service_without_apps_says_so_and_a_demo_stores_nothing() {
    let _alone = alone();
    let place = Place::file();
    let replica = place.replica();
    assert!(replica.log().contains("livegate keys create"), "{}", replica.log());
    let key = place.create("--id shop");
    within_a_second("create", || outcome(&replica, "shop", &key) == "200 2");

    let mut command = livegate_serve(testbed::home().root(), "starter");
    command.arg("--demo");
    let demo = Service::start(place.with_variables(command));
    let printed = demo.printed(2);
    let demo_key = printed[1].rsplit(' ').next().unwrap();
    assert_eq!(outcome(&demo, "demo", demo_key), "200 2");
    assert_eq!(outcome(&demo, "shop", &key), "401 invalid_credentials");
    assert_eq!(place.run("keys list").as_array().unwrap().len(), 1);

    let mut command = place.livegate();
    command.args(["serve", "--demo", "--offline"]).env("LIVEGATE_DEMO_APP_KEY", "short");
    let (_, err, code) = finished(&command.output().unwrap());
    assert_eq!(code, 64, "{err}");
    assert!(err.contains("LIVEGATE_DEMO_APP_KEY") && !err.contains("short"), "{err}");
}

/// Response codes, thresholds and sizes hold as configured, for every caller.
#[test]
fn configured_codes_and_limits_hold() {
    let _alone = alone();
    let mut place = Place::file();
    let key = place.create("--id shop");
    for (name, value) in [
        ("LIVEGATE_INGRESS_THRESHOLD", "1"),
        ("LIVEGATE_INGRESS_V0_1_MIN_PICTURE_SIDE_PX", "600"),
        ("LIVEGATE_INGRESS_RESPONSE_CODES_NOT_LIVE", "7"),
        ("LIVEGATE_INGRESS_RESPONSE_CODES_NOT_ASSESSED", "9"),
    ] {
        place.variables.push((name, value.into()));
    }
    let replica = place.replica();
    let (picture, hyphens) = (portrait_file(), [("app-id", "shop"), ("app-key", &*key)]);
    let underscores = [("app_id", "shop"), ("app_key", &*key)];
    let body = Body::json(&picture);
    assert_eq!(replica.ask(V0_2, &underscores, &body).outcome(), "200 7");
    assert_eq!(replica.ask("/v0.1/liveness-verification", &hyphens, &body).outcome(), "200 9");
    // One line for each request, without keys and pictures.
    let log = replica.log();
    assert_eq!(log.matches("request_id=").count(), 2, "{log}");
    assert!(!log.contains(&key) && !log.contains(&base64_of(&picture)[..60]), "{log}");
}

//! The log's lines, and that they hold no secret.

use std::io::{BufRead, BufReader};
use std::process::Command;

use serde_json::{Map, Value};
use testbed::client::{Body, Client};
use testbed::process::{awaited, free_port};
use testbed::service::Service;

use super::{KEY, SECRET, check, start};
use crate::demo::{V0_2, demo, portrait_file};
use crate::{finished, livegate};

/// The log of requests of every kind, with [`SECRET`] in each part that may hold one, and the
/// `X-Request-Id` of the last, which gets 200.
fn log_of(format: &str, filter: &str) -> (String, String) {
    let mut service = start(&[("LIVEGATE_TELEMETRY_LOG_FORMAT", format), ("LIVEGATE_LOG", filter)]);
    let header = [("x-secret", SECRET), ("cookie", SECRET), ("authorization", SECRET)];
    check(&service, V0_2, SECRET.as_bytes(), &header);
    let stranger = [("app_id", SECRET), ("app_key", SECRET)];
    let _refused = service.ask(V0_2, &stranger, &Body::form(&portrait_file()));
    check(&service, &format!("/v1/nothing?app_key={SECRET}"), &portrait_file(), &header);
    if Command::new("curl").arg("--version").output().is_ok() {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--http2-prior-knowledge", "-H", "app_id: demo", "-F"]);
        curl.args([&format!("selfie={SECRET}"), "-H", &format!("app_key: {KEY}")]);
        assert!(curl.arg(format!("{}{V0_2}", service.url())).output().unwrap().status.success());
    } else {
        testbed::left_out_without("curl", "HTTP/2 in the log");
    }
    let (status, id) = check(&service, V0_2, &portrait_file(), &[]);
    assert_eq!(status, 200);
    (service.stop(), id)
}

#[test]
fn no_line_holds_a_key_a_header_or_a_picture_at_any_level() {
    for format in ["text", "json"] {
        for filter in ["", "trace", "trace,h2=trace,hyper=trace,hyper_util=trace,ort=info"] {
            let (log, id) = log_of(format, filter);
            assert!(log.contains(&id), "{log}");
            assert!(!log.contains(SECRET), "{format} {filter}: {log}");
            // XYZZY as `Debug` writes bytes.
            assert!(!log.contains("88, 89, 90, 90, 89"), "{format} {filter}: {log}");
            assert!(!log.contains("137, 80, 78, 71") && !log.contains("\\x89PNG"), "{log}");
        }
    }
}

#[test]
fn a_line_of_json_is_one_flat_object_and_a_request_logs_one() {
    let (log, id) = log_of("json", "");
    let lines: Vec<Map<String, Value>> =
        log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    for line in &lines {
        assert!(line.values().all(|value| !value.is_object() && !value.is_array()), "{line:?}");
        for key in ["timestamp", "level", "target", "message"] {
            assert!(line[key].is_string(), "{key} in {line:?}");
        }
    }
    let of_request: Vec<_> =
        lines.iter().filter(|line| line.get("request_id") == Some(&id.clone().into())).collect();
    assert_eq!(of_request.len(), 1, "{log}");
    let line = of_request[0];
    assert_eq!((&line["message"], &line["level"]), (&"answered".into(), &"INFO".into()));
    assert_eq!((&line["method"], &line["path"]), (&"POST".into(), &V0_2.into()));
    assert_eq!((&line["status"], &line["code"]), (&200.into(), &"ok".into()));
    assert!(line["duration_ms"].as_f64().unwrap() > 0.0);
    assert!(!line.contains_key("trace_id"));
    let refused = lines.iter().find(|line| line.get("status") == Some(&401.into())).unwrap();
    assert_eq!(
        (&refused["message"], &refused["code"]),
        (&"refused".into(), &"invalid_credentials".into())
    );
    assert!(lines.iter().any(|line| line["message"] == "ready"));
}

#[test]
fn a_line_names_the_app_of_a_verified_key_and_the_id_of_the_proxy() {
    for (named, setting) in [(true, "true"), (false, "false")] {
        let mut service = start(&[
            ("LIVEGATE_TELEMETRY_LOG_FORMAT", "json"),
            ("LIVEGATE_INGRESS_LOG_APP_IDS", setting),
        ]);
        let of_proxy = [("x-request-id", "of-the-proxy-1")];
        let known = check(&service, V0_2, &portrait_file(), &of_proxy).1;
        let unsupported = check(&service, V0_2, b"no picture", &[("x-request-id", "a b")]).1;
        let stranger = [("app_id", "demo"), ("app_key", "of another app")];
        let stranger = service.ask(V0_2, &stranger, &Body::form(&portrait_file())).request_id;
        let log = service.stop();
        let line = |id: &str| -> Map<String, Value> {
            let line = log.lines().find(|line| line.contains(id)).expect(id);
            serde_json::from_str(line).expect(line)
        };
        let app = |id: &str| line(id).get("app_id").cloned();
        let expected = named.then(|| Value::from("demo"));
        assert_eq!(
            (app(&known), app(&unsupported), app(&stranger)),
            (expected.clone(), expected, None)
        );
        assert_eq!(line(&known)["proxy_request_id"], "of-the-proxy-1");
        assert!(!line(&unsupported).contains_key("proxy_request_id"), "{log}");
    }
}

#[test]
fn a_wrong_log_or_trace_setting_is_refused_on_standard_error() {
    let serve = |variables: &[(&str, &str)]| {
        let mut command = livegate(testbed::home().root());
        command.args(["serve", "--demo", "--offline"]).envs(variables.iter().copied());
        finished(&command.output().unwrap())
    };
    for (name, value, key) in [
        ("LIVEGATE_TELEMETRY_LOG_FORMAT", "xml", "log_format"),
        ("LIVEGATE_TELEMETRY_OTLP_ENDPOINT", "http://", "telemetry.otlp_endpoint"),
        ("LIVEGATE_TELEMETRY_OTLP_ENDPOINT", "localhost:4318", "telemetry.otlp_endpoint"),
        ("LIVEGATE_TELEMETRY_SAMPLE_RATIO", "2", "telemetry.sample_ratio"),
        ("LIVEGATE_LOG", "in=fo=x", "LIVEGATE_LOG"),
    ] {
        let (out, err, code) = serve(&[(name, value)]);
        assert_eq!((out.as_str(), code), ("", 64), "{name}={value}: {err}");
        assert!(err.to_lowercase().contains(&key.to_lowercase()), "{name}={value}: {err}");
    }
}

/// A pipe has room for 64 KiB, and the service for 1 MiB.
#[test]
fn a_log_that_is_not_read_holds_no_answer_up_and_loses_lines_that_are_counted() {
    let admin = format!("127.0.0.1:{}", free_port());
    let (reader, pipe) = std::io::pipe().unwrap();
    let mut command = demo("starter");
    command.env("LIVEGATE_ADMIN_LISTEN", &admin).env("LIVEGATE_TELEMETRY_LOG_FORMAT", "json");
    let mut service = Service::start_with_log(command, pipe);
    let client = Client::default();
    let dropped = || {
        let page = client.get(&format!("http://{admin}/metrics")).unwrap().body;
        let value = page
            .lines()
            .find_map(|line| line.strip_prefix("livegate_log_lines_dropped_total "))
            .unwrap();
        value.parse::<u64>().unwrap()
    };
    assert_eq!(dropped(), 0);
    let path = format!("{}/{}", service.url(), "x".repeat(100));
    let mut asked = 0;
    while dropped() == 0 {
        for _ in 0..100 {
            assert_eq!(client.get(&path).unwrap().status, 404);
        }
        asked += 100;
        assert!(asked < 100_000, "no line is dropped");
    }
    assert_eq!(client.get(&format!("{}/livez", service.url())).unwrap().status, 200);
    let lines = std::thread::spawn(move || {
        let lines: Vec<String> = BufReader::new(reader).lines().map(Result::unwrap).collect();
        lines
    });
    // Lines go on when the pipe is read, and the last one is written.
    awaited("the log is read", || {
        let before = dropped();
        client.get(&path).unwrap();
        (dropped() == before).then_some(())
    });
    let lost = dropped();
    service.signal("TERM");
    assert_eq!(service.wait().code(), Some(0));
    let lines: Vec<Value> =
        lines.join().unwrap().iter().map(|line| serde_json::from_str(line).expect(line)).collect();
    let told: Vec<u64> = lines
        .iter()
        .filter(|line| line["message"] == "log lines were dropped: standard error was not read")
        .map(|line| line["lines"].as_u64().unwrap())
        .collect();
    assert_eq!(told.iter().sum::<u64>(), lost, "{told:?}");
    assert_eq!(lines.last().unwrap()["message"], "every request that was held is answered");
}

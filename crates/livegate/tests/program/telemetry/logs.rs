//! The log's lines, and that they hold no secret.

use std::process::Command;

use serde_json::{Map, Value};
use testbed::client::Body;

use super::{KEY, SECRET, check, start};
use crate::demo::{V0_2, portrait_file};
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

//! Metrics, the log and traces of a running service.

mod collector;
mod logs;
mod traces;

use std::io::Write;
use std::process::{Command, Stdio};

use testbed::client::{Body, Client};
use testbed::process::free_port;
use testbed::service::Service;

use crate::demo::{V1, demo, portrait_file};
use crate::{finished, livegate};

/// Text in keys, headers and bodies that no line of the log and no span may have.
const SECRET: &str = "XYZZY";
/// The key of the app `demo`.
const KEY: &str = "the-key-XYZZY-of-the-demo";

/// A demo with these variables.
fn start(variables: &[(&str, &str)]) -> Service {
    let mut command = demo("starter");
    command.env("LIVEGATE_DEMO_APP_KEY", KEY).envs(variables.iter().copied());
    Service::start(command)
}

/// Status and `X-Request-Id` of a request from the app `demo`, with these headers besides.
fn check(service: &Service, path: &str, picture: &[u8], more: &[(&str, &str)]) -> (u16, String) {
    let headers = [more, &[("app_id", "demo"), ("app_key", KEY)]].concat();
    let answer = service.ask(path, &headers, &Body::form(picture));
    (answer.status, answer.request_id)
}

/// `promtool` is Prometheus' own check of metrics.
#[test]
fn the_admin_listener_names_version_and_models_and_promtool_accepts_its_metrics() {
    let admin = format!("127.0.0.1:{}", free_port());
    let variables = [("LIVEGATE_ADMIN_LISTEN", &*admin), ("LIVEGATE_ADMIN_APP_IDS", "true")];
    let mut service = start(&variables);
    assert_eq!(check(&service, V1, &portrait_file(), &[]).0, 200);
    let get = |path: &str| Client::default().get(&format!("http://{admin}{path}")).unwrap().body;
    assert_eq!(get("/readyz"), r#"{"status":"ready"}"#);
    let health = || {
        let mut command = livegate(testbed::home().root());
        finished(&command.arg("health").envs(variables).output().unwrap())
    };
    assert_eq!(health(), ("{\"status\":\"ready\"}\n".into(), String::new(), 0));
    let version: serde_json::Value = serde_json::from_str(&get("/version")).unwrap();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(version["pack"]["name"], "starter");
    // The provider that ran each model, by ONNX Runtime's profile.
    for model in version["models"].as_array().unwrap() {
        let providers = model["providers"].as_object().unwrap();
        assert_eq!(providers.keys().collect::<Vec<_>>(), ["CPUExecutionProvider"], "{model}");
        assert!(providers["CPUExecutionProvider"].as_u64().unwrap() > 5, "{model}");
        assert_eq!(model["elsewhere"], serde_json::json!([]), "{model}");
    }
    assert_eq!(version["models"].as_array().unwrap().len(), 3);
    let page = get("/metrics");
    for series in [
        r#"livegate_app_requests_total{app_id="demo",code="ok"} 1"#,
        r#"livegate_verdicts_total{pack="starter",verdict="live"} 1"#,
    ] {
        assert!(page.lines().any(|line| line == series), "{series} in {page}");
    }
    for model in version["models"].as_array().unwrap() {
        let (id, nodes) = (&model["id"], &model["providers"]["CPUExecutionProvider"]);
        let series =
            format!("livegate_model_nodes{{model={id},provider=\"CPUExecutionProvider\"}} {nodes}");
        assert!(page.lines().any(|line| line == series), "{series} in {page}");
    }
    assert!(!page.contains(SECRET));
    service.stop();
    let (said, _, code) = health();
    assert!(said.contains("does not answer") && code == 1, "{said}");
    if Command::new("promtool").arg("--version").output().is_err() {
        testbed::left_out_without("promtool", "promtool check metrics");
        return;
    }
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let (out, err, code) = finished(&child.wait_with_output().unwrap());
    assert_eq!((out.as_str(), err.as_str(), code), ("", "", 0), "{page}");
}

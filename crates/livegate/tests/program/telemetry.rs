//! What a service tells of its work: metrics, lines of the log, traces.

mod collector;
mod logs;
mod traces;

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::livegate;

/// What must be in no line and no span: keys, headers and bodies have it in them.
const SECRET: &str = "XYZZY";
/// The key of the app `demo`.
const KEY: &str = "the-key-XYZZY-of-the-demo";

/// A running service with demo credentials and a log to look through; ended when dropped.
struct Observed {
    child: Child,
    url: String,
    log: PathBuf,
    _directory: tempfile::TempDir,
}

impl Observed {
    fn start(variables: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let mut command = livegate(testbed::home().root());
        command.args(["serve", "--demo", "--offline", "--listen", "127.0.0.1:0"]);
        command.args(["--pack", "starter"]).envs(variables.iter().copied());
        command.env("LIVEGATE_DEMO_APP_KEY", KEY).stdout(Stdio::piped());
        let mut child = command.stderr(std::fs::File::create(&log).unwrap()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let first = lines.next().expect("the service starts");
        // The rest is read to its end, so that the service can say it.
        std::thread::spawn(move || lines.for_each(drop));
        let url = first.strip_prefix("listening on ").unwrap().to_owned();
        Self { child, url, log, _directory: directory }
    }

    /// Sends a form with a picture, with these headers; gives back the status and `X-Request-Id`.
    fn post(&self, path: &str, picture: &[u8], headers: &[(&str, &str)]) -> (u16, String) {
        let mut form = b"--B\r\nContent-Disposition: form-data; name=\"selfie\"\r\n\r\n".to_vec();
        form.extend(picture);
        form.extend(b"\r\n--B--\r\n");
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let mut request = ureq::Agent::new_with_config(config)
            .post(format!("{}{path}", self.url))
            .content_type("multipart/form-data; boundary=B");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send(&form[..]).unwrap();
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        (response.status().as_u16(), id)
    }

    /// The same from the app `demo`.
    fn check(&self, path: &str, picture: &[u8], headers: &[(&str, &str)]) -> (u16, String) {
        self.post(path, picture, &[headers, &[("app_id", "demo"), ("app_key", KEY)]].concat())
    }

    /// Ends it, and gives back all that it logged.
    fn end(mut self) -> String {
        let kill = format!("kill -TERM {}", self.child.id());
        assert!(Command::new("sh").arg("-c").arg(kill).status().unwrap().success());
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(began.elapsed() < Duration::from_mins(1), "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        };
        let log = std::fs::read_to_string(&self.log).unwrap();
        assert_eq!(status.code(), Some(0), "{log}");
        log
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn portrait() -> Vec<u8> {
    std::fs::read(testbed::portrait()).unwrap()
}

/// What the admin listener answers, and what Prometheus' own tool thinks of the metrics there.
#[test]
fn the_admin_listener_tells_what_runs_and_promtool_has_nothing_against_the_metrics() {
    let free = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
    let admin = free.local_addr().unwrap().to_string();
    drop(free);
    let variables = [("LIVEGATE_ADMIN_LISTEN", &*admin), ("LIVEGATE_ADMIN_APP_IDS", "true")];
    let service = Observed::start(&variables);
    assert_eq!(service.check("/v1/liveness", &portrait(), &[]).0, 200);
    let get = |path: &str| {
        let mut response = ureq::get(format!("http://{admin}{path}")).call().unwrap();
        response.body_mut().read_to_string().unwrap()
    };
    assert_eq!(get("/readyz"), r#"{"status":"ready"}"#);
    let health = || {
        let mut command = livegate(testbed::home().root());
        crate::finished(&command.arg("health").envs(variables).output().unwrap())
    };
    assert_eq!(health(), ("{\"status\":\"ready\"}\n".into(), String::new(), 0));
    let version: serde_json::Value = serde_json::from_str(&get("/version")).unwrap();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(version["pack"]["name"], "starter");
    // What ran each model, and not only what could have.
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
    service.end();
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
    let (out, err, code) = crate::finished(&child.wait_with_output().unwrap());
    assert_eq!((out.as_str(), err.as_str(), code), ("", "", 0), "{page}");
}

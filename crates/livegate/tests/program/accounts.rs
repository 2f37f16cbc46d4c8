//! Credentials and limits as an operator has them: commands beside running services.

mod commands;
mod stores;

use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use image::{DynamicImage, ImageFormat, RgbImage};
use serde_json::Value;
use testbed::client::{Body, Client};
use testbed::pictures::encoded;
use testbed::process::found_within;
use testbed::service::Service;
use testbed::valkey::ValkeyServer;

use crate::demo::V0_2;
use crate::{finished, livegate, livegate_serve};

/// An operator's machine, whose variables say where accounts are kept.
struct Place {
    directory: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Place {
    /// Accounts in a file.
    fn file() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("accounts.db").display().to_string();
        Self { directory, variables: vec![("LIVEGATE_ACCOUNTS_DATABASE", database)] }
    }

    /// Accounts on a server.
    fn shared(server: &ValkeyServer) -> Self {
        let mut place = Self::file();
        // What is known of the server is noted beside the file that is not used.
        place.variables.extend([
            ("LIVEGATE_ACCOUNTS_BACKEND", "valkey".to_owned()),
            ("LIVEGATE_ACCOUNTS_VALKEY_URL", server.url()),
        ]);
        place
    }

    fn livegate(&self) -> Command {
        self.with_variables(livegate(testbed::home().root()))
    }

    fn with_variables(&self, mut command: Command) -> Command {
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command that must succeed, and gives back its output, which is JSON.
    fn run(&self, words: &str) -> Value {
        let output = self.livegate().args(words.split(' ')).arg("--json").output().unwrap();
        let (out, err, code) = finished(&output);
        assert_eq!(code, 0, "{words}: {err}");
        serde_json::from_str(&out).unwrap()
    }

    fn create(&self, words: &str) -> String {
        self.run(&format!("keys create {words}"))["app_key"].as_str().unwrap().to_owned()
    }

    /// All requests that were counted.
    fn used(&self) -> u64 {
        let usage = self.run("usage --from 2026-01-01");
        usage.as_array().unwrap().iter().map(|line| line["requests"].as_u64().unwrap()).sum()
    }

    /// What `livegate doctor` says of the accounts, as in `problem: "empty"`, and its exit code.
    fn doctor(&self) -> (String, i32) {
        let mut doctor = self.livegate();
        doctor.args(["doctor", "--json", "--device", "cpu", "--pack", "starter"]);
        let (out, err, code) = finished(&doctor.output().unwrap());
        let report: Value = serde_json::from_str(&out).expect(&err);
        let of_accounts =
            |check: &&Value| check["check"] == "accounts" && check["status"] != "warning";
        let checks = report["checks"].as_array().unwrap().iter().filter(of_accounts);
        let lines: Vec<String> = checks
            .map(|it| format!("{}: {}", it["status"].as_str().unwrap(), it["says"]))
            .collect();
        (lines.join("\n"), code)
    }

    /// A running service over these accounts, on the device that starts quickest.
    fn replica(&self) -> Service {
        let mut command = livegate_serve(testbed::home().root(), "starter");
        command.args(["--device", "cpu"]);
        Service::start(self.with_variables(command))
    }
}

/// A picture of the documented sample's size. It gets `200 2`, not assessed, and no model runs.
fn tiny() -> Body {
    let picture = DynamicImage::ImageRgb8(RgbImage::new(95, 71));
    Body::json(&encoded(&picture, ImageFormat::Png))
}

/// Status and error code of one request, as in `403 usage_limit_reached`.
fn ask(client: &Client, service: &Service, id: &str, key: &str, body: &Body) -> String {
    let url = format!("{}{V0_2}", service.url());
    client.post(&url, &[("app_id", id), ("app_key", key)], body).unwrap().outcome()
}

/// The same for a [`tiny`] picture, over a connection of its own.
fn outcome(service: &Service, id: &str, key: &str) -> String {
    ask(&Client::default(), service, id, key, &tiny())
}

/// Status and body of `/readyz`.
fn readiness(service: &Service) -> (u16, String) {
    let answer = Client::default().get(&format!("{}/readyz", service.url())).unwrap();
    (answer.status, answer.body)
}

/// Held by one test of this file at a time: some measure a second, and others keep every core busy.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    // A test that panicked leaves nothing that others depend on.
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `test` with accounts in a file, and with accounts on a server.
fn each_place(test: impl Fn(&Place)) {
    let _alone = alone();
    test(&Place::file());
    if let Some(server) = ValkeyServer::start(&[]) {
        test(&Place::shared(&server));
    }
}

/// Waits until `holds`, at most for the second in which a change must act.
fn within_a_second(what: &str, mut holds: impl FnMut() -> bool) {
    found_within(Duration::from_secs(1), what, || holds().then_some(()));
}

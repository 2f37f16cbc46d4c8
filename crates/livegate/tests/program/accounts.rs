//! Credentials and limits as an operator has them: commands beside running services.

mod commands;
mod stores;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use image::{DynamicImage, ImageFormat, RgbImage};
use serde_json::Value;
use testbed::pictures::encoded;
use testbed::valkey::ValkeyServer;

use crate::serve::base64_of;
use crate::{finished, livegate};

/// An operator's machine: where accounts are kept, in variables.
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
        let variables = vec![
            ("LIVEGATE_ACCOUNTS_BACKEND", "valkey".to_owned()),
            ("LIVEGATE_ACCOUNTS_VALKEY_URL", server.url()),
        ];
        Self { directory: tempfile::tempdir().unwrap(), variables }
    }

    fn livegate(&self) -> Command {
        let mut command = livegate(testbed::home().root());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command that succeeds, and gives back what it prints as JSON.
    fn run(&self, words: &str) -> Value {
        let output = self.livegate().args(words.split(' ')).arg("--json").output().unwrap();
        let (out, err, code) = finished(&output);
        assert_eq!(code, 0, "{words}: {err}");
        serde_json::from_str(&out).unwrap()
    }

    fn create(&self, words: &str) -> String {
        self.run(&format!("keys create {words}"))["app_key"].as_str().unwrap().to_owned()
    }

    /// All that was counted.
    fn used(&self) -> u64 {
        let usage = self.run("usage --from 2026-01-01");
        usage.as_array().unwrap().iter().map(|line| line["requests"].as_u64().unwrap()).sum()
    }

    fn replica(&self) -> Replica {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let log = self.directory.path().join(format!("{count}.log"));
        let mut command = self.livegate();
        command.args(["serve", "--offline", "--pack", "starter", "--listen", "127.0.0.1:0"]);
        command.stdout(Stdio::piped()).stderr(std::fs::File::create(&log).unwrap());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some(url) = line.trim().strip_prefix("listening on ") else {
            panic!("{}", std::fs::read_to_string(log).unwrap())
        };
        Replica { child, url: url.to_owned(), log }
    }
}

/// A running service; ended when dropped.
struct Replica {
    child: Child,
    url: String,
    log: std::path::PathBuf,
}

/// The documented sample's size: answered 200 with "not assessed", before any model is asked.
fn tiny() -> String {
    let picture = DynamicImage::ImageRgb8(RgbImage::new(95, 71));
    format!("{{\"selfie\":\"{}\"}}", base64_of(&encoded(&picture, ImageFormat::Png)))
}

impl Replica {
    /// Status and error code, as in `403 usage_limit_reached`.
    fn ask(&self, agent: &ureq::Agent, id: &str, key: &str, body: &str) -> String {
        let request = agent
            .post(format!("{}/v0.2/liveness-verification", self.url))
            .header("app_id", id)
            .header("app_key", key)
            .content_type("application/json");
        let mut response = request.send(body).unwrap();
        let status = response.status().as_u16();
        let body: Value =
            serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap();
        match body["error"]["code"].as_str() {
            Some(code) => format!("{status} {code}"),
            None => format!("{status} {}", body["response_code"]),
        }
    }

    fn outcome(&self, id: &str, key: &str) -> String {
        self.ask(&agent(), id, key, &tiny())
    }

    fn signal(&mut self, signal: &str) -> std::process::ExitStatus {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(Command::new("sh").arg("-c").arg(kill).status().unwrap().success());
        self.child.wait().unwrap()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::new_with_config(ureq::Agent::config_builder().http_status_as_error(false).build())
}

/// One service at a time: a test that measures a second, and one that keeps every core busy, do not go
/// together.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    // A test that failed has left nothing half done.
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn each_place(test: impl Fn(&Place)) {
    let _alone = alone();
    test(&Place::file());
    if let Some(server) = ValkeyServer::start(&[]) {
        test(&Place::shared(&server));
    }
}

/// Waits until `holds`; a change must act within a second, so that is how long.
fn within_a_second(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(1), "it takes longer than a second: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

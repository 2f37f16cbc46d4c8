//! Credentials and limits as an operator has them: commands beside running services.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
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

/// 10,000 requests to two processes over one store, as fast as 32 clients send them.
#[test]
fn two_replicas_stop_at_exactly_the_quota_and_count_exactly_what_they_answered() {
    each_place(|place| {
        let free = place.create("--id free");
        let limited = place.create("--id limited --quota-per-day 1234");
        let replicas = [place.replica(), place.replica()];
        let body = tiny();
        let spoiled = "{\"selfie\":\"AAAA\"}";
        // What the limited app got: answered, refused as spoiled, refused as spent. And the other one.
        let outcomes: [AtomicU32; 4] = Default::default();
        std::thread::scope(|scope| {
            for client in 0..32_usize {
                let (replica, outcomes, body) = (&replicas[client % 2], &outcomes, &body);
                let (free, limited) = (&free, &limited);
                scope.spawn(move || {
                    let agent = agent();
                    for i in 0..10_000 / 32 + usize::from(client < 10_000 % 32) {
                        let place = match i % 4 {
                            0 => {
                                assert_eq!(replica.ask(&agent, "free", free, body), "200 2");
                                3
                            }
                            // One of four is given back.
                            1 => match &*replica.ask(&agent, "limited", limited, spoiled) {
                                "415 unsupported_image" => 1,
                                "403 usage_limit_reached" => 2,
                                other => panic!("{other}"),
                            },
                            _ => match &*replica.ask(&agent, "limited", limited, body) {
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

#[test]
fn an_operators_commands_act_on_a_running_service_within_a_second() {
    each_place(|place| {
        let replica = place.replica();
        let old = place.create("--id shop --label shop");
        within_a_second("create", || replica.outcome("shop", &old) == "200 2");
        let new = place.run("keys rotate shop")["app_key"].as_str().unwrap().to_owned();
        within_a_second("rotate", || replica.outcome("shop", &new) == "200 2");
        assert_eq!(replica.outcome("shop", &old), "200 2");
        place.run("keys rotate shop --finish");
        let refused = "401 invalid_credentials";
        within_a_second("--finish", || replica.outcome("shop", &old) == refused);
        assert_eq!(replica.outcome("shop", &new), "200 2");
        place.run("keys set shop --quota-per-day 1");
        let spent = "403 usage_limit_reached";
        within_a_second("quota", || replica.outcome("shop", &new) == spent);
        place.run("keys set shop --quota-per-day none --rate-per-minute 1 --burst 1");
        let fast = "429 rate_limited";
        within_a_second("rate", || replica.outcome("shop", &new) == fast);
        place.run("keys set shop --rate-per-minute none");
        within_a_second("no rate", || replica.outcome("shop", &new) == "200 2");
        place.run("keys disable shop");
        within_a_second("disable", || replica.outcome("shop", &new) == spent);
        place.run("keys enable shop");
        within_a_second("enable", || replica.outcome("shop", &new) == "200 2");
        let stolen = new;
        let new = place.run("keys rotate shop --now")["app_key"].as_str().unwrap().to_owned();
        within_a_second("--now", || replica.outcome("shop", &stolen) == refused);
        assert_eq!(replica.outcome("shop", &new), "200 2");
        within_a_second("last use", || {
            place.run("keys list")[0]["keys"][0]["last_used_at"].is_string()
        });
        place.run("keys delete shop");
        within_a_second("delete", || replica.outcome("shop", &new) == refused);
        assert!(place.used() > 0, "what was used stays on record");
        // Neither keys nor their digests, whatever became of the request.
        let log = replica.log();
        assert!(log.contains("status=401") && log.contains("status=429"), "{log}");
        for key in [&old, &stolen, &new] {
            let digest = model_pack::Digest::of(key.as_bytes()).to_string();
            assert!(!log.contains(key.as_str()) && !log.contains(&digest), "{log}");
        }
    });
}

#[test]
fn what_cannot_be_done_is_refused_and_says_why() {
    let place = Place::file();
    place.create("--id shop");
    for (expected, words, because) in [
        (64, "keys create --id shop", "there is an app `shop` already"),
        (64, "keys create --id caf\u{e9}", "visible ASCII"),
        (64, "keys create --id=-x", "does not begin with a hyphen"),
        (64, "keys disable nobody", "there is no app `nobody`"),
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

/// A second key whose printing failed is in nobody's hands.
#[test]
fn a_rotation_is_taken_back() {
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
    assert_eq!(replica.outcome("shop", &old), "200 2");
}

/// Whoever comes from another service has keys that are in use already.
#[test]
fn a_key_that_callers_have_is_taken_over_from_a_file_or_a_pipe() {
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
        within_a_second(key, || replica.outcome("shop", key) == "200 2");
    }
    let log = replica.log();
    assert!(!log.contains("4a1b") && !log.contains("another-key"), "{log}");
    // Nor does anything of them lie beside the accounts.
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
fn people_get_tables_and_programs_get_csv_and_json() {
    let _alone = alone();
    let place = Place::file();
    let key = place.create("--id shop,1 --label shop --quota-per-month 9 --rate-per-minute 60");
    let mut replica = place.replica();
    assert_eq!(replica.outcome("shop,1", &key), "200 2");
    // A clean end loses nothing.
    assert_eq!(replica.signal("TERM").code(), Some(0));
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
    for cell in ["shop,1", "enabled", "1 of 9", "60/min, burst 10"] {
        assert!(list.contains(cell), "{cell}: {list}");
    }
    assert!(!list.contains(&key), "{list}");
    let listed = &place.run("keys list")[0];
    assert_eq!(listed["used_today"], 1);
    assert_eq!(listed["rate"], serde_json::json!({"per_minute": 60, "burst": 10}));
    assert_eq!(listed["keys"][0]["fingerprint"].as_str().unwrap().len(), 8);
}

/// Killed without a chance to say goodbye, a second after its last answer.
#[test]
fn a_crash_loses_no_credential_and_no_count_older_than_a_second() {
    each_place(|place| {
        let key = place.create("--id shop --quota-per-day 1000");
        let mut replica = place.replica();
        for _ in 0..20 {
            assert_eq!(replica.outcome("shop", &key), "200 2");
        }
        std::thread::sleep(Duration::from_secs(1));
        replica.signal("KILL");
        assert_eq!(place.used(), 20);
        let replica = place.replica();
        assert_eq!(replica.outcome("shop", &key), "200 2");
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
    assert_eq!(place.replica().outcome("shop", &key), "200 2");
}

#[test]
fn while_the_accounts_are_away_callers_are_told_and_then_served_again() {
    let _alone = alone();
    let Some(mut server) = ValkeyServer::start(&["--appendonly", "yes"]) else { return };
    let mut place = Place::shared(&server);
    let key = place.create("--id shop --quota-per-day 1000");
    let refusing = place.replica();
    place.variables.push(("LIVEGATE_ACCOUNTS_WHEN_UNAVAILABLE", "serve".into()));
    let serving = place.replica();
    for replica in [&refusing, &serving] {
        assert_eq!(replica.outcome("shop", &key), "200 2");
    }
    server.kill();
    for _ in 0..5 {
        assert_eq!(refusing.outcome("shop", &key), "503 accounts_unavailable");
        assert_eq!(serving.outcome("shop", &key), "200 2");
        assert_eq!(refusing.outcome("shop", "a-key-that-is-wrong"), "401 invalid_credentials");
    }
    server.start_again();
    within_a_second("recovery", || refusing.outcome("shop", &key) == "200 2");
    within_a_second("late counts", || place.used() == 8);
    let log = refusing.log();
    assert!(log.contains("the accounts store cannot be used") && log.contains("is back"), "{log}");

    // What is away at the start is said at the start.
    server.kill();
    let mut command = place.livegate();
    command.args(["serve", "--offline", "--pack", "starter", "--listen", "127.0.0.1:0"]);
    let (out, err, code) = finished(&command.output().unwrap());
    assert_eq!((out.as_str(), code), ("", 69), "{err}");
    assert!(err.contains("the accounts server cannot be used"), "{err}");
}

/// As managed servers are reached: over TLS, with a certificate that the system trusts.
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
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    drop(free);
    let mut arguments =
        vec!["--tls-port".to_owned(), port.clone(), "--tls-auth-clients".into(), "no".into()];
    for (option, file) in files {
        arguments
            .extend([format!("--{option}"), directory.path().join(file).display().to_string()]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let Some(server) = ValkeyServer::start(&arguments) else { return };
    let mut place = Place::shared(&server);
    place.variables[1].1 = format!("rediss://localhost:{port}/0");
    let mut command = place.livegate();
    let (_, err, code) = finished(&command.args(["keys", "list"]).output().unwrap());
    assert_eq!(code, 69, "{err}");
    assert!(err.contains("certificate"), "{err}");
    place.variables.push(("SSL_CERT_FILE", certificate));
    let key = place.create("--id shop");
    assert_eq!(place.replica().outcome("shop", &key), "200 2");
}

/// A certificate for `localhost`, made by openssl; says so where that is not installed.
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

#[test]
fn a_service_that_nobody_may_call_yet_says_so_and_a_demo_keeps_nothing() {
    let _alone = alone();
    let place = Place::file();
    let replica = place.replica();
    assert!(replica.log().contains("livegate keys create"), "{}", replica.log());
    let key = place.create("--id shop");
    within_a_second("create", || replica.outcome("shop", &key) == "200 2");

    let mut command = place.livegate();
    command.args(["serve", "--demo", "--offline", "--pack", "starter", "--listen", "127.0.0.1:0"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let url = lines.next().unwrap().strip_prefix("listening on ").unwrap().to_owned();
    let printed = lines.next().unwrap();
    let demo_key = printed.rsplit(' ').next().unwrap();
    let log = place.directory.path().join("none");
    let demo = Replica { child, url, log };
    assert_eq!(demo.outcome("demo", demo_key), "200 2");
    assert_eq!(demo.outcome("shop", &key), "401 invalid_credentials");
    assert_eq!(place.run("keys list").as_array().unwrap().len(), 1);

    let mut command = place.livegate();
    command.args(["serve", "--demo", "--offline"]).env("LIVEGATE_DEMO_APP_KEY", "short");
    let (_, err, code) = finished(&command.output().unwrap());
    assert_eq!(code, 64, "{err}");
    assert!(err.contains("LIVEGATE_DEMO_APP_KEY") && !err.contains("short"), "{err}");
}

/// Response codes, thresholds and sizes as configured hold for whoever calls.
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
    let base64 = base64_of(&std::fs::read(testbed::portrait()).unwrap());
    let body = format!("{{\"selfie\":\"{base64}\"}}");
    assert_eq!(replica.ask(&agent(), "shop", &key, &body), "200 7");
    let mut response = agent()
        .post(format!("{}/v0.1/liveness-verification", replica.url))
        .header("app-id", "shop")
        .header("app-key", &key)
        .content_type("application/json")
        .send(&body)
        .unwrap();
    let mut text = String::new();
    response.body_mut().as_reader().read_to_string(&mut text).unwrap();
    assert!(text.contains("\"response_code\":9"), "{text}");
    // A line a request, and neither keys nor pictures among them.
    let log = replica.log();
    assert_eq!(log.matches("request_id=").count(), 2, "{log}");
    assert!(!log.contains(&key) && !log.contains(&base64[..60]), "{log}");
}

//! Two replicas for real: Valkey, two services, nginx in front with the site that we supply, and a load through all
//! that is thrown at them.

mod nginx;

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use testbed::valkey::ValkeyServer;

use self::nginx::Nginx;
use crate::{finished, livegate};

/// Selfies under way at a time; so many can be lost with a replica at most.
const CALLERS: usize = 4;

/// A selfie over which a worker panics, in builds for tests alone.
const PANIC: &[u8] = b"\0livegate: panic";

/// The home that all replicas have, with the starter pack, a newer one and one that fails its self-test; and where
/// accounts are.
struct Site {
    home: tempfile::TempDir,
    valkey: ValkeyServer,
}

impl Site {
    fn new() -> Option<Self> {
        let valkey = ValkeyServer::start(&["--appendonly", "yes", "--appendfsync", "always"])?;
        let home = tempfile::tempdir().unwrap();
        let from = testbed::home();
        for (name, change) in [
            ("starter", None),
            ("next", Some(("name = \"starter\"", "name = \"next\""))),
            ("broken", Some(("fr_liveness = -0.2057", "fr_liveness = 0.9"))),
        ] {
            let directory = home.path().join("packs").join(name);
            std::fs::create_dir_all(&directory).unwrap();
            for entry in std::fs::read_dir(from.pack_directory("starter")).unwrap() {
                let entry = entry.unwrap();
                std::fs::copy(entry.path(), directory.join(entry.file_name())).unwrap();
            }
            if let Some((text, other)) = change {
                let manifest = directory.join("pack.toml");
                let pack = std::fs::read_to_string(&manifest).unwrap();
                assert!(pack.contains(text), "{pack}");
                let pack = pack.replacen("name = \"starter\"", &format!("name = \"{name}\""), 1);
                std::fs::write(manifest, pack.replacen(text, other, 1)).unwrap();
            }
        }
        let library = from.runtime_library(model_pack::Library::Cpu).unwrap();
        let runtime = home.path().join("runtime");
        std::fs::create_dir(&runtime).unwrap();
        std::fs::copy(&library, runtime.join(library.file_name().unwrap())).unwrap();
        Some(Self { home, valkey })
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = livegate(self.home.path());
        command.args(arguments);
        command.env("LIVEGATE_ACCOUNTS_BACKEND", "valkey");
        command.env("LIVEGATE_ACCOUNTS_VALKEY_URL", self.valkey.url());
        command
    }

    fn run(&self, arguments: &[&str]) -> String {
        let (out, err, code) = finished(&self.command(arguments).output().unwrap());
        assert_eq!(code, 0, "{err}");
        out
    }

    /// Adds an app; its key.
    fn app(&self, arguments: &[&str]) -> String {
        let out = self.run(&[&["keys", "create", "--json"], arguments].concat());
        let app: Value = serde_json::from_str(&out).unwrap();
        app["app_key"].as_str().unwrap().to_owned()
    }

    /// How many requests of `app` were counted.
    fn used(&self, app: &str) -> usize {
        let usage: Value = serde_json::from_str(&self.run(&["usage", "--json"])).unwrap();
        let days = usage.as_array().unwrap().iter().filter(|day| day["app_id"] == app);
        days.map(|day| day["requests"].as_u64().unwrap() as usize).sum()
    }
}

/// One service; killed when dropped.
struct Replica {
    child: Child,
    port: u16,
    admin: u16,
}

impl Replica {
    /// Starts one and waits until it is ready.
    fn start(site: &Site, (port, admin): (u16, u16), pack: &str) -> Self {
        let mut child = Self::spawn(site, (port, admin), pack);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        lines.next().expect("it starts").unwrap();
        std::thread::spawn(move || lines.for_each(drop));
        let replica = Self { child, port, admin };
        let began = Instant::now();
        while !replica.get("/readyz").is_ok_and(|(status, _)| status == 200) {
            assert!(began.elapsed() < Duration::from_mins(1), "it does not become ready");
            std::thread::sleep(Duration::from_millis(20));
        }
        replica
    }

    fn spawn(site: &Site, (port, admin): (u16, u16), pack: &str) -> Child {
        site.command(&["serve", "--offline", "--pack", pack, "--workers", "1"])
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .args(["--set", &format!("admin.listen=127.0.0.1:{admin}")])
            .args(["--set", "ingress.shutdown_delay_ms=3000"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn get(&self, path: &str) -> Result<(u16, String), ureq::Error> {
        let mut answer = agent().get(format!("http://127.0.0.1:{}{path}", self.admin)).call()?;
        Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?))
    }

    /// The digest of the pack that it says it serves.
    fn digest(&self) -> String {
        let version: Value = serde_json::from_str(&self.get("/version").unwrap().1).unwrap();
        version["pack"]["digest"].as_str().unwrap().to_owned()
    }

    fn ports(&self) -> (u16, u16) {
        (self.port, self.admin)
    }

    /// As a machine that goes down.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// As an orchestrator ends one: asked, and waited for.
    fn end(mut self) {
        let kill = format!("kill -TERM {}", self.child.id());
        let sent = std::process::Command::new("sh").arg("-c").arg(kill).status();
        assert!(sent.unwrap().success());
        assert!(self.child.wait().unwrap().success());
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
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    ureq::Agent::new_with_config(config.timeout_global(Some(Duration::from_secs(30))).build())
}

/// What came of one request: the pack's digest, or what else was answered.
fn ask(
    agent: &ureq::Agent,
    port: u16,
    app: (&str, &str),
    picture: &[u8],
) -> Result<String, String> {
    let mut form = b"--B\r\nContent-Disposition: form-data; name=\"selfie\"\r\n\r\n".to_vec();
    form.extend(picture);
    form.extend(b"\r\n--B--\r\n");
    let answer = agent
        .post(format!("http://127.0.0.1:{port}/v1/liveness"))
        .content_type("multipart/form-data; boundary=B")
        .header("app_id", app.0)
        .header("app_key", app.1)
        .send(&form[..]);
    let mut answer = answer.map_err(|error| error.to_string())?;
    let body = answer.body_mut().read_to_string().map_err(|error| error.to_string())?;
    let body: Value = serde_json::from_str(&body).map_err(|_| body)?;
    match answer.status().as_u16() {
        200 => Ok(body["pack"]["digest"].as_str().unwrap().to_owned()),
        status => Err(format!("{status} {}", body["error"]["code"].as_str().unwrap())),
    }
}

/// Callers who ask over and over, through nginx.
struct Load {
    outcomes: Arc<Mutex<Vec<Result<String, String>>>>,
    is_over: Arc<AtomicBool>,
    callers: Vec<std::thread::JoinHandle<()>>,
}

impl Load {
    fn start(port: u16, key: &str) -> Self {
        let (outcomes, is_over) = (Arc::default(), Arc::default());
        let callers = (0..CALLERS).map(|_| {
            let (outcomes, is_over): (Arc<Mutex<Vec<_>>>, Arc<AtomicBool>) =
                (Arc::clone(&outcomes), Arc::clone(&is_over));
            let key = key.to_owned();
            let picture = std::fs::read(testbed::portrait()).unwrap();
            std::thread::spawn(move || {
                let agent = agent();
                while !is_over.load(Ordering::Relaxed) {
                    let outcome = ask(&agent, port, ("load", &key), &picture);
                    if outcome.is_err() {
                        // Somebody who is refused does not come again at once.
                        std::thread::sleep(Duration::from_millis(50));
                    }
                    outcomes.lock().unwrap().push(outcome);
                }
            })
        });
        let callers = callers.collect();
        Self { outcomes, is_over, callers }
    }

    /// What came of the requests since the last time that this was asked, once there are so many of them answered.
    fn since(&self, answered: usize) -> Vec<Result<String, String>> {
        let began = Instant::now();
        loop {
            let mut outcomes = self.outcomes.lock().unwrap();
            if outcomes.iter().filter(|outcome| outcome.is_ok()).count() >= answered {
                return std::mem::take(&mut outcomes);
            }
            drop(outcomes);
            assert!(began.elapsed() < Duration::from_mins(2), "nothing is answered any more");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn end(self) -> Vec<Result<String, String>> {
        self.is_over.store(true, Ordering::Relaxed);
        for caller in self.callers {
            caller.join().unwrap();
        }
        Arc::into_inner(self.outcomes).unwrap().into_inner().unwrap()
    }
}

fn refused(outcomes: &[Result<String, String>]) -> Vec<&str> {
    outcomes
        .iter()
        .filter_map(|outcome| outcome.as_ref().err())
        .map(String::as_str)
        .take(100)
        .collect()
}

fn free_ports() -> (u16, u16) {
    let port = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let both = (port(), port());
    (both.0.local_addr().unwrap().port(), both.1.local_addr().unwrap().port())
}

#[test]
fn two_replicas_behind_nginx_lose_what_dies_with_a_process_and_nothing_else() {
    let Some(mut site) = Site::new() else { return };
    let (first_ports, second_ports) = (free_ports(), free_ports());
    let Some(nginx) = Nginx::start(&[first_ports.0, second_ports.0]) else { return };
    let key = site.app(&["--id", "load"]);
    let first = Replica::start(&site, first_ports, "starter");
    let second = Replica::start(&site, second_ports, "starter");
    let starter = first.digest();
    let mut answered = 0;
    let mut count = |outcomes: &[Result<String, String>], digests: &[&String]| {
        let good = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok());
        let good: Vec<_> = good.inspect(|digest| assert!(digests.contains(digest))).collect();
        answered += good.len();
    };
    let load = Load::start(nginx.port, &key);
    let calm = load.since(40);
    assert_eq!(refused(&calm), [""; 0]);
    count(&calm, &[&starter]);

    // One replica dies with all that it had.
    first.kill();
    let outcomes = load.since(40);
    let lost = refused(&outcomes);
    assert!(lost.len() <= CALLERS, "{lost:?}");
    let lost_with_it = lost.len();
    count(&outcomes, &[&starter]);
    let first = Replica::start(&site, first_ports, "starter");

    // A worker of the other does: that one picture is not answered, and nobody else notices.
    let noticed = load.since(10);
    count(&noticed, &[&starter]);
    let panicked = ask(&agent(), second.port, ("load", &key), PANIC);
    assert_eq!(panicked, Err("500 internal".to_owned()));
    let outcomes = load.since(40);
    assert_eq!(refused(&outcomes), [""; 0]);
    count(&outcomes, &[&starter]);
    assert!(second.get("/metrics").unwrap().1.contains("livegate_worker_panics_total 1\n"));

    // Accounts go away and come back: refused meanwhile, and answered again by themselves.
    site.valkey.kill();
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(second.get("/readyz").unwrap().0, 503);
    site.valkey.start_again();
    let outcomes = load.since(60);
    let meanwhile = refused(&outcomes);
    assert!(!meanwhile.is_empty());
    for outcome in &meanwhile {
        assert_eq!(*outcome, "503 accounts_unavailable");
    }
    count(&outcomes, &[&starter]);

    // Both are rolled over to a new pack, one after the other, and nobody notices. A pack that fails its self-test
    // does not start.
    let (ports, began) = (first.ports(), load.since(1));
    count(&began, &[&starter]);
    first.end();
    let mut broken = Replica::spawn(&site, ports, "broken");
    assert_eq!(broken.wait().unwrap().code(), Some(69));
    let first = Replica::start(&site, ports, "next");
    let next = first.digest();
    assert_ne!(next, starter);
    second.end();
    let second = Replica::start(&site, second_ports, "next");
    assert_eq!(second.digest(), next);
    let during = load.since(20);
    count(&during, &[&starter, &next]);
    let after = load.since(20);
    assert_eq!(refused(&[during, after.clone()].concat()), [""; 0]);
    count(&after, &[&next]);
    let rest = load.end();
    assert_eq!(refused(&rest), [""; 0]);
    count(&rest, &[&next]);

    // Every answer is counted but those of the last fifth of a second of the process that was killed, and nothing
    // that was not answered, but where the process died after it had counted.
    first.end();
    second.end();
    let used = site.used("load");
    let uncounted = 2 * CALLERS + 10;
    assert!(used <= answered + lost_with_it, "{used} counted, {answered} answered");
    assert!(used + uncounted >= answered, "{used} counted, {answered} answered");
}

#[test]
fn a_quota_is_exact_over_two_replicas() {
    let Some(site) = Site::new() else { return };
    let (first_ports, second_ports) = (free_ports(), free_ports());
    let Some(nginx) = Nginx::start(&[first_ports.0, second_ports.0]) else { return };
    let key = site.app(&["--id", "few", "--quota-per-day", "30"]);
    let _first = Replica::start(&site, first_ports, "starter");
    let _second = Replica::start(&site, second_ports, "starter");
    let picture = std::fs::read(testbed::portrait()).unwrap();
    let callers = (0..CALLERS).map(|_| {
        let (key, picture, port) = (key.clone(), picture.clone(), nginx.port);
        std::thread::spawn(move || {
            let agent = agent();
            (0..15).map(|_| ask(&agent, port, ("few", &key), &picture)).collect()
        })
    });
    let callers: Vec<std::thread::JoinHandle<Vec<_>>> = callers.collect();
    let outcomes: Vec<_> = callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 30);
    for outcome in refused(&outcomes) {
        assert_eq!(outcome, "403 usage_limit_reached");
    }
    let began = Instant::now();
    while site.used("few") != 30 {
        assert!(began.elapsed() < Duration::from_secs(20), "{} are counted", site.used("few"));
        std::thread::sleep(Duration::from_millis(100));
    }
}

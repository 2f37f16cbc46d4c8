//! Two replicas behind nginx with the site that we supply, over one Valkey, under load.

mod nginx;

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use testbed::client::{Body, Client};
use testbed::process::{awaited, free_port};
use testbed::service::Service;
use testbed::valkey::ValkeyServer;

use self::nginx::Nginx;
use crate::demo::{V1, portrait_file};
use crate::{finished, livegate};

/// Concurrent requests; a replica that dies loses at most as many.
const CALLERS: usize = 4;

/// A picture that makes a worker panic, in debug builds (`mortal.rs`).
const PANIC: &[u8] = b"\0livegate: panic";

/// The replicas' home and accounts. The home has the starter pack, the pack `next` with another
/// digest, and the pack `broken` that fails its self-test.
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

    fn command(&self, arguments: &[&str]) -> Command {
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

    /// Adds an app and gives back its key.
    fn app(&self, arguments: &[&str]) -> String {
        let out = self.run(&[&["keys", "create", "--json"], arguments].concat());
        let app: Value = serde_json::from_str(&out).unwrap();
        app["app_key"].as_str().unwrap().to_owned()
    }

    /// Number of requests of `app` that were counted.
    fn used(&self, app: &str) -> usize {
        let usage: Value = serde_json::from_str(&self.run(&["usage", "--json"])).unwrap();
        let days = usage.as_array().unwrap().iter().filter(|day| day["app_id"] == app);
        days.map(|day| day["requests"].as_u64().unwrap() as usize).sum()
    }
}

/// A service at fixed ports; killed when dropped.
struct Replica {
    service: Service,
    ports: Ports,
}

/// The ports of the main and of the admin listener.
#[derive(Clone, Copy)]
struct Ports {
    main: u16,
    admin: u16,
}

impl Ports {
    fn free() -> Self {
        Self { main: free_port(), admin: free_port() }
    }

    fn serve(self, site: &Site, pack: &str) -> Command {
        let mut command = site.command(&["serve", "--offline", "--pack", pack, "--workers", "1"]);
        command.args(["--listen", &format!("127.0.0.1:{}", self.main)]);
        command.args(["--set", &format!("admin.listen=127.0.0.1:{}", self.admin)]);
        command.args(["--set", "ingress.shutdown_delay_ms=3000"]);
        command
    }

    /// Starts a replica and waits until it is ready.
    fn start(self, site: &Site, pack: &str) -> Replica {
        let service = Service::start(self.serve(site, pack));
        service.wait_until_ready(&format!("http://127.0.0.1:{}", self.admin));
        Replica { service, ports: self }
    }
}

impl Replica {
    /// Status and body of a page of the admin listener.
    fn get(&self, path: &str) -> (u16, String) {
        let url = format!("http://127.0.0.1:{}{path}", self.ports.admin);
        let answer = Client::default().get(&url).unwrap();
        (answer.status, answer.body)
    }

    /// The digest of the pack, as `/version` has it.
    fn digest(&self) -> String {
        let version: Value = serde_json::from_str(&self.get("/version").1).unwrap();
        version["pack"]["digest"].as_str().unwrap().to_owned()
    }

    fn stop(mut self) {
        self.service.stop();
    }
}

/// The digest of the pack that scored one picture, or else status and error code, or why there is
/// no response.
fn ask(client: &Client, port: u16, app: (&str, &str), body: &Body) -> Result<String, String> {
    let headers = [("app_id", app.0), ("app_key", app.1)];
    let answer = client.post(&format!("http://127.0.0.1:{port}{V1}"), &headers, body);
    let answer = answer.map_err(|error| error.to_string())?;
    let json: Value = serde_json::from_str(&answer.body).map_err(|_| answer.body.clone())?;
    match answer.status {
        200 => Ok(json["pack"]["digest"].as_str().unwrap().to_owned()),
        _ => Err(answer.outcome()),
    }
}

/// Callers that send one request after the other, through nginx.
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
            std::thread::spawn(move || {
                let (client, picture) = (Client::default(), Body::form(&portrait_file()));
                while !is_over.load(Ordering::Relaxed) {
                    let outcome = ask(&client, port, ("load", &key), &picture);
                    if outcome.is_err() {
                        // Refused callers wait before they retry.
                        std::thread::sleep(Duration::from_millis(50));
                    }
                    outcomes.lock().unwrap().push(outcome);
                }
            })
        });
        let callers = callers.collect();
        Self { outcomes, is_over, callers }
    }

    /// The outcomes since the last call of this, once `answered` of them are good.
    fn since(&self, answered: usize) -> Vec<Result<String, String>> {
        let began = Instant::now();
        loop {
            let mut outcomes = self.outcomes.lock().unwrap();
            if outcomes.iter().filter(|outcome| outcome.is_ok()).count() >= answered {
                return std::mem::take(&mut outcomes);
            }
            drop(outcomes);
            assert!(began.elapsed() < Duration::from_mins(2), "requests are no longer answered");
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

/// Up to 100 errors among `outcomes`.
fn refused(outcomes: &[Result<String, String>]) -> Vec<&str> {
    outcomes
        .iter()
        .filter_map(|outcome| outcome.as_ref().err())
        .map(String::as_str)
        .take(100)
        .collect()
}

#[test]
fn two_replicas_behind_nginx_lose_only_the_requests_of_a_process_that_dies() {
    let Some(mut site) = Site::new() else { return };
    let (first_ports, second_ports) = (Ports::free(), Ports::free());
    let Some(nginx) = Nginx::start(&[first_ports.main, second_ports.main]) else { return };
    let key = site.app(&["--id", "load"]);
    let first = first_ports.start(&site, "starter");
    let second = second_ports.start(&site, "starter");
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

    // One replica dies with all requests that it holds.
    drop(first);
    let outcomes = load.since(40);
    let lost = refused(&outcomes);
    assert!(lost.len() <= CALLERS, "{lost:?}");
    let lost_with_it = lost.len();
    count(&outcomes, &[&starter]);
    let first = first_ports.start(&site, "starter");

    // A worker of the other dies: only the request that killed it fails.
    let noticed = load.since(10);
    count(&noticed, &[&starter]);
    let deadly = Body::form(PANIC);
    let panicked = ask(&Client::default(), second_ports.main, ("load", &key), &deadly);
    assert_eq!(panicked, Err("500 internal".to_owned()));
    let outcomes = load.since(40);
    assert_eq!(refused(&outcomes), [""; 0]);
    count(&outcomes, &[&starter]);
    assert!(second.get("/metrics").1.contains("livegate_worker_panics_total 1\n"));

    // The accounts server goes down and comes back: 503 meanwhile, 200 again without a restart.
    site.valkey.kill();
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(second.get("/readyz").0, 503);
    site.valkey.start_again();
    let outcomes = load.since(60);
    let meanwhile = refused(&outcomes);
    assert!(!meanwhile.is_empty());
    for outcome in &meanwhile {
        assert_eq!(*outcome, "503 accounts_unavailable");
    }
    count(&outcomes, &[&starter]);

    // Both replicas are replaced by ones with a new pack, one after the other, without a failed
    // request. A pack that fails its self-test does not serve.
    let began = load.since(1);
    count(&began, &[&starter]);
    first.stop();
    let broken = first_ports.serve(&site, "broken").output().unwrap();
    assert_eq!(finished(&broken).2, 69);
    let first = first_ports.start(&site, "next");
    let next = first.digest();
    assert_ne!(next, starter);
    second.stop();
    let second = second_ports.start(&site, "next");
    assert_eq!(second.digest(), next);
    let during = load.since(20);
    count(&during, &[&starter, &next]);
    let after = load.since(20);
    assert_eq!(refused(&[during, after.clone()].concat()), [""; 0]);
    count(&after, &[&next]);
    let rest = load.end();
    assert_eq!(refused(&rest), [""; 0]);
    count(&rest, &[&next]);

    // Every answer is counted, except those of the last fifth of a second of the killed process. A
    // request without an answer is counted only where that process died between count and answer.
    first.stop();
    second.stop();
    let used = site.used("load");
    let uncounted = 2 * CALLERS + 10;
    assert!(used <= answered + lost_with_it, "{used} counted, {answered} answered");
    assert!(used + uncounted >= answered, "{used} counted, {answered} answered");
}

#[test]
fn a_quota_is_exact_over_two_replicas() {
    let Some(site) = Site::new() else { return };
    let (first_ports, second_ports) = (Ports::free(), Ports::free());
    let Some(nginx) = Nginx::start(&[first_ports.main, second_ports.main]) else { return };
    let key = site.app(&["--id", "few", "--quota-per-day", "30"]);
    let _first = first_ports.start(&site, "starter");
    let _second = second_ports.start(&site, "starter");
    let callers = (0..CALLERS).map(|_| {
        let (key, port) = (key.clone(), nginx.port);
        std::thread::spawn(move || {
            let (client, picture) = (Client::default(), Body::form(&portrait_file()));
            (0..15).map(|_| ask(&client, port, ("few", &key), &picture)).collect()
        })
    });
    let callers: Vec<std::thread::JoinHandle<Vec<_>>> = callers.collect();
    let outcomes: Vec<_> = callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 30);
    for outcome in refused(&outcomes) {
        assert_eq!(outcome, "403 usage_limit_reached");
    }
    awaited("30 requests are counted", || (site.used("few") == 30).then_some(()));
}

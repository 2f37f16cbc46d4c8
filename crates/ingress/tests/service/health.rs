//! Health, and the stages of shutdown.

use std::io::Write;
use std::time::Duration;

use ingress::{AdminConfig, Signal};

use crate::support::{Address, Answer, LIVE, PANICKING, Request, SLOW, Server, get, selfie};

fn with_admin(change: impl FnOnce(&mut ingress::Config)) -> Server {
    let listen = Some((std::net::Ipv4Addr::LOCALHOST, 0).into());
    Server::with_admin(|_| (), change, &AdminConfig { listen, ..AdminConfig::default() })
}

#[test]
fn both_listeners_report_liveness_readiness_and_version() {
    let server = with_admin(|_| ());
    for address in [server.address, server.admin.unwrap()] {
        let server = Address(address);
        for (path, body) in [("/livez", r#"{"status":"ok"}"#), ("/readyz", r#"{"status":"ready"}"#)]
        {
            let answer = server.send(&get(path));
            assert_eq!((answer.status, answer.body.as_str()), (200, body));
            assert_eq!(answer.header("content-type"), Some("application/json"));
            let posted = server.send(&Request::form(&[]).to(path).bytes());
            assert_eq!(posted.refusal(), "405 method_not_allowed");
            assert_eq!(posted.header("allow"), Some("GET,HEAD"));
        }
    }
    let admin = Address(server.admin.unwrap());
    let digest = liveness::Digest::of(b"");
    let version = format!(
        r#"{{"version":"1.2.3","pack":{{"name":"obedient","digest":"{digest}"}},"device":"cpu","device_asked_for":"auto","fallback":"there is no other","models":[{{"id":"network","providers":{{"CPUExecutionProvider":2,"CUDAExecutionProvider":30}},"elsewhere":[]}}],"onnxruntime":"none"}}"#
    );
    for address in [server.address, server.admin.unwrap()] {
        assert_eq!(Address(address).send(&get("/version")).body, version);
    }
    let metrics = admin.send(&get("/metrics"));
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for series in [
        "livegate_ready 1\n",
        "livegate_workers{state=\"idle\"} 1\n",
        "livegate_requests_in_flight_limit 64\n",
        "livegate_connections_limit 1024\n",
    ] {
        assert!(metrics.body.contains(series), "{series} in {}", metrics.body);
    }
    // Probes are not counted.
    assert!(!metrics.body.contains("route=\"other\""), "{}", metrics.body);
    assert_eq!(server.send(&get("/metrics")).refusal(), "404 not_found");
    assert_eq!(admin.send(&get("/nowhere")).refusal(), "404 not_found");
    assert_eq!(admin.post(&[selfie(LIVE)]).refusal(), "404 not_found");
}

#[test]
fn health_is_reported_while_no_request_can_be_held() {
    let server = Server::start(|config| config.max_in_flight = 1);
    let mut held = server.connect();
    held.write_all(&Request::form(&[selfie(SLOW)]).bytes()).unwrap();
    server.wait_until_begun();
    assert_eq!(server.post(&[selfie(LIVE)]).refusal(), "503 overloaded");
    assert_eq!(server.send(&get("/readyz")).status, 200);
    server.let_go();
    assert_eq!(Answer::read(&mut held).status, 200);
}

#[test]
fn a_worker_that_panicked_is_rebuilt_and_the_service_stays_ready() {
    let server = Server::start(|_| ());
    for _ in 0..3 {
        assert_eq!(server.post(&[selfie(PANICKING)]).refusal(), "500 internal");
        assert_eq!(server.send(&get("/readyz")).status, 200);
        assert_eq!(server.post(&[selfie(LIVE)]).status, 200);
    }
}

#[test]
fn readiness_ends_first_and_requests_are_answered_until_the_delay_is_over() {
    let server = with_admin(|config| config.shutdown_delay_ms = 60_000);
    let request = Request::form(&[selfie(LIVE)]).bytes();
    let mut kept = server.connect();
    kept.write_all(&request).unwrap();
    assert_eq!(Answer::read(&mut kept).header("connection"), None);
    let mut held = server.connect();
    held.write_all(&Request::form(&[selfie(SLOW)]).bytes()).unwrap();
    server.wait_until_begun();

    server.tell(Signal::End);
    let admin = Address(server.admin.unwrap());
    let not_ready = std::iter::repeat_with(|| admin.send(&get("/readyz")))
        .find(|answer| answer.status == 503)
        .unwrap();
    assert_eq!(not_ready.body, r#"{"status":"not_ready","reasons":["shutting down"]}"#);
    assert_eq!(admin.send(&get("/livez")).status, 200);
    server.let_go();
    // Requests on held, kept and new connections are answered with `Connection: close`.
    assert_eq!(Answer::read(&mut held).status, 200);
    kept.write_all(&request).unwrap();
    let answer = Answer::read(&mut kept);
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    let answer = server.post(&[selfie(LIVE)]);
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));

    // A second signal skips the delay for load balancers.
    let mut late = server.connect();
    late.write_all(&request[..50]).unwrap();
    server.tell(Signal::End);
    let refused = std::iter::repeat_with(|| {
        std::thread::sleep(Duration::from_millis(20));
        std::net::TcpStream::connect(server.address)
    });
    assert!(refused.take(500).any(|connected| connected.is_err()));
    // A request on its way is answered.
    late.write_all(&request[50..]).unwrap();
    let answer = Answer::read(&mut late);
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    server.wait();
}

#[test]
fn no_accepted_connection_is_cut_at_the_end() {
    for _ in 0..5 {
        let server = Server::start(|config| config.shutdown_delay_ms = 0);
        let request = Request::form(&[selfie(LIVE)]).bytes();
        // Connected, with the whole request on its way, when the signal comes.
        let mut streams: Vec<_> = (0..50).map(|_| server.connect()).collect();
        for stream in &mut streams {
            stream.write_all(&request).unwrap();
        }
        server.tell(Signal::End);
        for stream in &mut streams {
            let answer = Answer::read(stream);
            assert_eq!(answer.status, 200);
        }
        server.wait();
    }
}

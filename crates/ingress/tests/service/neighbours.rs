//! What one app does to another.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use ingress::{AdminConfig, Config};

use crate::support::{
    Address, Answer, COSTLY, COSTLY_BYTES, ENDLESS, LIVE, Request, SLOW, Server, get, selfie,
};

/// A server with the listener for operators.
fn start(change: impl FnOnce(&mut Config)) -> Server {
    let listen = Some("127.0.0.1:0".parse().unwrap());
    Server::with_admin(|_| (), change, &AdminConfig { listen, ..AdminConfig::default() })
}

/// Waits until the metrics of the server say `told`.
fn wait_until(server: &Server, told: &str) {
    let began = Instant::now();
    while !Address(server.admin.unwrap()).send(&get("/metrics")).body.contains(told) {
        assert!(began.elapsed() < Duration::from_secs(8), "{told}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sends the head of a request and a part of its body.
fn begin(server: &Server, request: &Request) -> TcpStream {
    let bytes = request.bytes();
    let mut stream = server.connect();
    stream.write_all(&bytes[..bytes.len() - 10]).unwrap();
    stream
}

fn live_of_other() -> Request {
    Request::form(&[selfie(LIVE)]).of_other()
}

#[test]
fn an_app_with_every_place_gives_way_to_another_and_not_to_itself() {
    let server = start(|config| config.max_in_flight = 4);
    let mut held = Vec::new();
    for count in 1..=4 {
        held.push(begin(&server, &Request::form(&[selfie(LIVE)])));
        wait_until(&server, &format!("livegate_requests_in_flight {count}\n"));
    }
    assert_eq!(server.post(&[selfie(LIVE)]).refusal(), "503 overloaded");
    assert_eq!(server.send(&live_of_other().bytes()).status, 200);
    // One gave way, and was told.
    held.rotate_left(3);
    let answer = Answer::read(&mut held[0]);
    assert_eq!(answer.refusal(), "503 overloaded");
    assert_eq!(answer.header("retry-after"), Some("1"));
    let end = Request::form(&[selfie(LIVE)]).bytes();
    for stream in &mut held[1..] {
        stream.write_all(&end[end.len() - 10..]).unwrap();
        assert_eq!(Answer::read(stream).status, 200);
    }
}

#[test]
fn a_batch_that_loses_its_place_keeps_the_results_that_it_has() {
    let server = start(|config| config.max_in_flight = 2);
    let batch = Request::form(&[selfie(SLOW), selfie(LIVE), selfie(LIVE)]);
    let mut batch_stream = server.connect();
    batch_stream.write_all(&batch.to("/v1/liveness/batch").bytes()).unwrap();
    server.wait_until_begun();
    let mut second = server.connect();
    second.write_all(&Request::form(&[selfie(SLOW)]).bytes()).unwrap();
    // It is in the queue before the batch's second picture.
    wait_until(&server, "livegate_queue_depth 1\n");
    server.let_go();
    server.wait_until_begun();
    let mut other = server.connect();
    other.write_all(&live_of_other().bytes()).unwrap();
    let answer = Answer::read(&mut batch_stream);
    assert_eq!(answer.status, 200);
    let statuses: Vec<_> = answer.body.match_indices("\"status\":").collect();
    let statuses = statuses.iter().map(|(at, text)| &answer.body[at + text.len()..][..3]);
    assert_eq!(statuses.collect::<Vec<_>>(), ["200", "503", "503"], "{}", answer.body);
    server.let_go();
    assert_eq!(Answer::read(&mut second).status, 200);
    assert_eq!(Answer::read(&mut other).status, 200);
}

#[test]
fn a_caller_without_credentials_takes_no_place() {
    let server = Server::start(|config| config.max_in_flight = 1);
    let request = Request::form(&[selfie(LIVE)]).without("app_key");
    let _held: Vec<_> = (0..100).map(|_| begin(&server, &request)).collect();
    for _ in 0..5 {
        assert_eq!(server.send(&live_of_other().bytes()).status, 200);
    }
}

#[test]
fn callers_without_credentials_keep_no_refusal_from_a_caller_that_has_some() {
    let unknown = || Request::form(&[selfie(LIVE)]).without("app_key");
    for head in [
        unknown().head(),
        unknown().line("POST /nowhere HTTP/1.1").head(),
        unknown().head().replacen("Host: localhost\r\n", "", 1),
    ] {
        // Half of the connections may be read on for callers with credentials.
        let server = Server::start(|config| config.max_connections = 200);
        let mut stream = server.connect();
        let too_large = Request::form(&[selfie(LIVE)]).of_other();
        let announced = format!("{}Content-Length: 99999999\r\n\r\n", too_large.head());
        stream.write_all(announced.as_bytes()).unwrap();
        let begun = format!("{head}Content-Length: 1000\r\n\r\n");
        let _held: Vec<_> = (0..150)
            .map(|_| {
                let mut stream = server.connect();
                stream.write_all(begun.as_bytes()).unwrap();
                stream
            })
            .collect();
        for _ in 0..40 {
            stream.write_all(&[0; 1000]).unwrap();
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(Answer::read(&mut stream).refusal(), "413 body_too_large", "{head}");
    }
}

#[test]
fn waiting_pictures_are_taken_from_each_app_in_turn() {
    let server = start(|_| ());
    let mut first = server.connect();
    first.write_all(&Request::form(&[selfie(SLOW)]).bytes()).unwrap();
    server.wait_until_begun();
    let mut waiting: Vec<_> = (0..10)
        .map(|_| {
            let mut stream = server.connect();
            stream.write_all(&Request::form(&[selfie(SLOW)]).bytes()).unwrap();
            stream
        })
        .collect();
    let mut other = server.connect();
    other.write_all(&live_of_other().bytes()).unwrap();
    wait_until(&server, "livegate_queue_depth 11\n");
    server.let_go();
    assert_eq!(Answer::read(&mut first).status, 200);
    assert_eq!(Answer::read(&mut other).status, 200, "it did not wait for the ten");
    for _ in &waiting {
        server.let_go();
    }
    for stream in &mut waiting {
        assert_eq!(Answer::read(stream).status, 200);
    }
}

#[test]
fn a_picture_over_the_budget_is_refused_by_name_and_frees_the_worker() {
    let server = Server::start(|config| config.max_picture_cpu_ms = 100);
    for _ in 0..2 {
        assert_eq!(server.post(&[selfie(ENDLESS)]).refusal(), "422 image_too_costly");
    }
    assert_eq!(server.post(&[selfie(LIVE)]).status, 200);
}

#[test]
fn work_ends_at_the_deadline_and_when_the_caller_leaves() {
    let server = Server::start(|config| {
        config.deadline_ms = 1000;
        config.max_picture_cpu_ms = 3_600_000;
    });
    assert_eq!(server.post(&[selfie(ENDLESS)]).refusal(), "504 deadline_exceeded");
    assert_eq!(server.post(&[selfie(LIVE)]).status, 200, "the only worker is free");
    let mut gone = server.connect();
    gone.write_all(&Request::form(&[selfie(SLOW)]).bytes()).unwrap();
    server.wait_until_begun();
    drop(gone);
    assert_eq!(server.post(&[selfie(LIVE)]).status, 200);
}

#[test]
fn a_costly_picture_reserves_memory_and_gives_it_back() {
    let with_bytes = |max_bytes| {
        start(move |config| {
            config.max_body_bytes = 1 << 20;
            config.max_bytes_in_flight = Some(max_bytes);
        })
    };
    let most = COSTLY_BYTES as usize / 7 * 8 + 8;
    let server = with_bytes(most);
    for _ in 0..3 {
        assert_eq!(server.post(&[selfie(COSTLY)]).status, 200, "its memory is given back");
    }
    // Another body of the same app takes what it needs: it waits until that one has left.
    let filling = vec![b'x'; 300 << 10];
    let large = Request::form(&[selfie(LIVE), crate::support::Part("filling", "", &filling)]);
    let mut held = begin(&server, &large);
    let arrived = large.body.len() - 10;
    wait_until(&server, &format!("livegate_body_bytes_in_flight {arrived}\n"));
    let mut costly = server.connect();
    costly.write_all(&Request::form(&[selfie(COSTLY)]).bytes()).unwrap();
    costly.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let error = costly.read(&mut [0]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    costly.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    held.write_all(&large.body[arrived..]).unwrap();
    assert_eq!(Answer::read(&mut held).status, 200);
    assert_eq!(Answer::read(&mut costly).status, 200);
    // What could never be reserved is refused at once.
    let server = with_bytes(COSTLY_BYTES as usize);
    let answer = server.post(&[selfie(COSTLY)]);
    assert_eq!(answer.refusal(), "422 image_too_large");
    assert!(answer.body.contains("1 MiB"), "{}", answer.body);
    assert_eq!(server.post(&[selfie(LIVE)]).status, 200);
}

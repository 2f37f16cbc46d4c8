//! Connections, their limits and their end.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::server;
use crate::support::{Answer, LIVE, Request, SLOW, SPOOF, Server, selfie};

#[test]
fn a_body_over_the_limit_is_refused_and_the_caller_receives_the_refusal() {
    let server = Server::start(|config| config.max_body_bytes = 1 << 20);
    let big = Request::form(&[selfie(&vec![0; 30 << 20])]);
    // Many clients send the whole body before they read the response.
    let answer = server.send(&big.bytes());
    assert_eq!(answer.refusal(), "413 body_too_large");
    assert_eq!(server.send(&big.chunked(1 << 16)).refusal(), "413 body_too_large");
    // The announced length is enough.
    let head = format!("{}Content-Length: 31457280\r\n\r\n", big.head());
    assert_eq!(server.send(head.as_bytes()).refusal(), "413 body_too_large");
    let json = Request::json(&format!("{{\"selfie\":\"{}\"}}", "A".repeat(2 << 20)));
    assert_eq!(server.send(&json.chunked(1 << 16)).refusal(), "413 body_too_large");
    assert_eq!(server.post(&[selfie(LIVE)]).status, 200);
}

#[test]
fn a_caller_who_expects_100_continue_gets_it_before_sending() {
    let server = server();
    let ask = |request: &Request| {
        let mut stream = server.connect();
        let length = request.body.len();
        let head =
            format!("{}Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n", request.head());
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    let request = Request::form(&[selfie(LIVE)]);
    let mut stream = ask(&request);
    let mut told = [0; 25];
    std::io::Read::read_exact(&mut stream, &mut told).unwrap();
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&request.body).unwrap();
    assert_eq!(Answer::read(&mut stream).status, 200);

    // Refused unread: the body that follows could not be told from a request, so the connection
    // closes.
    let mut stream = ask(&Request::form(&[selfie(LIVE)]).without("app_id"));
    let answer = Answer::read(&mut stream);
    assert_eq!(answer.refusal(), "401 invalid_credentials");
    assert_eq!(answer.header("connection"), Some("close"));
}

#[test]
fn a_caller_with_a_huge_body_receives_the_refusal_and_connection_close() {
    let server = server();
    let head = Request::form(&[]).without("app_key").head();
    let mut stream = server.connect();
    let mut sending = stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        let length = 200 << 20;
        let _ = sending.write_all(format!("{head}Content-Length: {length}\r\n\r\n").as_bytes());
        // Fails once the server has closed the connection.
        let piece = vec![0; 1 << 16];
        while sending.write_all(&piece).is_ok() {}
    });
    let answer = Answer::read(&mut stream);
    assert_eq!(answer.refusal(), "401 invalid_credentials");
    assert_eq!(answer.header("connection"), Some("close"));
    drop(stream);
    sender.join().unwrap();
}

#[test]
fn a_slow_caller_receives_the_refusal_and_connection_close() {
    let server = server();
    let body = vec![0; 2 << 20];
    let head = Request::form(&[]).without("app_key").head();
    let mut stream = server.connect();
    stream.write_all(format!("{head}Content-Length: {}\r\n\r\n", body.len()).as_bytes()).unwrap();
    for piece in body.chunks(body.len() / 16) {
        std::thread::sleep(Duration::from_millis(100));
        stream.write_all(piece).unwrap();
    }
    let answer = Answer::read(&mut stream);
    assert_eq!(answer.refusal(), "401 invalid_credentials");
    assert_eq!(answer.header("connection"), Some("close"));
}

#[test]
fn a_connection_can_be_used_again_after_a_refusal() {
    let server = Server::start(|config| config.max_body_bytes = 1 << 20);
    let good = Request::form(&[selfie(LIVE)]);
    let big = Request::form(&[selfie(&vec![0; 3 << 20])]);
    let refused = [
        (401, Request::form(&[selfie(&vec![0; 900_000])]).without("app_key")),
        (413, big),
        (404, Request::form(&[selfie(LIVE)]).line("POST /nowhere HTTP/1.1")),
        (400, Request::form(&[])),
    ];
    for (status, request) in refused {
        for bytes in [request.bytes(), request.chunked(1 << 14)] {
            let mut stream = server.connect();
            stream.write_all(&bytes).unwrap();
            let answer = Answer::read(&mut stream);
            assert_eq!(answer.status, status);
            assert_eq!(answer.header("connection"), None);
            stream.write_all(&good.bytes()).unwrap();
            assert_eq!(Answer::read(&mut stream).status, 200, "after {status}");
        }
    }
    // A caller who got `100 Continue`, and then the refusal.
    let text = format!("{{\"selfie\":\"{}\"}}", "A".repeat(2 << 20));
    let request = Request::json(&text).with("Expect", "100-continue");
    let mut stream = server.connect();
    stream.write_all(&request.chunked(1 << 14)).unwrap();
    let mut told = [0; 25];
    std::io::Read::read_exact(&mut stream, &mut told).unwrap();
    assert_eq!(Answer::read(&mut stream).status, 413);
    stream.write_all(&good.bytes()).unwrap();
    assert_eq!(Answer::read(&mut stream).status, 200);
}

#[test]
fn one_connection_serves_many_requests() {
    let server = server();
    let mut stream = server.connect();
    for selfie_bytes in [LIVE, SPOOF, b"?", LIVE] {
        stream.write_all(&Request::form(&[selfie(selfie_bytes)]).bytes()).unwrap();
        let expected = if selfie_bytes == b"?" { 415 } else { 200 };
        assert_eq!(Answer::read(&mut stream).status, expected);
    }
}

#[test]
fn more_requests_than_can_be_held_are_refused_at_once() {
    let server = Server::start(|config| config.max_in_flight = 1);
    let mut held = server.connect();
    held.write_all(&Request::form(&[selfie(SLOW)]).bytes()).unwrap();
    server.wait_until_begun();
    // The server does not wait for its body.
    let announced = format!("{}Content-Length: 1000\r\n\r\n", Request::form(&[]).head());
    let answer = server.send(announced.as_bytes());
    assert_eq!(answer.refusal(), "503 overloaded");
    assert_eq!(answer.header("retry-after"), Some("1"));
    server.let_go();
    assert_eq!(Answer::read(&mut held).status, 200);
    assert_eq!(server.post(&[selfie(LIVE)]).status, 200);
}

#[test]
fn a_request_over_the_deadline_gets_504() {
    let server = Server::start(|config| config.deadline_ms = 2000);
    let slow = server.post(&[selfie(SLOW)]);
    assert_eq!(slow.refusal(), "504 deadline_exceeded");
    // So does a caller who stops sending.
    let request = Request::form(&[selfie(LIVE)]);
    let half = &request.bytes()[..request.bytes().len() - 10];
    assert_eq!(server.send(half).refusal(), "504 deadline_exceeded");
    assert_eq!(server.post(&[selfie(LIVE)]).status, 200);
}

#[test]
fn callers_who_leave_do_not_block_others() {
    let server = server();
    for _ in 0..20 {
        let request = Request::form(&[selfie(LIVE)]);
        let mut stream = server.connect();
        stream.write_all(&request.bytes()[..100]).unwrap();
    }
    assert_eq!(server.post(&[selfie(LIVE)]).status, 200);
}

#[test]
fn held_requests_are_finished_at_the_end_and_new_ones_refused() {
    let mut server = server();
    let mut held = server.connect();
    held.write_all(&Request::form(&[selfie(SLOW)]).bytes()).unwrap();
    let mut late = server.connect();
    late.write_all(&Request::form(&[selfie(LIVE)]).bytes()[..50]).unwrap();
    server.wait_until_begun();
    server.ask_to_end();
    // Requests within a second are still answered. From outside nothing shows when that second is
    // over.
    std::thread::sleep(Duration::from_millis(1500));
    late.write_all(&Request::form(&[selfie(LIVE)]).bytes()[50..]).unwrap();
    assert_eq!(Answer::read(&mut late).refusal(), "503 shutting_down");
    server.let_go();
    assert_eq!(Answer::read(&mut held).status, 200);
    server.wait();
}

#[test]
fn shutdown_ends_after_the_grace() {
    let mut server = Server::start(|config| config.shutdown_grace_ms = 200);
    let mut stuck = server.connect();
    stuck
        .write_all(b"POST /v0.2/liveness-verification HTTP/1.1\r\nHost: a\r\napp_id: id\r\n")
        .unwrap();
    std::thread::sleep(Duration::from_millis(100));
    server.ask_to_end();
    let start = Instant::now();
    server.wait();
    // The grace, and a wide margin for a busy machine.
    assert!(start.elapsed() < Duration::from_secs(10));
}

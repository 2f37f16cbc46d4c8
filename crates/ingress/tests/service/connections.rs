//! Connections, their limits and their end.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::server;
use crate::support::{Answer, LIVE, Request, SLOW, SPOOF, Server, selfie};

#[test]
fn a_body_over_the_limit_is_refused_and_the_caller_hears_it() {
    let server = Server::start(|config| config.max_body_bytes = 1 << 20);
    let big = Request::form(&[selfie(&vec![0; 30 << 20])]);
    // All of it is sent before the answer is read, as many clients do.
    let answer = server.send(&big.bytes());
    assert_eq!(answer.refusal(), "413 body_too_large");
    assert_eq!(server.send(&big.chunked(1 << 16)).refusal(), "413 body_too_large");
    // None of it is sent: the announcement is enough.
    let head = format!("{}Content-Length: 31457280\r\n\r\n", big.head());
    assert_eq!(server.send(head.as_bytes()).refusal(), "413 body_too_large");
    let json = Request::json(&format!("{{\"selfie\":\"{}\"}}", "A".repeat(2 << 20)));
    assert_eq!(server.send(&json.chunked(1 << 16)).refusal(), "413 body_too_large");
    assert_eq!(server.post(&[selfie(LIVE)]).status, 200);
}

#[test]
fn a_caller_who_asks_first_is_told_before_sending() {
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

    // Refused unread: what it would send next cannot be told from a request, so it is told to go.
    let mut stream = ask(&Request::form(&[selfie(LIVE)]).without("app_id"));
    let answer = Answer::read(&mut stream);
    assert_eq!(answer.refusal(), "401 invalid_credentials");
    assert_eq!(answer.header("connection"), Some("close"));
}

#[test]
fn a_caller_with_far_too_much_to_say_hears_that_the_connection_ends() {
    let server = server();
    let head = Request::form(&[]).without("app_key").head();
    let mut stream = server.connect();
    let mut sending = stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        let length = 200 << 20;
        let _ = sending.write_all(format!("{head}Content-Length: {length}\r\n\r\n").as_bytes());
        // It ends when nobody listens any more.
        let piece = vec![0; 1 << 16];
        while sending.write_all(&piece).is_ok() {}
    });
    let answer = Answer::read(&mut stream);
    assert_eq!(answer.refusal(), "401 invalid_credentials");
    assert_eq!(answer.header("connection"), Some("close"));
    drop(stream);
    sender.join().unwrap();
}

/// Too slow to be waited for: it hears the answer, and that the connection ends.
#[test]
fn a_slow_caller_hears_a_refusal_and_that_the_connection_ends() {
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
    // A caller who was told to go on, and then that it was too much.
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
    // Its body is not waited for.
    let announced = format!("{}Content-Length: 1000\r\n\r\n", Request::form(&[]).head());
    let answer = server.send(announced.as_bytes());
    assert_eq!(answer.refusal(), "503 overloaded");
    assert_eq!(answer.header("retry-after"), Some("1"));
    server.let_go();
    assert_eq!(Answer::read(&mut held).status, 200);
    assert_eq!(server.post(&[selfie(LIVE)]).status, 200);
}

#[test]
fn what_takes_too_long_is_answered_and_not_waited_for() {
    let server = Server::start(|config| config.deadline_ms = 2000);
    let slow = server.post(&[selfie(SLOW)]);
    assert_eq!(slow.refusal(), "504 deadline_exceeded");
    // A caller who stops sending holds nothing for longer either.
    let request = Request::form(&[selfie(LIVE)]);
    let half = &request.bytes()[..request.bytes().len() - 10];
    assert_eq!(server.send(half).refusal(), "504 deadline_exceeded");
    server.let_go();
    assert_eq!(server.post(&[selfie(LIVE)]).status, 200);
}

#[test]
fn a_caller_who_goes_away_costs_nothing_and_harms_nobody() {
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
    // What comes within a second is still answered; nothing tells from outside when that is over.
    std::thread::sleep(Duration::from_millis(1500));
    late.write_all(&Request::form(&[selfie(LIVE)]).bytes()[50..]).unwrap();
    assert_eq!(Answer::read(&mut late).refusal(), "503 shutting_down");
    server.let_go();
    assert_eq!(Answer::read(&mut held).status, 200);
    server.wait();
}

#[test]
fn the_end_does_not_wait_for_ever() {
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

//! Bounds on bytes, connections and times.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use ingress::AdminConfig;

use crate::support::{Address, Answer, LIVE, Request, SLOW, Server, get, selfie};

/// True if the server closed the connection without a response.
fn is_closed(stream: &mut std::net::TcpStream) -> bool {
    matches!(stream.read(&mut [0]), Ok(0))
}

/// A slow picture in a body with `length` further bytes.
fn slow_and_long(length: usize) -> Request {
    let mut parts = vec![selfie(SLOW)];
    let filling = vec![b'x'; length];
    parts.push(crate::support::Part("filling", "", &filling));
    Request::form(&parts)
}

#[test]
fn bodies_over_the_bytes_in_flight_are_refused() {
    let server = Server::start(|config| {
        config.max_body_bytes = 1 << 20;
        config.max_bytes_in_flight = Some(1 << 20);
    });
    let mut held = server.connect();
    held.write_all(&slow_and_long(700 << 10).bytes()).unwrap();
    server.wait_until_begun();
    // What is announced takes no room: others are read meanwhile.
    let second = slow_and_long(700 << 10);
    let announced = format!("{}Content-Length: {}\r\n\r\n", second.head(), second.body.len());
    let _announced = (0..8).map(|_| {
        let mut stream = server.connect();
        stream.write_all(announced.as_bytes()).unwrap();
        stream
    });
    for bytes in [second.bytes(), second.chunked(1 << 14)] {
        let answer = server.send(&bytes);
        assert_eq!(answer.refusal(), "503 overloaded");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    // A body that fits is read, with a length or in chunks.
    let small = Request::form(&[selfie(LIVE)]);
    server.let_go();
    assert_eq!(Answer::read(&mut held).status, 200);
    assert_eq!(server.send(&small.chunked(10)).status, 200);
    for _ in 0..3 {
        let mut held = server.connect();
        held.write_all(&slow_and_long(700 << 10).chunked(1 << 14)).unwrap();
        server.wait_until_begun();
        server.let_go();
        assert_eq!(Answer::read(&mut held).status, 200, "all bytes are given back");
    }
}

#[test]
fn a_body_that_pauses_too_long_gets_408() {
    let server = Server::start(|config| config.body_timeout_ms = 1500);
    let request = Request::form(&[selfie(LIVE)]);
    for bytes in [request.bytes(), request.chunked(16)] {
        let mut stream = server.connect();
        stream.write_all(&bytes[..bytes.len() - 10]).unwrap();
        let answer = Answer::read(&mut stream);
        assert_eq!(answer.refusal(), "408 request_timeout");
        assert_eq!(answer.header("connection"), Some("close"));
    }
    // A slow body without a long pause is read.
    let mut stream = server.connect();
    for piece in request.bytes().chunks(request.bytes().len() / 8) {
        stream.write_all(piece).unwrap();
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(Answer::read(&mut stream).status, 200);
}

#[test]
fn a_body_that_is_slow_in_the_mean_gets_408() {
    let server = Server::start(|config| {
        config.body_timeout_ms = 500;
        config.min_body_bytes_per_s = 100_000;
    });
    let request = slow_and_long(100 << 10).bytes();
    let mut stream = server.connect();
    for piece in request.chunks(1 << 10) {
        if stream.write_all(piece).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(Answer::read(&mut stream).refusal(), "408 request_timeout");
}

#[test]
fn a_connection_without_a_whole_head_is_closed() {
    let server = Server::start(|config| config.header_timeout_ms = 400);
    // No byte at all, the beginning of either protocol, and a head that arrives letter by letter.
    for beginning in ["", "P", "POST /v0.2/liveness-verification HTTP/1.1\r\nHost:", "PRI * HT"] {
        let mut stream = server.connect();
        stream.write_all(beginning.as_bytes()).unwrap();
        assert!(is_closed(&mut stream), "{beginning}");
    }
    let mut stream = server.connect();
    let began = Instant::now();
    let letters = std::iter::repeat(b"X-Letter: a\r\n".iter()).flatten();
    stream.write_all(b"POST /v0.2/liveness-verification HTTP/1.1\r\n").unwrap();
    for letter in letters {
        if stream.write_all(&[*letter]).is_err() {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "the head is waited for");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_connection_is_kept_between_requests_for_the_idle_timeout() {
    let server = Server::start(|config| {
        config.header_timeout_ms = 1000;
        config.idle_timeout_ms = 5000;
    });
    let request = Request::form(&[selfie(LIVE)]).bytes();
    let mut stream = server.connect();
    stream.write_all(&request).unwrap();
    assert_eq!(Answer::read(&mut stream).status, 200);
    std::thread::sleep(Duration::from_secs(2));
    stream.write_all(&request).unwrap();
    assert_eq!(Answer::read(&mut stream).status, 200);
    // The second head has the same time-out as the first.
    stream.write_all(&request[..20]).unwrap();
    assert!(is_closed(&mut stream));
    let mut idle = server.connect();
    idle.write_all(&request).unwrap();
    assert_eq!(Answer::read(&mut idle).status, 200);
    assert!(is_closed(&mut idle));
}

#[test]
fn a_connection_with_a_slow_request_is_not_idle() {
    let server = Server::start(|config| {
        config.header_timeout_ms = 1000;
        config.idle_timeout_ms = 1000;
    });
    let mut held = server.connect();
    held.write_all(&Request::form(&[selfie(SLOW)]).bytes()).unwrap();
    server.wait_until_begun();
    std::thread::sleep(Duration::from_millis(2500));
    server.let_go();
    assert_eq!(Answer::read(&mut held).status, 200);
}

#[test]
fn the_longest_silent_connection_gives_way_and_one_with_credentials_last() {
    let server = Server::start(|config| config.max_connections = 3);
    let request = Request::form(&[selfie(LIVE)]).bytes();
    let ask = |stream: &mut std::net::TcpStream| {
        stream.write_all(&request).unwrap();
        assert_eq!(Answer::read(stream).status, 200);
    };
    let mut kept = server.connect();
    ask(&mut kept);
    let mut silent = server.connect();
    let mut unknown = server.connect();
    unknown.write_all(&get("/livez")).unwrap();
    assert_eq!(Answer::read(&mut unknown).status, 200);
    // Each new caller is answered at once.
    ask(&mut server.connect());
    assert!(is_closed(&mut silent));
    let mut fourth = server.connect();
    ask(&mut fourth);
    ask(&mut kept);
    let mut fifth = server.connect();
    ask(&mut fifth);
    assert!(is_closed(&mut unknown));
    ask(&mut kept);
}

#[test]
fn a_connection_with_a_request_does_not_give_way() {
    let server = Server::start(|config| config.max_connections = 1);
    let mut held = server.connect();
    held.write_all(&Request::form(&[selfie(SLOW)]).bytes()).unwrap();
    server.wait_until_begun();
    let mut second = server.connect();
    second.write_all(&Request::form(&[selfie(LIVE)]).bytes()).unwrap();
    second.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let error = second.read(&mut [0]).unwrap_err();
    assert!(matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut));
    server.let_go();
    assert_eq!(Answer::read(&mut held).status, 200);
    second.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(Answer::read(&mut second).status, 200);
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let server = Server::start(|_| ());
    let mut stream = server.connect();
    let _ = stream.write_all(b"POST /v0.2/liveness-verification HTTP/1.1\r\nX-Long: ");
    let _ = stream.write_all(&vec![b'a'; 1 << 20]);
    let mut answer = Vec::new();
    // The server may close the connection before all of it is sent.
    let _ = stream.take(64).read_to_end(&mut answer);
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431 "), "{answer:?}");
    assert_eq!(server.post(&[selfie(LIVE)]).status, 200);
}

/// It is not parsed before the body has arrived, and so costs no more than its bytes.
#[test]
fn an_endless_head_of_a_part_ends_at_the_deadline() {
    let server = Server::start(|config| config.deadline_ms = 2000);
    let request = Request::new("multipart/form-data; boundary=B", &[]);
    let mut stream = server.connect();
    let head = format!("{}Content-Length: 20000000\r\n\r\n--B\r\nX: ", request.head());
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&vec![b'a'; 16 << 20]).unwrap();
    let mut sending = stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        for _ in 0..1000 {
            std::thread::sleep(Duration::from_millis(5));
            if sending.write_all(b"a").is_err() {
                return;
            }
        }
    });
    assert_eq!(Answer::read(&mut stream).refusal(), "504 deadline_exceeded");
    drop(stream);
    sender.join().unwrap();
    // A normal form that arrives byte by byte is read.
    let mut stream = server.connect();
    stream.set_nodelay(true).unwrap();
    let request = Request::form(&[selfie(LIVE)]);
    for byte in request.bytes() {
        stream.write_all(&[byte]).unwrap();
    }
    assert_eq!(Answer::read(&mut stream).status, 200);
}

#[test]
fn a_caller_who_leaves_is_counted_and_frees_the_place() {
    let listen = Some((std::net::Ipv4Addr::LOCALHOST, 0).into());
    let admin = AdminConfig { listen, ..AdminConfig::default() };
    let server = Server::with_admin(|_| (), |config| config.max_in_flight = 2, &admin);
    let admin = Address(server.admin.unwrap());
    let wait_until = |told: &str| {
        let began = Instant::now();
        while !admin.send(&get("/metrics")).body.contains(told) {
            assert!(began.elapsed() < Duration::from_secs(20), "{told}");
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    let slow = Request::form(&[selfie(SLOW)]).bytes();
    let mut held = server.connect();
    held.write_all(&slow).unwrap();
    server.wait_until_begun();
    for gone in 1..=5 {
        let mut stream = server.connect();
        stream.write_all(&slow).unwrap();
        wait_until("livegate_requests_in_flight 2\n");
        drop(stream);
        wait_until(&format!("status=\"499\"}} {gone}\n"));
    }
    let mut last = server.connect();
    last.write_all(&Request::form(&[selfie(LIVE)]).bytes()).unwrap();
    server.let_go();
    assert_eq!(Answer::read(&mut held).status, 200);
    assert_eq!(Answer::read(&mut last).status, 200);
}

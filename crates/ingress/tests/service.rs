//! The HTTP layer alone: real server, real sockets, and a checker that does as it is told.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod support;

use std::io::Write;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use accounts::{App, Limits, Rate};
use ingress::RateLimitedStatus;
use support::{
    Answer, FAILING, KEY, LIVE, NO_FACE, PANICKING, Part, Request, SLOW, SPOOF, Server, selfie,
    threshold,
};

fn server() -> Server {
    Server::start(|_| ())
}

#[test]
fn an_answer_is_the_documented_one_to_the_letter() {
    let server = server();
    let answer = server.post(&[selfie(LIVE), threshold("0.6")]);
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.text(),
        "{\"api_req_uid\":\"ID\",\"processed_at\":\"TIME\",\"requested_at\":\"TIME\",\
         \"response_code\":0,\"response_data\":{\"faces_liveness\":0.8765,\"faces_predicted\":\
         [{\"confidence\":0.9885,\"delta\":{\"x\":18.9982,\"y\":25.0},\
         \"top_left\":{\"x\":38.0577,\"y\":4.0824}}],\"img\":{\"height\":71,\"width\":95}}}"
    );
    let spoof = server.post(&[selfie(SPOOF)]);
    assert!(
        spoof.text().contains("\"response_code\":1,\"response_data\":{\"faces_liveness\":0.01,")
    );
    assert_eq!(
        server.post(&[selfie(NO_FACE)]).text(),
        "{\"api_req_uid\":\"ID\",\"processed_at\":\"TIME\",\"requested_at\":\"TIME\",\
         \"response_code\":2,\"response_data\":{\"faces_liveness\":0.0,\"faces_predicted\":[],\
         \"img\":{\"height\":71,\"width\":95}}}"
    );
}

/// The examples of docs/API.md are this service's answers, their line breaks apart.
#[test]
fn the_documented_examples_are_answers() {
    let page = include_str!("../../../docs/API.md");
    let blocks = page.split("```json\n").skip(1).map(|rest| rest.split("\n```").next().unwrap());
    let blocks: Vec<String> =
        blocks.map(|block| block.lines().map(str::trim_start).collect()).collect();
    let server = server();
    for (example, parts) in [(1, &[selfie(LIVE)][..]), (2, &[])] {
        let answer = server.post(parts).text();
        let from = |text: &str| text[text.find("\"requested_at\"").unwrap()..].to_owned();
        let example = from(&blocks[example]).replace("2024-04-01 20:05:17", "TIME");
        assert_eq!(example, from(&answer));
    }
}

#[test]
fn an_error_is_the_documented_one_to_the_letter() {
    let answer = server().send(&Request::form(&[]).bytes());
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.text(),
        "{\"api_req_uid\":\"ID\",\"processed_at\":\"TIME\",\"requested_at\":\"TIME\",\
         \"error\":{\"code\":\"missing_selfie\",\"message\":\"Send the picture as `selfie`: a file \
         part, a base64 text part, or a JSON string.\"}}"
    );
}

#[test]
fn every_answer_carries_the_same_headers() {
    let server = server();
    let answers = [
        (200, server.post(&[selfie(LIVE)])),
        (400, server.post(&[])),
        (401, server.send(&Request::form(&[]).without("app_key").bytes())),
        (404, server.send(&Request::form(&[]).line("POST /nowhere HTTP/1.1").bytes())),
        (
            405,
            server
                .send(&Request::form(&[]).line("GET /v0.1/liveness-verification HTTP/1.1").bytes()),
        ),
        (413, server.send(&Request::form(&[selfie(&vec![0; 21 << 20])]).bytes())),
        (415, server.post(&[selfie(b"?")])),
        (500, server.post(&[selfie(FAILING)])),
    ];
    let mut names = Vec::new();
    for (status, answer) in answers {
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("content-type"), Some("application/json"), "{status}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{status}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{status}");
        assert_eq!(
            answer.header("strict-transport-security"),
            Some("max-age=86400; includeSubDomains"),
            "{status}"
        );
        let name = answer.header("x-request-id").unwrap().to_owned();
        assert!(answer.body.starts_with(&format!("{{\"api_req_uid\":\"{name}\",")), "{status}");
        // A UUID of version 4, and never the same twice.
        assert_eq!((name.len(), name.as_bytes()[14]), (36, b'4'), "{name}");
        assert!(!names.contains(&name));
        names.push(name);
    }
}

#[test]
fn both_paths_answer_to_post_alone() {
    let server = server();
    for path in ["/v0.1/liveness-verification", "/v0.2/liveness-verification"] {
        let request = |method: &str| {
            let line = format!("{method} {path} HTTP/1.1");
            server.send(&Request::form(&[selfie(LIVE)]).line(&line).bytes())
        };
        assert_eq!(request("POST").status, 200);
        for method in ["GET", "PUT", "DELETE", "PATCH"] {
            let answer = request(method);
            assert_eq!(answer.refusal(), "405 method_not_allowed", "{method}");
            assert_eq!(answer.header("allow"), Some("POST"), "{method}");
        }
    }
    for path in ["/", "/v0.3/liveness-verification", "/v0.2", "/v0.2/liveness-verification/x"] {
        let line = format!("POST {path} HTTP/1.1");
        let answer = server.send(&Request::form(&[selfie(LIVE)]).line(&line).bytes());
        assert_eq!(answer.refusal(), "404 not_found", "{path}");
    }
}

#[test]
fn credentials_come_in_any_spelling_and_are_refused_alike() {
    let server = server();
    let with = |headers: &[(&str, &str)]| {
        let request = Request::form(&[selfie(LIVE)]).without("app_id").without("app_key");
        let request = headers.iter().fold(request, |request, (n, v)| request.with(n, v));
        server.send(&request.bytes())
    };
    for good in [
        [("app_id", "id"), ("app_key", KEY)],
        [("app-id", "id"), ("app-key", KEY)],
        [("APP_ID", "id"), ("App-Key", KEY)],
    ] {
        assert_eq!(with(&good).status, 200, "{good:?}");
    }
    assert_eq!(
        with(&[("app_id", "id"), ("app-id", "id"), ("app_key", KEY), ("app-key", KEY)]).status,
        200
    );
    let refused: [&[(&str, &str)]; 6] = [
        &[],
        &[("app_id", "id")],
        &[("app_id", "id"), ("app_key", "wrong")],
        &[("app_id", "unknown"), ("app_key", KEY)],
        &[("app_id", ""), ("app_key", "")],
        &[("app_id", "id"), ("app_key", KEY), ("app-key", "other")],
    ];
    let bodies: Vec<String> = refused.iter().map(|headers| with(headers).text()).collect();
    assert!(bodies[0].contains("invalid_credentials"));
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
}

#[test]
fn nothing_is_read_for_a_caller_who_has_not_been_let_in() {
    // A body that is missing altogether, announced as huge: the credentials are what is answered.
    let server = server();
    let head = Request::form(&[]).without("app_key").head();
    let answer = server.send(format!("{head}Content-Length: 900000000\r\n\r\n").as_bytes());
    assert_eq!(answer.refusal(), "401 invalid_credentials");
}

#[test]
fn every_shape_of_body_is_taken() {
    let server = server();
    let base64 = "AGxpdmU="; // "\0live"
    let url = format!("data:image/jpeg;base64,{base64}");
    let accepted = [
        Request::form(&[selfie(LIVE), threshold("0.5")]),
        Request::form(&[threshold("0.5"), selfie(LIVE)]),
        Request::form(&[Part("extra", "", b"1"), selfie(LIVE), Part("more", "", b"2")]),
        Request::form(&[Part("selfie", "", LIVE)]),
        Request::form(&[Part("selfie", "; filename=\"x.txt\"\r\nContent-Type: text/plain", LIVE)]),
        Request::form(&[Part("selfie", "", base64.as_bytes())]),
        Request::form(&[Part("selfie", "", url.as_bytes())]),
        Request::json(&format!("{{\"selfie\":\"{base64}\"}}")),
        Request::json(&format!("{{\"selfie\":\"{url}\",\"threshold\":0.6,\"extra\":[1]}}")),
        Request::json(&format!("{{\"threshold\":\"0.6\",\"selfie\":\"{base64}\"}}")),
        Request::json(&format!("{{\"threshold\":1,\"selfie\":\"{base64}\"}}")),
        Request::new(
            "application/json; charset=utf-8",
            format!("{{\"selfie\":\"{base64}\"}}").as_bytes(),
        ),
    ];
    for request in accepted {
        let answer = server.send(&request.bytes());
        assert_eq!(
            answer.status,
            200,
            "{} {}",
            String::from_utf8_lossy(&request.body),
            answer.body
        );
        assert_eq!(server.send(&request.chunked(7)).status, 200);
    }
}

#[test]
fn a_body_that_makes_no_sense_is_refused_by_name() {
    let server = server();
    let cases: [(&str, Request); 20] = [
        ("400 missing_selfie", Request::form(&[])),
        ("400 missing_selfie", Request::form(&[threshold("0.5")])),
        ("400 missing_selfie", Request::form(&[Part("selfi", "", LIVE)])),
        ("400 malformed_body", Request::form(&[selfie(LIVE), selfie(LIVE)])),
        ("400 malformed_body", Request::form(&[selfie(LIVE), threshold("0.5"), threshold("0.5")])),
        ("400 malformed_body", Request::new("multipart/form-data", b"--B--")),
        ("400 malformed_body", Request::new("multipart/form-data; boundary=B", b"")),
        ("400 malformed_body", Request::new("multipart/form-data; boundary=B", b"hello")),
        (
            "400 malformed_body",
            Request::new(
                "multipart/form-data; boundary=B",
                b"--B\r\nContent-Disposition: form-data; name=\"selfie\"\r\n\r\nhalf a pic",
            ),
        ),
        ("415 unsupported_media_type", Request::new("image/jpeg", LIVE)),
        (
            "415 unsupported_media_type",
            Request::new("application/x-www-form-urlencoded", b"selfie=1"),
        ),
        ("415 unsupported_media_type", Request::form(&[selfie(LIVE)]).without("Content-Type")),
        ("400 malformed_body", Request::json("")),
        ("400 malformed_body", Request::json("{\"selfie\":")),
        ("400 malformed_body", Request::json("[]")),
        ("400 malformed_body", Request::json("{\"selfie\":\"%%%\"}")),
        ("400 malformed_body", Request::json("{\"selfie\":7}")),
        ("400 malformed_body", Request::json("{\"selfie\":\"AGxpdmU=\",\"selfie\":\"AGxpdmU=\"}")),
        ("400 missing_selfie", Request::json("{}")),
        ("400 missing_selfie", Request::json("{\"selfie\":null}")),
    ];
    for (expected, request) in cases {
        let answer = server.send(&request.bytes());
        assert_eq!(answer.refusal(), expected, "{}", String::from_utf8_lossy(&request.body));
    }
    assert_eq!(server.post(&[selfie(b"")]).refusal(), "415 unsupported_image");
    assert_eq!(server.post(&[selfie(b"hello")]).refusal(), "415 unsupported_image");
    assert_eq!(server.post(&[selfie(LIVE)]).status, 200);
}

#[test]
fn a_threshold_is_a_number_from_0_to_1() {
    let server = server();
    for good in ["0", "1", "0.6", " 0.6 ", "1e-3"] {
        assert_eq!(server.post(&[selfie(LIVE), threshold(good)]).status, 200, "{good:?}");
    }
    let long = "0".repeat(100_000);
    for bad in ["abc", "NaN", "inf", "-0.1", "1.1", "", " ", "0,6", "\u{ff}", &long] {
        let answer = server.post(&[selfie(LIVE), threshold(bad)]);
        assert_eq!(answer.refusal(), "400 invalid_threshold", "{:?}", bad.get(..9));
    }
    for bad in ["1.1", "-1", "\"abc\"", "\"\"", "null", "true", "[0.5]"] {
        let text = format!("{{\"selfie\":\"AGxpdmU=\",\"threshold\":{bad}}}");
        let answer = server.send(&Request::json(&text).bytes());
        assert_eq!(answer.refusal(), "400 invalid_threshold", "{bad}");
    }
}

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
fn our_own_faults_are_one_fixed_text_and_the_next_request_is_answered() {
    let server = server();
    let fault = server.post(&[selfie(FAILING)]);
    assert_eq!(fault.refusal(), "500 internal");
    assert!(!fault.body.contains("4420"), "{}", fault.body);
    let panic = server.post(&[selfie(PANICKING)]);
    assert_eq!(panic.text(), fault.text());
    assert_eq!(server.post(&[selfie(LIVE)]).status, 200);
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
    // The end is heard of by a task of its own; from outside nothing tells when.
    std::thread::sleep(Duration::from_secs(1));
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
fn a_spent_quota_and_a_disabled_app_are_refused_before_the_body_is_read() {
    let quota = |day, month| {
        move |app: &mut App| {
            app.limits = Limits { quota_per_day: day, quota_per_month: month, rate: None };
        }
    };
    // A body that is announced and never comes.
    let unread =
        format!("{}Content-Length: 900000000\r\n\r\n", Request::form(&[]).head()).into_bytes();
    for (what, server) in [
        ("today", Server::with_app(quota(Some(2), None), |_| ())),
        ("this month", Server::with_app(quota(Some(1000), Some(2)), |_| ())),
    ] {
        assert_eq!(server.post(&[selfie(LIVE)]).status, 200);
        assert_eq!(server.post(&[selfie(NO_FACE)]).status, 200);
        let answer = server.send(&unread);
        assert_eq!(answer.refusal(), "403 usage_limit_reached");
        assert!(answer.body.contains(what), "{}", answer.body);
    }
    let server = Server::with_app(|app| app.enabled = false, |_| ());
    let answer = server.send(&unread);
    assert_eq!(answer.refusal(), "403 usage_limit_reached");
    assert!(answer.body.contains("disabled"), "{}", answer.body);
    // Which apps there are is not told to those without the key.
    let stranger = Request::form(&[]).without("app_key").with("app_key", "not-the-key-of-it");
    assert_eq!(server.send(&stranger.bytes()).refusal(), "401 invalid_credentials");
}

#[test]
fn what_is_not_answered_200_costs_no_quota() {
    let one_a_day = |app: &mut App| app.limits.quota_per_day = Some(1);
    let server = Server::with_app(one_a_day, |config| config.deadline_ms = 2000);
    for (status, parts) in [
        (400, &[][..]),
        (400, &[selfie(LIVE), threshold("x")]),
        (415, &[selfie(b"?")]),
        (500, &[selfie(FAILING)]),
        (500, &[selfie(PANICKING)]),
        (504, &[selfie(SLOW)]),
    ] {
        assert_eq!(server.post(parts).status, status);
    }
    server.let_go();
    // Nor does one whose caller goes away while it is checked.
    let mut gone = server.connect();
    gone.write_all(&Request::form(&[selfie(SLOW)]).bytes()).unwrap();
    server.wait_until_begun();
    server.wait_until_begun();
    drop(gone);
    server.let_go();
    let deadline = Instant::now() + Duration::from_secs(10);
    while server.post(&[selfie(LIVE)]).status != 200 {
        assert!(Instant::now() < deadline, "what the one who went away held is given back");
    }
    assert_eq!(server.post(&[selfie(LIVE)]).refusal(), "403 usage_limit_reached");
}

#[test]
fn who_comes_too_fast_is_told_when_to_come_again() {
    let slow = |app: &mut App| {
        let number = |n| NonZeroU32::new(n).unwrap();
        app.limits.rate = Some(Rate { per_minute: number(2), burst: number(3) });
    };
    for (status, expected) in [
        (RateLimitedStatus::TooManyRequests, "429 rate_limited"),
        (RateLimitedStatus::Forbidden, "403 rate_limited"),
    ] {
        let server = Server::with_app(slow, |config| config.rate_limited_status = status);
        // Refused ones take a token too: guessing what is wrong costs as much as being right.
        for (status, parts) in [(200, &[selfie(LIVE)][..]), (400, &[]), (200, &[selfie(SPOOF)])] {
            assert_eq!(server.post(parts).status, status);
        }
        let answer = server.post(&[selfie(LIVE)]);
        assert_eq!(answer.refusal(), expected);
        let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((20..=30).contains(&seconds), "{seconds}");
        assert!(answer.body.contains(&format!("wait {seconds} s")), "{}", answer.body);
    }
}

#[test]
fn pages_of_listed_origins_may_call_and_read_errors_and_others_may_not() {
    let preflight = |server: &Server, origin: &str| {
        let mut request = Request::form(&[]).line("OPTIONS /v0.2/liveness-verification HTTP/1.1");
        request.headers.clear();
        let request = request
            .with("Origin", origin)
            .with("Access-Control-Request-Method", "POST")
            .with("Access-Control-Request-Headers", "app_id,app_key");
        server.send(&request.bytes())
    };
    let page = "https://app.example";
    let server = Server::start(|config| config.cors_allowed_origins = vec![page.into()]);
    let answer = preflight(&server, page);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), Some(page));
    assert_eq!(answer.header("access-control-allow-methods"), Some("POST"));
    let allowed = answer.header("access-control-allow-headers").unwrap();
    for name in ["app_id", "app_key", "app-id", "app-key", "content-type"] {
        assert!(allowed.split(',').any(|one| one == name), "{allowed}");
    }
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert!(answer.header("x-request-id").is_some());
    let other = preflight(&server, "https://evil.example");
    assert_eq!(other.header("access-control-allow-origin"), None);

    for (status, request) in [
        (200, Request::form(&[selfie(LIVE)])),
        (401, Request::form(&[selfie(LIVE)]).without("app_key")),
        (404, Request::form(&[]).line("POST /nowhere HTTP/1.1")),
        (413, Request::form(&[selfie(&vec![0; 21 << 20])])),
    ] {
        let answer = server.send(&request.with("Origin", page).bytes());
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), Some(page));
        assert!(answer.header("access-control-expose-headers").unwrap().contains("x-request-id"));
        // Caches must not hand one page's answer to another.
        assert!(answer.header("vary").unwrap().contains("origin"));
    }
    let any = Server::start(|config| config.cors_allowed_origins = vec!["*".into()]);
    assert_eq!(preflight(&any, page).header("access-control-allow-origin"), Some("*"));
    // What is no preflight is a method like any other.
    let no_preflight = Request::form(&[]).line("OPTIONS /v0.2/liveness-verification HTTP/1.1");
    let answer = any.send(&no_preflight.with("Origin", page).bytes());
    assert_eq!(answer.refusal(), "405 method_not_allowed");
    assert_eq!(answer.header("allow"), Some("POST"));
    let nowhere = Request::form(&[]).line("OPTIONS /nowhere HTTP/1.1").with("Origin", page);
    let nowhere = nowhere.with("Access-Control-Request-Method", "POST");
    assert_eq!(any.send(&nowhere.bytes()).refusal(), "404 not_found");
    // Unless it is configured there is nothing for browsers.
    let none = Server::start(|_| ());
    assert_eq!(preflight(&none, page).refusal(), "405 method_not_allowed");
    let answer = none.send(&Request::form(&[selfie(LIVE)]).with("Origin", page).bytes());
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

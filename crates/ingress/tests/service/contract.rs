//! The contract that every response keeps.

use crate::server;
use crate::support::{
    FAILING, LIVE, NO_FACE, PANICKING, RICH, Request, SPOOF, Server, security_level, selfie,
    threshold,
};

#[test]
fn a_response_is_the_documented_one_to_the_letter() {
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

/// The examples of docs/API.md are responses of this service, except for line breaks.
#[test]
fn the_documented_examples_are_real_responses() {
    let page = include_str!("../../../../docs/API.md");
    let blocks = page.split("```json\n").skip(1).map(|rest| rest.split("\n```").next().unwrap());
    let blocks: Vec<String> =
        blocks.map(|block| block.lines().map(str::trim_start).collect()).collect();
    let server = server();
    let richer = [selfie(RICH), security_level("standard")];
    for (example, path, parts) in [
        (1, "/v0.2/liveness-verification", &[selfie(LIVE)][..]),
        (2, "/v1/liveness", &richer[..]),
        (3, "/v0.2/liveness-verification", &[]),
    ] {
        let answer = server.send(&Request::form(parts).to(path).bytes()).text();
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
fn a_request_without_host_or_with_two_is_refused_in_the_contracts_form() {
    let server = server();
    let bytes = Request::form(&[selfie(LIVE)]).bytes();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let host = "Host: localhost\r\n";
    assert!(text.contains(host));
    for hosts in ["", "Host: localhost\r\nHost: localhost\r\n", "Host: a\r\nhost: b\r\n"] {
        let answer = server.send(text.replacen(host, hosts, 1).as_bytes());
        assert_eq!(answer.refusal(), "400 malformed_body", "{hosts}");
        assert!(answer.body.contains("`Host`"), "{}", answer.body);
        assert!(answer.header("x-request-id").is_some());
    }
    // HTTP/1.0 knows no `Host`.
    let old = text.replacen(host, "", 1).replacen(" HTTP/1.1", " HTTP/1.0", 1);
    assert_eq!(server.send(old.as_bytes()).status, 200);
}

#[test]
fn two_lengths_are_refused_and_of_both_kinds_the_chunks_count() {
    let server = server();
    let request = Request::form(&[selfie(LIVE)]);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let twice = text(request.bytes()).replacen("Content-", "Content-Length: 1\r\nContent-", 1);
    let answer = server.send(twice.as_bytes());
    // hyper answers before any route.
    assert_eq!((answer.status, answer.body.as_str()), (400, ""));
    let both = text(request.chunked(50)).replacen("Transfer-", "Content-Length: 1\r\nTransfer-", 1);
    assert!(both.contains("Content-Length: 1\r\nTransfer-Encoding"));
    assert_eq!(server.send(both.as_bytes()).status, 200);
}

#[test]
fn every_response_has_the_same_headers() {
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
fn both_kairos_paths_take_post_only() {
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
fn faults_of_the_service_have_one_fixed_text_and_the_next_request_is_answered() {
    let server = server();
    let fault = server.post(&[selfie(FAILING)]);
    assert_eq!(fault.refusal(), "500 internal");
    assert!(!fault.body.contains("4420"), "{}", fault.body);
    let panic = server.post(&[selfie(PANICKING)]);
    assert_eq!(panic.text(), fault.text());
    assert_eq!(server.post(&[selfie(LIVE)]).status, 200);
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
    // An `OPTIONS` that is no preflight is refused as any other method.
    let no_preflight = Request::form(&[]).line("OPTIONS /v0.2/liveness-verification HTTP/1.1");
    let answer = any.send(&no_preflight.with("Origin", page).bytes());
    assert_eq!(answer.refusal(), "405 method_not_allowed");
    assert_eq!(answer.header("allow"), Some("POST"));
    let nowhere = Request::form(&[]).line("OPTIONS /nowhere HTTP/1.1").with("Origin", page);
    let nowhere = nowhere.with("Access-Control-Request-Method", "POST");
    assert_eq!(any.send(&nowhere.bytes()).refusal(), "404 not_found");
    // Without configured origins no page of another origin may call.
    let none = Server::start(|_| ());
    assert_eq!(preflight(&none, page).refusal(), "405 method_not_allowed");
    let answer = none.send(&Request::form(&[selfie(LIVE)]).with("Origin", page).bytes());
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

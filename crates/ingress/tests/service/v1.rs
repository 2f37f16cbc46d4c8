//! `POST /v1/liveness`: the whole report, and security levels.

use liveness::{ReasonCode, SecurityLevel};

use crate::server;
use crate::support::{LIVE, NO_FACE, RICH, Request, Server, security_level, selfie, threshold};

const V1: &str = "/v1/liveness";

#[test]
fn a_picture_that_is_not_assessed_has_no_score() {
    let answer = server().send(&Request::form(&[selfie(NO_FACE)]).to(V1).bytes());
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("\"verdict\":\"not_assessed\",\"score\":null,"), "{answer:?}");
}

#[test]
fn server_timing_is_sent_only_if_configured_and_only_with_reports() {
    let timed = Server::start(|config| config.server_timing = true);
    for path in [V1, "/v0.2/liveness-verification", "/v0.1/liveness-verification"] {
        let request = Request::form(&[selfie(LIVE)]).to(path);
        assert_eq!(server().send(&request.bytes()).header("server-timing"), None);
        let answer = timed.send(&request.bytes());
        let header = answer.header("server-timing").unwrap();
        let metrics: Vec<(&str, f64)> = header
            .split(", ")
            .map(|metric| metric.split_once(";dur=").unwrap())
            .map(|(name, milliseconds)| (name, milliseconds.parse().unwrap()))
            .collect();
        let names = ["queue", "decode", "detect", "score", "total"];
        assert_eq!(metrics.iter().map(|metric| metric.0).collect::<Vec<_>>(), names);
        assert!(metrics[0].1 <= metrics[4].1, "{header}");
    }
    let refused = timed.send(&Request::form(&[]).to(V1).bytes());
    assert_eq!((refused.status, refused.header("server-timing")), (400, None));
}

#[test]
fn a_level_replaces_the_threshold() {
    let server = server();
    let with_level =
        server.send(&Request::form(&[selfie(RICH), security_level(" standard ")]).to(V1).bytes());
    assert!(with_level.text().contains("\"threshold\":0.5,\"security_level\":\"standard\""));
    let with_threshold =
        server.send(&Request::form(&[selfie(RICH), threshold("0.7")]).to(V1).bytes());
    assert!(with_threshold.text().contains("\"threshold\":0.7,\"security_level\":null"));
    let json = Request::json("{\"selfie\":\"AGxpdmU=\",\"security_level\":\"standard\"}").to(V1);
    assert!(server.send(&json.bytes()).text().contains("\"security_level\":\"standard\""));
}

#[test]
fn an_unknown_or_unmeasured_level_is_refused() {
    let server = server();
    for (parts, why) in [
        (
            &[selfie(LIVE), security_level("paranoid")][..],
            "must be convenience, standard or hardened",
        ),
        (&[selfie(LIVE), security_level("")][..], "must be convenience"),
        (&[selfie(LIVE), security_level("standard"), threshold("0.5")][..], "not both"),
        // The pack has no threshold for this level.
        (&[selfie(LIVE), security_level("hardened")][..], "has no threshold"),
    ] {
        let answer = server.send(&Request::form(parts).to(V1).bytes());
        assert_eq!(answer.status, 400);
        assert!(answer.body.contains("invalid_security_level"), "{answer:?}");
        assert!(answer.body.contains(why), "{answer:?}");
    }
    for level in ["5", "null", "[\"standard\"]"] {
        let json = format!("{{\"selfie\":\"AGxpdmU=\",\"security_level\":{level}}}");
        assert_eq!(server.send(&Request::json(&json).to(V1).bytes()).status, 400, "{level}");
    }
}

#[test]
fn a_repeated_level_is_refused() {
    let server = server();
    let twice = [selfie(LIVE), security_level("hardened"), security_level("standard")];
    let answer = server.send(&Request::form(&twice).to(V1).bytes());
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("malformed_body"), "{answer:?}");
}

#[test]
fn kairos_endpoints_ignore_a_level() {
    let server = server();
    let parts = [selfie(LIVE), security_level("paranoid"), security_level(""), threshold("0.6")];
    let json = "{\"selfie\":\"AGxpdmU=\",\"security_level\":5,\"security_level\":6}";
    for request in [Request::form(&parts), Request::json(json)] {
        let answer = server.send(&request.bytes());
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(!answer.body.contains("level"));
    }
}

#[test]
fn the_configured_level_applies_to_requests_without_terms() {
    let server = Server::start(|config| config.security_level = Some(SecurityLevel::Standard));
    let answer = |parts: &[_]| server.send(&Request::form(parts).to(V1).bytes()).text();
    assert!(answer(&[selfie(LIVE)]).contains("\"security_level\":\"standard\""));
    assert!(answer(&[selfie(LIVE), threshold("0.7")]).contains("\"security_level\":null"));
}

#[test]
fn faces_all_judges_every_face_by_itself() {
    let server = server();
    let answer = |query: &str| {
        let path = format!("{V1}{query}");
        server.send(&Request::form(&[selfie(RICH)]).to(&path).bytes())
    };
    let one = answer("").text();
    assert_eq!(answer("?faces=one").text(), one);
    assert_eq!(answer("?unknown=1").text(), one);
    assert!(!one.contains("assessment"));
    let all = answer("?faces=all").text();
    assert!(all.contains("\"confidence\":0.98854,\"assessment\":{\"verdict\":\"live\","), "{all}");
    for wrong in ["?faces=", "?faces=ALL", "?faces=2", "?faces=one&faces=all"] {
        assert_eq!(answer(wrong).refusal(), "400 invalid_faces", "{wrong}");
    }
    // Kairos' endpoints ignore it, and credentials are checked first.
    let kairos = Request::form(&[selfie(LIVE)]).to("/v0.2/liveness-verification?faces=none");
    assert_eq!(server.send(&kairos.bytes()).status, 200);
    let unknown = Request::form(&[selfie(LIVE)]).to("/v1/liveness?faces=none").without("app_key");
    assert_eq!(server.send(&unknown.bytes()).refusal(), "401 invalid_credentials");
}

#[test]
fn the_table_of_reasons_in_the_manual_is_the_one_in_the_code() {
    let page = include_str!("../../../../docs/API.md");
    let rows = page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.strip_suffix(" |")?.split(" | ");
        let code = cells.next()?.strip_suffix('`')?;
        let is_reason = code.len() > 9 && code.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        is_reason.then_some((code, cells.nth(1)?))
    });
    let documented: Vec<(&str, &str)> = rows.collect();
    let real: Vec<_> = ReasonCode::ALL.iter().map(|code| (code.as_str(), code.hint())).collect();
    assert_eq!(documented, real);
}

//! `POST /v1/liveness`: the richer answer, and security levels.

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
fn how_long_each_step_took_is_told_where_it_is_asked_for_and_only_of_answers() {
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
fn a_level_takes_the_place_of_a_threshold() {
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
fn a_level_that_cannot_be_had_is_refused() {
    let server = server();
    for (parts, why) in [
        (
            &[selfie(LIVE), security_level("paranoid")][..],
            "must be convenience, standard or hardened",
        ),
        (&[selfie(LIVE), security_level("")][..], "must be convenience"),
        (&[selfie(LIVE), security_level("standard"), threshold("0.5")][..], "not both"),
        // This pack has no threshold for it.
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
fn a_level_is_sent_once() {
    let server = server();
    let twice = [selfie(LIVE), security_level("hardened"), security_level("standard")];
    let answer = server.send(&Request::form(&twice).to(V1).bytes());
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("malformed_body"), "{answer:?}");
}

#[test]
fn a_level_means_nothing_to_kairos() {
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
fn a_configured_level_counts_where_a_request_says_nothing() {
    let server = Server::start(|config| config.security_level = Some(SecurityLevel::Standard));
    let answer = |parts: &[_]| server.send(&Request::form(parts).to(V1).bytes()).text();
    assert!(answer(&[selfie(LIVE)]).contains("\"security_level\":\"standard\""));
    assert!(answer(&[selfie(LIVE), threshold("0.7")]).contains("\"security_level\":null"));
}

#[test]
fn every_face_is_judged_by_itself_where_that_is_asked_for() {
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
    // To Kairos it means nothing, and credentials are looked at first.
    let kairos = Request::form(&[selfie(LIVE)]).to("/v0.2/liveness-verification?faces=none");
    assert_eq!(server.send(&kairos.bytes()).status, 200);
    let nobody = Request::form(&[selfie(LIVE)]).to("/v1/liveness?faces=none").without("app_key");
    assert_eq!(server.send(&nobody.bytes()).refusal(), "401 invalid_credentials");
}

/// The table of reasons in docs/API.md is the code's.
#[test]
fn the_documented_reasons_are_those_that_there_are() {
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

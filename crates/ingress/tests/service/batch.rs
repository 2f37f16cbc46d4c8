//! `POST /v1/liveness/batch`: a result for each picture; a bad picture fails alone.

use std::num::NonZeroU32;

use accounts::{App, Limits, Rate};
use serde_json::Value;

use crate::server;
use crate::support::{
    FAILING, LIVE, NO_FACE, PANICKING, Part, RICH, Request, SLOW, SPOOF, Server, selfie, threshold,
};

const V1: &str = "/v1/liveness";
const BATCH: &str = "/v1/liveness/batch";

fn results(server: &Server, parts: &[Part<'_>]) -> Vec<Value> {
    let answer = server.send(&Request::form(parts).to(BATCH).bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
    let mut body: Value = serde_json::from_str(&answer.body).unwrap();
    serde_json::from_value(body["results"].take()).unwrap()
}

fn outcomes(server: &Server, parts: &[Part<'_>]) -> Vec<String> {
    let results = results(server, parts);
    let outcome = |result: &Value| match &result["error"]["code"] {
        Value::String(code) => format!("{} {code}", result["status"]),
        _ => format!("{} {}", result["status"], result["report"]["verdict"].as_str().unwrap()),
    };
    results.iter().map(outcome).collect()
}

#[test]
fn each_picture_gets_the_result_that_it_would_get_alone_in_the_order_sent() {
    let server = &server();
    let pictures =
        [LIVE, b"\0no picture", SPOOF, RICH, NO_FACE, FAILING, PANICKING, b"text!", LIVE];
    let parts: Vec<_> = pictures.into_iter().map(selfie).chain([threshold("0.7")]).collect();
    let together = results(server, &parts);
    assert_eq!(together.len(), pictures.len());
    for (picture, together) in pictures.into_iter().zip(together) {
        let alone = [selfie(picture), threshold("0.7")];
        let alone = server.send(&Request::form(&alone).to(V1).bytes());
        assert_eq!(together["status"], alone.status);
        let mut body: serde_json::Map<String, Value> = serde_json::from_str(&alone.body).unwrap();
        for stamp in ["api_req_uid", "processed_at", "requested_at"] {
            body.remove(stamp).unwrap();
        }
        let outcome = together
            .get("report")
            .cloned()
            .unwrap_or_else(|| serde_json::json!({"error": together["error"]}));
        assert_eq!(outcome, Value::Object(body));
    }
}

#[test]
fn json_has_a_list_and_text_that_is_not_base64_fails_alone() {
    let json = "{\"selfies\":[\"AGxpdmU=\",\"!\",\"data:image/jpeg;base64,AHNwb29m\"],\"threshold\":\"0.5\"}";
    let answer = server().send(&Request::json(json).to(BATCH).bytes());
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body["results"][0]["report"]["verdict"], "live");
    assert_eq!(body["results"][1]["error"]["code"], "malformed_body");
    assert_eq!(body["results"][2]["report"]["verdict"], "spoof");
}

#[test]
fn a_malformed_batch_is_refused_as_a_whole() {
    let server = Server::start(|config| config.max_batch = 2);
    let refusal = |request: &Request| server.send(&request.bytes()).refusal();
    let three = [selfie(LIVE), selfie(LIVE), selfie(LIVE)];
    for (request, refused) in [
        (Request::form(&three), "400 too_many_selfies"),
        (Request::json("{\"selfies\":[\"AA==\",\"AA==\",\"AA==\"]}"), "400 too_many_selfies"),
        (Request::form(&[]), "400 missing_selfie"),
        (Request::json("{\"selfies\":[]}"), "400 missing_selfie"),
        (Request::json("{\"selfie\":\"AGxpdmU=\"}"), "400 missing_selfie"),
        (Request::json("{\"selfies\":\"AGxpdmU=\"}"), "400 malformed_body"),
        (Request::json("{\"selfies\":[5]}"), "400 malformed_body"),
        (Request::form(&[selfie(LIVE), threshold("2")]), "400 invalid_threshold"),
        (Request::form(&[selfie(LIVE)]).without("app_key"), "401 invalid_credentials"),
    ] {
        assert_eq!(refusal(&request.to(BATCH)), refused);
    }
    assert_eq!(outcomes(&server, &three[..2]), ["200 live", "200 live"]);
}

#[test]
fn each_picture_with_a_report_counts_and_one_over_the_quota_is_refused_alone() {
    let server = Server::with_app(
        |app: &mut App| {
            app.limits = Limits { quota_per_day: Some(3), ..Limits::default() };
        },
        |_| (),
    );
    // An unreadable picture does not count.
    let parts = [selfie(b"\0no picture"), selfie(LIVE), selfie(NO_FACE)];
    assert_eq!(
        outcomes(&server, &parts),
        ["415 unsupported_image", "200 live", "200 not_assessed"]
    );
    let parts = [selfie(SPOOF), selfie(LIVE), selfie(LIVE)];
    assert_eq!(
        outcomes(&server, &parts),
        ["200 spoof", "403 usage_limit_reached", "403 usage_limit_reached"]
    );
    let refused = server.send(&Request::form(&parts).to(BATCH).bytes());
    assert_eq!(refused.refusal(), "403 usage_limit_reached");
}

#[test]
fn each_picture_takes_a_token_of_the_rate() {
    let two = NonZeroU32::new(2).unwrap();
    let server = Server::with_app(
        |app: &mut App| app.limits.rate = Some(Rate { per_minute: NonZeroU32::MIN, burst: two }),
        |_| (),
    );
    let parts = [selfie(LIVE), selfie(LIVE), selfie(LIVE)];
    assert_eq!(outcomes(&server, &parts), ["200 live", "200 live", "429 rate_limited"]);
}

#[test]
fn pictures_judged_before_the_deadline_keep_their_results() {
    let server = Server::start(|config| config.deadline_ms = 400);
    let outcomes = outcomes(&server, &[selfie(LIVE), selfie(SLOW), selfie(LIVE)]);
    assert_eq!(outcomes, ["200 live", "504 deadline_exceeded", "504 deadline_exceeded"]);
    server.let_go();
}

#[test]
fn pictures_of_batches_are_counted_by_their_codes() {
    let server = Server::start(|_| ());
    outcomes(&server, &[selfie(LIVE), selfie(b"\0no picture"), selfie(LIVE)]);
    let page = server.metrics.render(server.accounts.health());
    assert!(page.contains("livegate_batch_pictures_total{code=\"ok\"} 2\n"), "{page}");
    assert!(page.contains("livegate_batch_pictures_total{code=\"unsupported_image\"} 1\n"));
}

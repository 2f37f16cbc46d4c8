//! Credentials, quotas and rates.

use std::io::Write;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use accounts::{App, Limits, Rate};
use ingress::RateLimitedStatus;

use crate::server;
use crate::support::{
    FAILING, KEY, LIVE, NO_FACE, PANICKING, Request, SLOW, SPOOF, Server, selfie, threshold,
};

#[test]
fn credentials_are_accepted_in_any_spelling_and_all_refusals_are_alike() {
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
fn no_body_is_read_before_the_credentials_are_checked() {
    // The body is announced as huge and never sent: the response is about the credentials.
    let server = server();
    let head = Request::form(&[]).without("app_key").head();
    let answer = server.send(format!("{head}Content-Length: 900000000\r\n\r\n").as_bytes());
    assert_eq!(answer.refusal(), "401 invalid_credentials");
}

#[test]
fn a_spent_quota_and_a_disabled_app_are_refused_before_the_body_is_read() {
    let quota = |day, month| {
        move |app: &mut App| {
            app.limits = Limits { quota_per_day: day, quota_per_month: month, ..Limits::default() };
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
    // A caller without the key does not learn which apps exist.
    let stranger = Request::form(&[]).without("app_key").with("app_key", "not-the-key-of-it");
    assert_eq!(server.send(&stranger.bytes()).refusal(), "401 invalid_credentials");
}

#[test]
fn only_a_response_200_uses_quota() {
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
    // A request whose caller leaves during the check uses none either.
    let mut gone = server.connect();
    gone.write_all(&Request::form(&[selfie(SLOW)]).bytes()).unwrap();
    server.wait_until_begun();
    server.wait_until_begun();
    drop(gone);
    let deadline = Instant::now() + Duration::from_secs(30);
    while server.post(&[selfie(LIVE)]).status != 200 {
        assert!(Instant::now() < deadline, "the hold of the caller who left is given back");
    }
    assert_eq!(server.post(&[selfie(LIVE)]).refusal(), "403 usage_limit_reached");
}

#[test]
fn a_caller_over_the_rate_learns_when_to_retry() {
    let slow = |app: &mut App| {
        let number = |n| NonZeroU32::new(n).unwrap();
        app.limits.rate = Some(Rate { per_minute: number(2), burst: number(3) });
    };
    for (status, expected) in [
        (RateLimitedStatus::TooManyRequests, "429 rate_limited"),
        (RateLimitedStatus::Forbidden, "403 rate_limited"),
    ] {
        let server = Server::with_app(slow, |config| config.rate_limited_status = status);
        // Refused requests take a token too, so that guessing costs as much as a valid request.
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
fn a_caller_at_its_limit_of_requests_at_once_waits_for_an_answer() {
    let one = |app: &mut App| app.limits.at_once = NonZeroU32::new(1);
    let server = Server::with_app(one, |_| {});
    let mut first = server.connect();
    first.write_all(&Request::form(&[selfie(SLOW)]).bytes()).unwrap();
    server.wait_until_begun();
    let answer = server.post(&[selfie(LIVE)]);
    assert_eq!(answer.refusal(), "429 rate_limited");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert!(answer.body.contains("limit of requests at once is 1"), "{}", answer.body);
    drop(first);
    let deadline = Instant::now() + Duration::from_secs(30);
    while server.post(&[selfie(LIVE)]).status != 200 {
        assert!(Instant::now() < deadline, "the place of the caller who left is given back");
    }
}

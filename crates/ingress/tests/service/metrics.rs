//! Metrics, as Prometheus sees them.

use std::collections::{BTreeMap, BTreeSet};

use accounts::{App, Limits, Rate};
use ingress::{Closed, ListenerName, Metrics};

use crate::support::{
    FAILING, KEY, LIVE, NO_FACE, PANICKING, RICH, Request, SPOOF, Server, selfie,
};

/// A scrape.
struct Page(String);

impl Page {
    fn of(server: &Server) -> Self {
        Self(server.metrics.render(server.accounts.health()))
    }

    /// Every series: its name, its labels and its value.
    fn series(&self) -> impl Iterator<Item = (&str, BTreeMap<&str, &str>, f64)> {
        let lines = self.0.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let labels =
                labels.trim_end_matches('}').split("\",").filter(|label| !label.is_empty());
            let labels = labels.map(|label| label.split_once("=\"").unwrap());
            (
                name,
                labels.map(|(k, v)| (k, v.trim_end_matches('"'))).collect(),
                value.parse().unwrap(),
            )
        })
    }

    /// The one series of this name and these labels.
    fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let labels: BTreeMap<_, _> = labels.iter().copied().collect();
        let found: Vec<f64> =
            self.series().filter(|s| s.0 == name && s.1 == labels).map(|s| s.2).collect();
        assert_eq!(found.len(), 1, "{name} {labels:?} in {}", self.0);
        found[0]
    }

    fn requests(&self, route: &str, status: &str, code: &str) -> f64 {
        let labels = [("route", route), ("status", status), ("code", code)];
        self.value("livegate_requests_total", &labels)
    }

    /// Family to kind and names of labels.
    fn families(&self) -> BTreeMap<String, (String, BTreeSet<String>)> {
        let types = self.0.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let family = |line: &str| {
            let (name, kind) = line.split_once(' ').unwrap();
            let of_family = |series: &str| {
                series == name
                    || kind == "histogram"
                        && series
                            .strip_prefix(name)
                            .is_some_and(|rest| ["_bucket", "_sum", "_count"].contains(&rest))
            };
            let labels = self.series().filter(|series| of_family(series.0));
            let labels = labels.flat_map(|series| series.1.into_keys()).filter(|key| *key != "le");
            (name.to_owned(), (kind.to_owned(), labels.map(str::to_owned).collect()))
        };
        types.map(family).collect()
    }
}

const V0_1: &str = "/v0.1/liveness-verification";
const V0_2: &str = "/v0.2/liveness-verification";
const V1: &str = "/v1/liveness";

#[test]
fn every_request_is_counted_and_timed_by_route() {
    let server = Server::start(|_| ());
    let send =
        |path: &str, picture| server.send(&Request::form(&[selfie(picture)]).to(path).bytes());
    send(V0_2, LIVE);
    send(V0_2, LIVE);
    send(V0_1, SPOOF);
    send(V1, RICH);
    send(V1, NO_FACE);
    send(V1, b"\0junk");
    send(V1, PANICKING);
    send(V1, FAILING);
    send("/v1/else", LIVE);
    send("/a-path-that-a-caller-thought-up", LIVE);
    server.send(&Request::form(&[selfie(LIVE)]).without("app_key").bytes());
    server.send(
        &Request::json("{}").without("Content-Type").line("GET /v1/liveness HTTP/1.1").bytes(),
    );
    let page = Page::of(&server);
    assert_eq!(page.requests(V0_2, "200", "ok"), 2.0);
    assert_eq!(page.requests(V0_1, "200", "ok"), 1.0);
    assert_eq!(page.requests(V1, "200", "ok"), 2.0);
    assert_eq!(page.requests(V1, "415", "unsupported_image"), 1.0);
    assert_eq!(page.requests(V1, "500", "internal"), 2.0);
    assert_eq!(page.requests(V1, "405", "method_not_allowed"), 1.0);
    assert_eq!(page.requests(V0_2, "401", "invalid_credentials"), 1.0);
    assert_eq!(page.requests("other", "404", "not_found"), 2.0);
    assert!(!page.0.contains("thought-up"), "no label has a caller's path");
    let count =
        |name: &str, label, value| page.value(&format!("livegate_{name}"), &[(label, value)]);
    for (route, requests) in [(V0_1, 1.0), (V0_2, 3.0), (V1, 6.0), ("other", 2.0)] {
        assert_eq!(count("request_duration_seconds_count", "route", route), requests, "{route}");
    }
    for stage in ["queue", "decode", "detect", "score"] {
        assert_eq!(count("stage_duration_seconds_count", "stage", stage), 5.0, "{stage}");
    }
    for (verdict, reports) in [("live", 3.0), ("spoof", 1.0), ("not_assessed", 1.0)] {
        let labels = [("pack", "obedient"), ("verdict", verdict)];
        assert_eq!(page.value("livegate_verdicts_total", &labels), reports, "{verdict}");
    }
    assert_eq!(count("score_count", "pack", "obedient"), 4.0);
    let up_to = |le| page.value("livegate_score_bucket", &[("pack", "obedient"), ("le", le)]);
    assert_eq!((up_to("0.05"), up_to("0.85"), up_to("0.9")), (1.0, 1.0, 4.0));
    let reason = |severity| {
        let labels = [("reason", "FACE_CLOSE_TO_BORDER"), ("severity", severity)];
        page.value("livegate_reasons_total", &labels)
    };
    assert_eq!((reason("warn"), reason("reject")), (1.0, 0.0));
}

#[test]
fn a_refusal_is_counted_by_the_limit_that_was_reached() {
    let one = std::num::NonZeroU32::MIN;
    let rate = Some(Rate { per_minute: one, burst: one });
    for (limit, limits) in [
        ("disabled", Limits::default()),
        ("rate", Limits { rate, ..Limits::default() }),
        ("day", Limits { quota_per_day: Some(1), ..Limits::default() }),
        ("month", Limits { quota_per_month: Some(1), ..Limits::default() }),
    ] {
        let edit = |app: &mut App| {
            app.enabled = limit != "disabled";
            app.limit(limits).unwrap();
        };
        let server = Server::with_app(edit, |_| ());
        for _ in 0..2 {
            server.post(&[selfie(LIVE)]);
        }
        let page = Page::of(&server);
        let refusals = |limit| page.value("livegate_limit_refusals_total", &[("limit", limit)]);
        for other in ["disabled", "rate", "day", "month"] {
            let expected = if limit != other {
                0.0
            } else if limit == "disabled" {
                2.0
            } else {
                1.0
            };
            assert_eq!(refusals(other), expected, "{other} where {limit} was reached");
        }
    }
}

#[test]
fn app_ids_are_labels_only_if_configured_and_keys_never() {
    let ask = |server: &Server| {
        server.post(&[selfie(LIVE)]);
        server.post(&[selfie(b"\0junk")]);
        for id in ["a-stranger", "id"] {
            let stranger = Request::form(&[selfie(LIVE)]).without("app_id").without("app_key");
            server.send(&stranger.with("app_id", id).with("app_key", "no-key-of-anyones").bytes());
        }
        Page::of(server)
    };
    let discreet = ask(&Server::start(|_| ()));
    let telling = ask(&Server::measured(|_| (), |_| (), true));
    for page in [&discreet.0, &telling.0] {
        for secret in [KEY, "no-key-of-anyones", "a-stranger"] {
            assert!(!page.contains(secret), "{page}");
        }
    }
    assert!(!discreet.0.contains("app_id"), "{}", discreet.0);
    let of_app = |code| {
        let labels = [("app_id", "id"), ("code", code)];
        telling.value("livegate_app_requests_total", &labels)
    };
    assert_eq!((of_app("ok"), of_app("unsupported_image")), (1.0, 1.0));
    let others = telling.series().filter(|series| series.0 == "livegate_app_requests_total");
    assert_eq!(others.count(), 2);
}

#[test]
fn metrics_tell_if_accounts_can_be_used() {
    let server = Server::start(|_| ());
    assert_eq!(Page::of(&server).value("livegate_accounts_up", &[]), 1.0);
    server.accounts.close();
    let page = Page::of(&server);
    assert_eq!(page.value("livegate_accounts_up", &[]), 0.0);
    assert_eq!(page.value("livegate_accounts_errors_total", &[]), 0.0);
    // The number is absolute: a second scrape does not add to it.
    let health = accounts::Health { is_alive: true, is_up: false, errors: 3 };
    for _ in 0..2 {
        let page = Page(server.metrics.render(health));
        assert_eq!(page.value("livegate_accounts_errors_total", &[]), 3.0);
    }
}

/// Each row of the table: name, kind, labels, meaning.
#[test]
fn the_documented_metrics_are_the_existing_ones() {
    let manual = include_str!("../../../../docs/MONITORING.md");
    let section = manual.split("\n## Metrics\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let ticked = |cell: &str| -> BTreeSet<String> {
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let documented: BTreeMap<_, _> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let name = cells[0].trim_end_matches('`').to_owned();
            assert!(cells[3].len() > 10, "{name} means something");
            (name, (cells[1].to_owned(), ticked(cells[2])))
        })
        .collect();
    let server = Server::measured(|_| (), |_| (), true);
    server.post(&[selfie(LIVE)]);
    server.send(&Request::form(&[selfie(LIVE)]).to("/v1/liveness/batch").bytes());
    // These families have no series before there is a certificate, or a picture was checked.
    server.metrics.set_tls_not_after(ListenerName::Admin, 2e9);
    server.metrics.count_tls_reload_error(ListenerName::Main);
    server.metrics.set_last_inference(0, 1e9);
    let mut families = Page::of(&server).families();
    if !cfg!(target_os = "linux") {
        let documented = documented.iter().filter(|(name, _)| name.starts_with("process_"));
        families.extend(documented.map(|(name, row)| (name.clone(), row.clone())));
    }
    assert_eq!(documented, families);
}

#[test]
fn closed_connections_and_the_state_of_the_service_are_measured() {
    let server = Server::start(|_| ());
    let Metrics { body_bytes_limit, workers, ready, .. } = &*server.metrics;
    body_bytes_limit.set(1 << 40);
    workers.with_label_values(&["rebuilding"]).set(1);
    ready.set(1);
    for closed in Closed::ALL {
        server.metrics.count_closed(closed);
    }
    let page = Page::of(&server);
    assert_eq!(page.value("livegate_body_bytes_in_flight_limit", &[]), (1_u64 << 40) as f64);
    assert_eq!(page.value("livegate_workers", &[("state", "rebuilding")]), 1.0);
    assert_eq!(page.value("livegate_ready", &[]), 1.0);
    for reason in [
        "header_timeout",
        "idle_timeout",
        "tls_handshake",
        "head_too_large",
        "malformed_head",
        "tls_on_plain_port",
    ] {
        let labels = [("reason", reason)];
        assert_eq!(page.value("livegate_connections_closed_total", &labels), 1.0, "{reason}");
    }
    let build = [
        ("version", "1.2.3"),
        ("pack", "obedient"),
        ("digest", &*liveness::Digest::of(b"").to_string()),
        ("device", "cpu"),
        ("onnxruntime", "none"),
    ];
    assert_eq!(page.value("livegate_build_info", &build), 1.0);
    assert_eq!(page.value("livegate_device_fallback", &[]), 1.0);
    for (provider, nodes) in [("CUDAExecutionProvider", 30.0), ("CPUExecutionProvider", 2.0)] {
        let labels = [("model", "network"), ("provider", provider)];
        assert_eq!(page.value("livegate_model_nodes", &labels), nodes);
    }
}

/// hyper answers these: no route has seen the request.
#[test]
fn a_head_that_is_refused_before_a_route_is_counted_by_its_reason() {
    use std::io::{Read, Write};
    let server = Server::start(|_| ());
    let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(70_000));
    let heads: [&[u8]; 4] = [
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00\r\n\r\n",
        b"nothing of HTTP\r\n\r\n",
        long.as_bytes(),
        b"GET / HTTP/1.1\r\nHost localhost\r\n\r\n",
    ];
    for head in heads {
        let mut stream = server.connect();
        let _ = stream.write_all(head);
        // The rest of a long head may be cut, and the answer with it.
        let _ = stream.read_to_end(&mut Vec::new());
    }
    let counts = || {
        let page = Page::of(&server);
        ["tls_on_plain_port", "malformed_head", "head_too_large"]
            .map(|reason| page.value("livegate_connections_closed_total", &[("reason", reason)]))
    };
    // A connection is counted after its caller has seen the end.
    let is_counted = (0..1000).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        counts() == [1.0, 2.0, 1.0]
    });
    assert!(is_counted, "{:?}", counts());
}

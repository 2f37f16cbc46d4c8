//! Spans, as a collector receives them.

use std::collections::BTreeSet;
use std::net::TcpListener;

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use testbed::client::Body;
use testbed::service::Service;

use super::collector::{Collector, texts};
use super::{SECRET, check, start};
use crate::demo::{V0_2, V1, portrait_file};

fn hex(id: &[u8]) -> String {
    id.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// The span of the request whose answer has this `X-Request-Id`.
fn request<'a>(spans: &'a [Span], id: &str) -> &'a Span {
    let of_request =
        |span: &&Span| texts(&span.attributes).get("livegate.request_id").is_some_and(|i| i == id);
    let found: Vec<&Span> = spans.iter().filter(of_request).collect();
    assert_eq!(found.len(), 1, "{id} in {spans:#?}");
    found[0]
}

/// The names of the children of `parent`, in the order of their begin.
fn steps(spans: &[Span], parent: &Span) -> Vec<String> {
    let mut below: Vec<&Span> =
        spans.iter().filter(|span| span.parent_span_id == parent.span_id).collect();
    below.sort_by_key(|span| span.start_time_unix_nano);
    for span in &below {
        assert_eq!(span.trace_id, parent.trace_id);
        assert!(span.start_time_unix_nano >= parent.start_time_unix_nano, "{span:?} {parent:?}");
        assert!(span.end_time_unix_nano <= parent.end_time_unix_nano, "{span:?} {parent:?}");
        assert!(span.attributes.is_empty(), "{span:?}");
    }
    below.iter().map(|span| span.name.clone()).collect()
}

#[test]
fn a_request_is_traced_below_the_callers_span_step_by_step() {
    let collector = Collector::start();
    let mut service = start(&[("LIVEGATE_TELEMETRY_OTLP_ENDPOINT", &collector.url)]);
    let portrait = portrait_file();
    let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let context = |end: &str| format!("00-{trace}-{parent}-{end}");
    let send = |path: &str, traceparent: &str| {
        check(
            &service,
            path,
            &portrait,
            &[("traceparent", traceparent), ("tracestate", "vendor=1")],
        )
    };
    let traced = send(V1, &context("01"));
    let not_sampled = send(V1, &context("00"));
    let malformed =
        ["00-4bf9-00f0-01", "garbage", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"]
            .map(|traceparent| send(V0_2, traceparent));
    let junk = check(&service, V1, SECRET.as_bytes(), &[("x-secret", SECRET)]);
    let stranger =
        service.ask(V1, &[("app_id", "demo"), ("app_key", SECRET)], &Body::form(&portrait));
    let lost = check(&service, &format!("/{SECRET}?app_key={SECRET}"), &portrait, &[]);
    let stranger = (stranger.status, stranger.request_id);
    let log = service.stop();
    let spans = collector.spans();

    assert_eq!(traced.0, 200);
    let span = request(&spans, &traced.1);
    assert_eq!(
        (hex(&span.trace_id), hex(&span.parent_span_id)),
        (trace.to_owned(), parent.to_owned())
    );
    assert_eq!((span.trace_state.as_str(), span.kind()), ("vendor=1", SpanKind::Server));
    assert_eq!(span.name, "POST /v1/liveness");
    let attributes = texts(&span.attributes);
    let expected = [
        ("http.request.method", "POST"),
        ("http.response.status_code", "200"),
        ("http.route", V1),
        ("livegate.app_id", "demo"),
        ("livegate.code", "ok"),
        ("livegate.pack", "starter"),
        ("livegate.request_id", &traced.1),
        ("livegate.verdict", "live"),
    ];
    assert_eq!(attributes, expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    let walk = [
        "credentials",
        "limits",
        "body",
        "queue",
        "decode",
        "detect",
        "select",
        "gate",
        "score",
        "decide",
    ];
    assert_eq!(steps(&spans, span), walk);
    let line = log.lines().find(|line| line.contains(&traced.1)).unwrap();
    assert!(line.contains(&format!("trace_id={trace}")), "{line}");

    assert_eq!(not_sampled.0, 200);
    assert!(!format!("{spans:?}").contains(&not_sampled.1));
    for (status, id) in malformed {
        let span = request(&spans, &id);
        assert_eq!((status, span.parent_span_id.len()), (200, 0), "{span:?}");
        assert_ne!(hex(&span.trace_id), trace);
        assert_eq!(steps(&spans, span), walk);
    }
    for (answer, code, last) in [
        (junk, "415 unsupported_image", "decode"),
        (stranger, "401 invalid_credentials", "credentials"),
    ] {
        let span = request(&spans, &answer.1);
        let attributes = texts(&span.attributes);
        let status = &attributes["http.response.status_code"];
        assert_eq!(format!("{status} {}", attributes["livegate.code"]), code);
        assert!(
            !attributes.contains_key("error.type")
                && span.status.as_ref().is_none_or(|s| s.code == 0)
        );
        assert_eq!(steps(&spans, span).last().unwrap(), last);
    }
    let lost = request(&spans, &lost.1);
    assert_eq!((lost.name.as_str(), steps(&spans, lost).len()), ("POST", 0));

    // No span holds text that the caller chose but the verified app's id, nor a picture.
    let told = format!("{spans:?}");
    let app_id =
        r#"key: "livegate.app_id", value: Some(AnyValue { value: Some(StringValue("demo")) })"#;
    let elsewhere = told.replace(app_id, "");
    assert!(told.contains(app_id) && !elsewhere.contains("demo"), "{told}");
    assert!(!told.contains(SECRET), "{told}");
    assert!(spans.iter().all(|span| span.events.is_empty()), "{told}");
    let resource = collector.resource();
    assert_eq!(resource["service.name"], "livegate");
    assert_eq!(resource["service.version"], env!("CARGO_PKG_VERSION"));

    let page = std::fs::read_to_string(testbed::workspace().join("docs/MONITORING.md")).unwrap();
    let keys: BTreeSet<String> =
        spans.iter().flat_map(|span| texts(&span.attributes).into_keys()).collect();
    for word in keys.iter().map(String::as_str).chain(walk) {
        assert!(page.contains(&format!("`{word}`")), "{word} is not documented");
    }
}

#[test]
fn the_sample_ratio_holds_for_requests_without_a_sampled_parent() {
    let collector = Collector::start();
    let mut service = start(&[
        ("LIVEGATE_TELEMETRY_OTLP_ENDPOINT", &format!("{}/", collector.url)),
        ("LIVEGATE_TELEMETRY_SAMPLE_RATIO", "0"),
    ]);
    let asked = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    check(&service, V1, &portrait_file(), &[]);
    let sampled = check(&service, V1, &portrait_file(), &[("traceparent", asked)]);
    service.stop();
    let spans = collector.spans();
    assert_eq!(steps(&spans, request(&spans, &sampled.1)).len(), 10);
    assert_eq!(spans.len(), 11);
}

/// One collector accepts connections and never responds, the other does not listen.
#[test]
fn requests_are_answered_while_the_collector_does_not_respond() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for address in [silent.local_addr().unwrap(), closed] {
        let endpoint = format!("http://{address}");
        let mut service = start(&[("LIVEGATE_TELEMETRY_OTLP_ENDPOINT", &endpoint)]);
        let portrait = portrait_file();
        // More spans than one export holds.
        for _ in 0..60 {
            assert_eq!(check(&service, V1, &portrait, &[]).0, 200);
        }
        let log = service.stop();
        let told = log.matches("traces cannot be delivered").count();
        assert!(told <= 1, "{log}");
        assert!(told == 1 || log.contains("the last traces are lost"), "{log}");
    }
}

/// The threads of the process, by name.
#[cfg(target_os = "linux")]
fn threads(service: &Service) -> String {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", service.id())).unwrap();
    let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm"));
    tasks.map(|task| name(task.unwrap()).unwrap_or_default()).collect()
}

#[test]
#[cfg(target_os = "linux")]
fn without_an_endpoint_there_is_no_exporter() {
    let mut without = start(&[]);
    assert!(
        check(&without, V1, &portrait_file(), &[]).0 == 200
            && threads(&without).contains("worker-0")
    );
    assert!(!threads(&without).contains("OpenTelemetry"), "{}", threads(&without));
    let log = without.stop();
    assert!(log.contains("answered") && !log.contains("trace_id"), "{log}");
    let collector = Collector::start();
    let with = start(&[("LIVEGATE_TELEMETRY_OTLP_ENDPOINT", &collector.url)]);
    assert!(threads(&with).contains("OpenTelemetry"), "{}", threads(&with));
}

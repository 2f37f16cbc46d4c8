//! A collector of traces: a real HTTP server that reads OTLP.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

/// Accepts requests at `/v1/traces` until the test process ends.
pub(super) struct Collector {
    pub url: String,
    taken: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
}

impl Collector {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let taken = Arc::new(Mutex::new(Vec::new()));
        let places = Arc::clone(&taken);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let places = Arc::clone(&places);
                std::thread::spawn(move || take_all(&stream.unwrap(), &places));
            }
        });
        Self { url, taken }
    }

    /// Every span so far, in the order of their ends.
    pub(super) fn spans(&self) -> Vec<Span> {
        let taken = self.taken.lock().unwrap();
        let scopes = taken.iter().flat_map(|t| &t.resource_spans).flat_map(|r| &r.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }

    /// The attributes of the resource, which must be the same for all spans.
    pub(super) fn resource(&self) -> BTreeMap<String, String> {
        let taken = self.taken.lock().unwrap();
        let resources = taken.iter().flat_map(|t| &t.resource_spans);
        let mut resources = resources.map(|r| texts(&r.resource.as_ref().unwrap().attributes));
        let first = resources.next().unwrap();
        assert!(resources.all(|other| other == first));
        first
    }
}

/// Attributes, with their values as text.
pub(super) fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |attribute: &KeyValue| match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other => Some(format!("{other:?}")),
    };
    attributes.iter().map(|a| (a.key.clone(), text(a).unwrap())).collect()
}

/// Reads all requests of one connection.
fn take_all(mut stream: &TcpStream, taken: &Mutex<Vec<ExportTraceServiceRequest>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if reader.read_until(b'\n', &mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
        assert!(head.contains("\r\ncontent-type: application/x-protobuf\r\n"), "{head}");
        let length = head.split("\r\ncontent-length: ").nth(1).expect(&head);
        let mut body = vec![0; length.split("\r\n").next().unwrap().parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        taken.lock().unwrap().push(ExportTraceServiceRequest::decode(&body[..]).unwrap());
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
    }
}

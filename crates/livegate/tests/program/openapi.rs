//! `livegate openapi` prints docs/openapi.json, and its examples are what the service really
//! answers.

use std::path::PathBuf;

use serde_json::{Value, json};
use testbed::client::{Body, Client};
use testbed::service::Service;

use crate::demo::{DEMO_KEY, V0_2, V1, portrait_file, start};
use crate::{finished, livegate};

/// When this variable is set the examples are recorded: `just openapi-examples`.
const RECORD: &str = "LIVEGATE_RECORD_EXAMPLES";

fn document() -> Value {
    let directory = tempfile::tempdir().unwrap();
    let (out, _, code) = finished(&livegate(directory.path()).arg("openapi").output().unwrap());
    assert_eq!(code, 0);
    serde_json::from_str(&out).unwrap()
}

#[test]
fn the_printed_document_is_the_one_in_docs() {
    let reviewed = std::fs::read_to_string(testbed::workspace().join("docs/openapi.json")).unwrap();
    assert_eq!(document(), serde_json::from_str::<Value>(&reviewed).unwrap(), "run `just openapi`");
}

/// Every departure of `value` from `schema`, which is part of `document`.
fn departures(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut schema = schema.clone();
    schema["components"] = document["components"].clone();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// The description of a response's body in the document.
fn described<'a>(document: &'a Value, path: &str, method: &str, status: u16) -> &'a Value {
    let response = &document["paths"][path][method]["responses"][status.to_string()];
    let target = response["$ref"].as_str().map(|target| document.pointer(&target[1..]).unwrap());
    &target.unwrap_or(response)["content"]["application/json"]
}

#[test]
fn every_example_keeps_to_its_schema() {
    let document = document();
    let mut seen = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let bodies = operation["requestBody"]["content"].as_object().into_iter().flatten();
            let answers = operation["responses"].as_object().unwrap().keys();
            let answers =
                answers.map(|status| described(&document, path, method, status.parse().unwrap()));
            for content in bodies.map(|(_, content)| content).chain(answers) {
                for (name, example) in content["examples"].as_object().into_iter().flatten() {
                    let faults = departures(&document, &content["schema"], &example["value"]);
                    assert!(faults.is_empty(), "{path} {name}: {faults:?}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 20, "{seen}");
}

/// A request, and the name of the file with its recorded answer.
struct Case {
    name: &'static str,
    status: u16,
    path: &'static str,
    query: &'static str,
    body: Option<Body>,
    key: &'static str,
}

impl Case {
    fn get(name: &'static str, path: &'static str) -> Self {
        Self { name, status: 200, path, query: "", body: None, key: DEMO_KEY }
    }

    fn form(name: &'static str, status: u16, path: &'static str, parts: &[(&str, &[u8])]) -> Self {
        Self { name, status, path, query: "", body: Some(Body::parts(parts)), key: DEMO_KEY }
    }

    /// With the JSON body that is an example in the document.
    fn json(name: &'static str, path: &'static str, document: &Value) -> Self {
        let content = &document["paths"][path]["post"]["requestBody"]["content"];
        let example = &content["application/json"]["examples"]["blank"]["value"];
        let body = Body::new("application/json", example.to_string().as_bytes());
        Self { name, status: 200, path, query: "", body: Some(body), key: DEMO_KEY }
    }

    fn asking(self, query: &'static str) -> Self {
        Self { query, ..self }
    }

    fn method(&self) -> &'static str {
        if self.body.is_some() { "post" } else { "get" }
    }

    /// The text that the service answers.
    fn ask(&self, service: &Service) -> String {
        let path = format!("{}?{}", self.path, self.query);
        let credentials = [("app_id", "demo"), ("app_key", self.key)];
        let answer = match &self.body {
            None => Client::default().get(&format!("{}{path}", service.url())).unwrap(),
            Some(body) => service.ask(&path, &credentials, body),
        };
        assert_eq!(answer.status, self.status, "{}: {}", self.name, answer.body);
        answer.body
    }

    fn file(&self) -> PathBuf {
        let directory = testbed::workspace().join("crates/ingress/src/openapi/examples");
        directory.join(format!("{}.json", self.name))
    }
}

fn cases(document: &Value) -> Vec<Case> {
    let portrait = portrait_file();
    let half = &portrait[..portrait.len() / 2];
    let selfie = ("selfie", &portrait[..]);
    let level = |name: &'static [u8]| ("security_level", name);
    let mut wrong_key = Case::form("invalid_credentials", 401, V1, &[selfie]);
    wrong_key.key = "not-the-key-of-the-demo";
    let mut wrong_type = Case::form("unsupported_media_type", 415, V1, &[]);
    wrong_type.body = Some(Body::new("text/plain", b"a selfie"));
    vec![
        Case::form("kairos_live", 200, V0_2, &[selfie, ("threshold", b"0.6")]),
        Case::json("kairos_blank", V0_2, document),
        Case::form("v1_live", 200, V1, &[selfie, level(b"standard")]),
        Case::json("v1_blank", V1, document),
        Case::form("v1_every_face", 200, V1, &[selfie, ("threshold", b"0.6")]).asking("faces=all"),
        Case::form("batch", 200, "/v1/liveness/batch", &[selfie, ("selfie", half)]),
        Case::get("livez", "/livez"),
        Case::get("readyz", "/readyz"),
        Case::get("version", "/version"),
        Case::form("missing_selfie", 400, V1, &[("threshold", b"0.6")]),
        Case::form("invalid_threshold", 400, V1, &[selfie, ("threshold", b"1.5")]),
        Case::form("invalid_security_level", 400, V1, &[selfie, level(b"paranoid")]),
        wrong_key,
        wrong_type,
        Case::form("unsupported_image", 415, V1, &[("selfie", b"\0no picture")]),
        Case::form("unreadable_image", 422, V1, &[("selfie", half)]),
    ]
}

#[test]
fn the_examples_are_what_is_answered() {
    let document = document();
    let service = start();
    let is_recording = std::env::var_os(RECORD).is_some_and(|value| !value.is_empty());
    let cases = cases(&document);
    for case in &cases {
        let text = case.ask(&service);
        let now: Value = serde_json::from_str(&text).unwrap();
        let schema = &described(&document, case.path, case.method(), case.status)["schema"];
        let faults = departures(&document, schema, &now);
        assert!(faults.is_empty(), "{}: {faults:?} in {text}", case.name);
        if is_recording {
            std::fs::write(case.file(), text + "\n").unwrap();
            continue;
        }
        let recorded = std::fs::read_to_string(case.file()).unwrap();
        let recorded = serde_json::from_str(&recorded).unwrap();
        let differences = differences(&recorded, &now, "");
        assert!(
            differences.is_empty(),
            "{}: run `just openapi-examples` and review: {differences:?}",
            case.name
        );
    }
    let files = std::fs::read_dir(cases[0].file().parent().unwrap()).unwrap();
    assert_eq!(files.count(), cases.len(), "every example is recorded here");
}

/// Every difference between the answers `recorded` and `now`. Request ids, times, builds and
/// rounding of numbers may differ.
fn differences(recorded: &Value, now: &Value, path: &str) -> Vec<String> {
    /// Values that differ from run to run, or from build to build.
    const PASSING: [&str; 6] =
        [".api_req_uid", ".processed_at", ".requested_at", ".commit", ".onnxruntime", ".version"];
    /// Largest difference between scores, and between places in pixels.
    const TOLERANCES: [f64; 2] = [0.02, 2.0];
    let all = |pairs: Vec<(String, &Value, &Value)>| {
        pairs.into_iter().flat_map(|(path, a, b)| differences(a, b, &path)).collect()
    };
    match (recorded, now) {
        _ if PASSING.contains(&path) => Vec::new(),
        (Value::Object(a), Value::Object(b)) => {
            let keys = |object: &serde_json::Map<String, Value>| {
                let keys = object.keys().filter(|key| key.as_str() != "commit");
                keys.cloned().collect::<Vec<_>>()
            };
            if keys(a) != keys(b) {
                return vec![format!("{path}: keys {:?}, not {:?}", keys(b), keys(a))];
            }
            all(keys(a).iter().map(|key| (format!("{path}.{key}"), &a[key], &b[key])).collect())
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let pairs = a.iter().zip(b).enumerate();
            all(pairs.map(|(i, (a, b))| (format!("{path}[{i}]"), a, b)).collect())
        }
        (Value::Number(_), Value::Number(_)) if path.contains(".timings_ms.") => Vec::new(),
        // The number of nodes depends on ONNX Runtime's version.
        (Value::Number(_), Value::Number(_)) if path.contains(".providers.") => Vec::new(),
        (Value::Number(a), Value::Number(b)) => {
            let is_place = matches!(path.rsplit('.').next(), Some("x" | "y"));
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            let is_near = (a - b).abs() <= TOLERANCES[usize::from(is_place)];
            if is_near { Vec::new() } else { vec![format!("{path}: {b}, not {a}")] }
        }
        _ if recorded == now => Vec::new(),
        _ => vec![format!("{path}: {now}, not {recorded}")],
    }
}

#[test]
fn another_key_or_another_type_in_an_answer_is_found() {
    let document = document();
    let schema = &described(&document, V0_2, "post", 200)["schema"];
    let text = std::fs::read_to_string(
        testbed::workspace().join("crates/ingress/src/openapi/examples/kairos_live.json"),
    );
    let good: Value = serde_json::from_str(&text.unwrap()).unwrap();
    assert!(departures(&document, schema, &good).is_empty());
    for (key, value) in [
        ("verdict", json!("live")),
        ("response_code", json!("0")),
        ("processed_at", json!("2026-11-23T00:30:09Z")),
        ("response_data", json!({})),
    ] {
        let mut bad = good.clone();
        bad[key] = value;
        assert!(!departures(&document, schema, &bad).is_empty(), "{key}");
        assert!(!differences(&good, &bad, "").is_empty() || key == "processed_at", "{key}");
    }
}

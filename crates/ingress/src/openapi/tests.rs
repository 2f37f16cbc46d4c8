use std::collections::BTreeSet;

use liveness::{ReasonCode, SecurityLevel, Severity, Verdict};

use super::*;
use crate::routes;

/// Collects every string value of `key` in `value`.
fn strings<'a>(value: &'a Value, key: &str, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get(key).and_then(Value::as_str));
            fields.values().for_each(|inner| strings(inner, key, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| strings(inner, key, found)),
        _ => {}
    }
}

#[test]
fn the_document_equals_the_reviewed_one() {
    let reviewed = include_str!("../../../../docs/openapi.json");
    let now = format!("{:#}\n", document());
    let line = now.lines().zip(reviewed.lines()).find(|(now, reviewed)| now != reviewed);
    assert!(
        now == reviewed,
        "the API differs from docs/openapi.json: run `just openapi` and review the diff; the first \
         line that differs: {line:?}"
    );
}

#[test]
fn the_paths_are_those_of_the_routes() {
    let document = document();
    let documented: BTreeSet<&str> =
        document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let health = [routes::LIVEZ, routes::READYZ, routes::VERSION];
    let real = routes::CHECKS.into_iter().chain(health).chain([OPENAPI, DOCS]);
    assert_eq!(documented, real.collect());
}

#[test]
fn every_reference_has_a_target_and_every_component_is_referenced() {
    let document = document();
    let mut references = BTreeSet::new();
    strings(&document, "$ref", &mut references);
    for reference in &references {
        let target = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(target).is_some(), "{reference}");
    }
    for kind in ["schemas", "responses", "headers"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            let reference = format!("#/components/{kind}/{name}");
            assert!(references.contains(&*reference), "{reference}");
        }
    }
}

#[test]
fn values_in_schemas_are_those_in_responses() {
    let document = document();
    let mut constants = BTreeSet::new();
    let mut of = |schema: &str| {
        constants.clear();
        strings(&document["components"]["schemas"][schema], "const", &mut constants);
        constants.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>()
    };
    let reasons = ReasonCode::ALL.map(|code| code.as_str().to_owned());
    assert_eq!(of("ReasonCode"), reasons.into());
    let levels = SecurityLevel::ALL.map(|level| level.as_str().to_owned());
    assert_eq!(of("SecurityLevel"), levels.into());
    let verdicts = [Verdict::Live, Verdict::Spoof, Verdict::NotAssessed];
    assert_eq!(of("Verdict"), verdicts.map(|verdict| verdict.as_str().to_owned()).into());
    let severities = [Severity::Reject, Severity::Warn];
    assert_eq!(of("Severity"), severities.map(|severity| severity.as_str().to_owned()).into());
}

#[test]
fn every_field_and_every_response_has_a_description() {
    let document = document();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            let words = fields::resolved(&document, property)["description"].as_str();
            let words = property["description"].as_str().or(words);
            assert!(words.is_some_and(|words| !words.is_empty()), "{name}.{key}");
        }
    }
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path}");
            for (status, response) in operation["responses"].as_object().unwrap() {
                let response = fields::resolved(&document, response);
                assert!(response["description"].is_string(), "{method} {path} {status}");
            }
        }
    }
}

#[test]
fn the_page_shows_every_operation_and_error_without_inline_script_or_style() {
    let page = page::html(&document());
    for operation in ["/v0.2/liveness-verification", "/v1/liveness", "/readyz"] {
        assert!(page.contains(&format!("<span class=\"path\">{operation}</span>")), "{operation}");
    }
    for error in crate::documented::ERRORS {
        assert!(page.contains(&format!("id=\"error-{}\"", error.code)), "{}", error.code);
    }
    for field in ["faces[].landmarks.nose", "response_data.faces_predicted[].top_left", "models"] {
        assert!(page.contains(&format!("<code>{field}</code>")), "{field}");
    }
    assert!(!page.contains("<script") && !page.contains("style=") && !page.contains("<style"));
}

//! The responses of checks by status, from the table of errors.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::examples;
use super::schemas::Schemas;
use crate::documented::{Documented, ERRORS, OTHER_RATE_LIMITED, Of, RATE_LIMITED};
use crate::problem;

/// Headers of responses, for references.
pub(super) fn headers() -> Value {
    json!({
        "X-Request-ID": {
            "description": "The request's id: quote it when you ask the operator.",
            "required": true,
            "schema": {"type": "string", "format": "uuid"},
        },
        "Retry-After": {
            "description": "Seconds after which to retry.",
            "required": true,
            "schema": {"type": "integer", "minimum": 1},
        },
        "Server-Timing": {
            "description": "The time of each step, milliseconds; only if the operator switched it \
                on.",
            "schema": {"type": "string"},
        },
    })
}

/// A reference to the header `name`.
fn header(name: &str) -> Value {
    json!({"$ref": format!("#/components/headers/{name}")})
}

/// A response with a JSON body of `schema`, and with the recorded `examples` that exist.
pub(super) fn json_answer(description: &str, schema: &Value, examples: &[&str]) -> Value {
    let mut content = json!({"schema": schema});
    let examples = examples::described(examples);
    if !examples.is_empty() {
        content["examples"] = examples.into();
    }
    json!({
        "description": description,
        "headers": {"X-Request-ID": header("X-Request-ID")},
        "content": {"application/json": content},
    })
}

/// The response 200 of a check, which may have `Server-Timing`.
pub(super) fn checked(description: &str, schema: &Value, examples: &[&str]) -> Value {
    let mut answer = json_answer(description, schema, examples);
    answer["headers"]["Server-Timing"] = header("Server-Timing");
    answer
}

/// The errors that `is_included` picks, by status. Those that all checks share are references.
pub(super) fn errors(
    schemas: &mut Schemas,
    is_included: impl Fn(Of) -> bool,
) -> Map<String, Value> {
    let shared = by_status(is_shared);
    let of_status = |(status, errors)| {
        let answer = if shared.get(&status) == Some(&errors) {
            json!({"$ref": format!("#/components/responses/{}", name(status))})
        } else {
            error(schemas, &errors)
        };
        (status.to_string(), answer)
    };
    by_status(is_included).into_iter().map(of_status).collect()
}

/// The errors that every check shares, for references.
pub(super) fn shared(schemas: &mut Schemas) -> Value {
    let shared = by_status(is_shared).into_iter();
    shared
        .map(|(status, errors)| (name(status), error(schemas, &errors)))
        .collect::<Map<_, _>>()
        .into()
}

fn is_shared(of: Of) -> bool {
    matches!(of, Of::Check | Of::Picture)
}

fn name(status: u16) -> String {
    format!("Error{status}")
}

fn by_status(is_included: impl Fn(Of) -> bool) -> BTreeMap<u16, Vec<&'static Documented>> {
    let mut found: BTreeMap<u16, Vec<&Documented>> = BTreeMap::new();
    for error in ERRORS.iter().filter(|error| is_included(error.of)) {
        found.entry(error.status).or_default().push(error);
        if *error == RATE_LIMITED {
            found.entry(OTHER_RATE_LIMITED).or_default().push(error);
        }
    }
    found
}

/// A response with one of `errors`, which all have the same status.
fn error(schemas: &mut Schemas, errors: &[&Documented]) -> Value {
    let codes: Vec<&str> = errors.iter().map(|error| error.code).collect();
    let lines = errors.iter().map(|error| format!("- `{}`: {}", error.code, error.when));
    let description = lines.collect::<Vec<_>>().join("\n");
    let schema = json!({
        "allOf": [schemas.of::<problem::Body>()],
        "properties": {"error": {"properties": {"code": {"enum": codes}}}},
    });
    let mut answer = json_answer(&description, &schema, &codes);
    if errors.iter().all(|error| error.retry_after) {
        answer["headers"]["Retry-After"] = header("Retry-After");
    } else if errors.iter().any(|error| error.retry_after) {
        // The status is configurable for one code; the other codes have no such header.
        let mut optional = headers()["Retry-After"].take();
        optional["required"] = false.into();
        answer["headers"]["Retry-After"] = optional;
    }
    answer
}

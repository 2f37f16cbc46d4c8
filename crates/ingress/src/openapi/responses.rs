//! What a check can be answered with: by status, from the list of errors.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::examples::{Example, of_error};
use super::schemas::Schemas;
use crate::documented::{Documented, ERRORS, OTHER_RATE_LIMITED, Of, RATE_LIMITED};
use crate::problem;

/// Headers that answers have, to be referred to.
pub(super) fn headers() -> Value {
    json!({
        "X-Request-ID": {
            "description": "The request's name: quote it when you ask the operator.",
            "required": true,
            "schema": {"type": "string", "format": "uuid"},
        },
        "Retry-After": {
            "description": "Come again after so many seconds.",
            "required": true,
            "schema": {"type": "integer", "minimum": 1},
        },
        "Server-Timing": {
            "description": "How long each step took, milliseconds; where the operator has switched it on.",
            "schema": {"type": "string"},
        },
    })
}

/// A reference to the header `name`.
fn header(name: &str) -> Value {
    json!({"$ref": format!("#/components/headers/{name}")})
}

/// An answer with a JSON body of `schema`.
pub(super) fn json_answer(description: &str, schema: &Value, examples: &[&Example]) -> Value {
    let mut content = json!({"schema": schema});
    if !examples.is_empty() {
        content["examples"] =
            examples.iter().map(|example| example.described()).collect::<Map<_, _>>().into();
    }
    json!({
        "description": description,
        "headers": {"X-Request-ID": header("X-Request-ID")},
        "content": {"application/json": content},
    })
}

/// An answer 200 to a check, which may say how long its steps took.
pub(super) fn checked(description: &str, schema: &Value, examples: &[&Example]) -> Value {
    let mut answer = json_answer(description, schema, examples);
    answer["headers"]["Server-Timing"] = header("Server-Timing");
    answer
}

/// The errors that `is_one` picks, by status. What all checks share is referred to.
pub(super) fn errors(schemas: &mut Schemas, is_one: impl Fn(Of) -> bool) -> Map<String, Value> {
    let shared = by_status(is_shared);
    let of_status = |(status, errors)| {
        let answer = if shared.get(&status) == Some(&errors) {
            json!({"$ref": format!("#/components/responses/{}", name(status))})
        } else {
            error(schemas, &errors)
        };
        (status.to_string(), answer)
    };
    by_status(is_one).into_iter().map(of_status).collect()
}

/// The errors that every check can end in, to be referred to.
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

fn by_status(is_one: impl Fn(Of) -> bool) -> BTreeMap<u16, Vec<&'static Documented>> {
    let mut found: BTreeMap<u16, Vec<&Documented>> = BTreeMap::new();
    for error in ERRORS.iter().filter(|error| is_one(error.of)) {
        found.entry(error.status).or_default().push(error);
        if error.code == RATE_LIMITED {
            found.entry(OTHER_RATE_LIMITED).or_default().push(error);
        }
    }
    found
}

/// The answer whose code is one of those of `errors`.
fn error(schemas: &mut Schemas, errors: &[&Documented]) -> Value {
    let codes: Vec<&str> = errors.iter().map(|error| error.code).collect();
    let lines = errors.iter().map(|error| format!("- `{}`: {}", error.code, error.when));
    let description = lines.collect::<Vec<_>>().join("\n");
    let schema = json!({
        "allOf": [schemas.of::<problem::Body>()],
        "properties": {"error": {"properties": {"code": {"enum": codes}}}},
    });
    let examples: Vec<_> = codes.iter().filter_map(|code| of_error(code)).collect();
    let mut answer = json_answer(&description, &schema, &examples);
    if errors.iter().all(|error| error.retry_after) {
        answer["headers"]["Retry-After"] = header("Retry-After");
    } else if errors.iter().any(|error| error.retry_after) {
        // The operator's choice: its other codes come without.
        let mut optional = headers()["Retry-After"].take();
        optional["required"] = false.into();
        answer["headers"]["Retry-After"] = optional;
    }
    answer
}

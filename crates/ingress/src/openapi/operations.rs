//! What can be asked, path by path.

use serde_json::{Map, Value, json};

use super::examples::{self, Example};
use super::requests;
use super::responses::{checked, errors, json_answer};
use super::schemas::Schemas;
use super::{DOCS, OPENAPI};
use crate::batch::BatchAnswer;
use crate::body::Takes;
use crate::config::Config;
use crate::documented::Of;
use crate::health;
use crate::kairos::KairosAnswer;
use crate::router::{LIVEZ, READYZ, V0_1, V0_2, V1, V1_BATCH, VERSION};
use crate::v1::V1Answer;
use crate::version::Version;

const KAIROS: &str = "Kairos";
const LIVENESS: &str = "Livegate";
const OPERATION: &str = "Operation";

/// What operations are grouped by.
pub(super) const TAGS: [(&str, &str); 3] = [
    (KAIROS, "The contract that Kairos documents."),
    (LIVENESS, "Everything there is to say about a selfie."),
    (
        OPERATION,
        "For those who run the service, and for programs that want to know what it can do.",
    ),
];

/// Every path that is answered on the main listener.
pub(super) fn paths(schemas: &mut Schemas) -> Value {
    let [v0_1, v0_2] = ["v0.1", "v0.2"].map(|version| kairos(schemas, version));
    json!({
        (V0_2): {"post": v0_2},
        (V0_1): {"post": v0_1},
        (V1): {"post": v1(schemas)},
        (V1_BATCH): {"post": batch(schemas)},
        (LIVEZ): {"get": livez(schemas)},
        (READYZ): {"get": readyz(schemas)},
        (VERSION): {"get": version(schemas)},
        (OPENAPI): {"get": openapi()},
        (DOCS): {"get": docs()},
    })
}

fn kairos(schemas: &mut Schemas, version: &str) -> Value {
    let smallest = match version {
        "v0.1" => " The operator may set another smallest picture for this path.",
        _ => "",
    };
    let answer = schemas.of::<KairosAnswer>();
    let examples = [&examples::KAIROS_LIVE, &examples::KAIROS_BLANK];
    let mut responses = errors(schemas, |of| matches!(of, Of::Check | Of::Picture));
    let description = "It was checked; `response_code` says with what result.";
    responses.insert("200".to_owned(), checked(description, &answer, &examples));
    json!({
        "operationId": format!("livenessVerification{}", version.replace(['v', '.'], "")),
        "tags": [KAIROS],
        "summary": "Check a selfie, as Kairos documents it",
        "description": format!(
            "One picture in, one score out. Both versions answer alike.{smallest} Numbers have four decimals at most, and \
             keys come in the order of Kairos."
        ),
        "security": credentials(),
        "requestBody": requests::body(Takes::Selfie),
        "responses": responses,
        "x-codeSamples": curl(&format!("/{version}/liveness-verification"), "-F threshold=0.6"),
    })
}

fn v1(schemas: &mut Schemas) -> Value {
    let answer = schemas.of::<V1Answer<'_>>();
    let examples = [&examples::V1_LIVE, &examples::V1_BLANK, &examples::V1_EVERY_FACE];
    let mut responses = errors(schemas, |of| matches!(of, Of::Check | Of::Picture | Of::V1));
    responses.insert("200".to_owned(), checked("It was checked.", &answer, &examples));
    json!({
        "operationId": "liveness",
        "tags": [LIVENESS],
        "summary": "Check a selfie, and say everything there is to say",
        "description": "The same request, with the same limits. What stood in the way of a verdict, or nearly, is in \
            `reasons`, with what was measured, the limit, and a hint for the person holding the camera.",
        "security": credentials(),
        "parameters": [faces()],
        "requestBody": requests::body(Takes::SelfieAndLevel),
        "responses": responses,
        "x-codeSamples": curl(V1, "-F security_level=standard"),
    })
}

fn batch(schemas: &mut Schemas) -> Value {
    let answer = schemas.of::<BatchAnswer<'_>>();
    let mut responses = errors(schemas, |of| matches!(of, Of::Check | Of::V1 | Of::Batch));
    let description = "Every picture has its result, in the order sent.";
    responses.insert("200".to_owned(), json_answer(description, &answer, &[&examples::BATCH]));
    json!({
        "operationId": "livenessBatch",
        "tags": [LIVENESS],
        "summary": "Check several selfies",
        "description": "One result for each picture; a bad one does not spoil the rest. They are judged one after the other, \
            and share one deadline. Each takes a token of the rate and one of the quota when it is its turn, and counts if it \
            got a report. If nothing is left for the first, the whole is refused.",
        "security": credentials(),
        "parameters": [faces()],
        "requestBody": requests::body(Takes::Selfies(Config::default().max_batch)),
        "responses": responses,
        "x-codeSamples": curl(V1_BATCH, "-F selfie=@another.jpg"),
    })
}

/// Which faces are judged.
fn faces() -> Value {
    json!({
        "name": "faces",
        "in": "query",
        "description": "`all`: each of `faces` (the first 16) has an `assessment` of its own. Everything else stays as it is \
            with `one`.",
        "schema": {"type": "string", "enum": ["one", "all"], "default": "one"},
    })
}

fn livez(schemas: &mut Schemas) -> Value {
    let text = "Whether the service lives: 503 says that only a new start helps.";
    health(schemas, "livez", text, "It lives.", "It does not, for these reasons.", &examples::LIVEZ)
}

fn readyz(schemas: &mut Schemas) -> Value {
    let text = "Whether the service should be sent requests. A load balancer asks this.";
    let bad = "Better not, for these reasons.";
    health(schemas, "readyz", text, "It should.", bad, &examples::READYZ)
}

fn health(
    schemas: &mut Schemas,
    id: &str,
    summary: &str,
    good: &str,
    bad: &str,
    example: &Example,
) -> Value {
    let body = schemas.of::<health::Body>();
    let responses = [
        ("200".to_owned(), json_answer(good, &body, &[example])),
        ("503".to_owned(), json_answer(bad, &body, &[])),
    ];
    aside(id, summary, responses)
}

fn version(schemas: &mut Schemas) -> Value {
    let body = schemas.of::<Version>();
    let answer = json_answer("What is running.", &body, &[&examples::VERSION]);
    let summary = "Which build answers, with which models, on what";
    aside("version", summary, [("200".to_owned(), answer)])
}

fn openapi() -> Value {
    let document =
        json!({"type": "object", "required": ["openapi", "info", "paths", "components"]});
    let answer = json_answer("This document.", &document, &[]);
    aside("openapi", "This document: OpenAPI 3.1", [("200".to_owned(), answer)])
}

fn docs() -> Value {
    let mut answer = json_answer("The page.", &json!({"type": "string"}), &[]);
    let content = answer["content"]["application/json"].take();
    answer["content"] = json!({"text/html": content});
    aside(
        "docs",
        "This document as a page, which needs nothing from anywhere else",
        [("200".to_owned(), answer)],
    )
}

/// What is answered without credentials, also where no more requests can be held.
fn aside(id: &str, summary: &str, responses: impl IntoIterator<Item = (String, Value)>) -> Value {
    json!({
        "operationId": id,
        "tags": [OPERATION],
        "summary": summary,
        "security": [],
        "responses": responses.into_iter().collect::<Map<_, _>>(),
    })
}

fn credentials() -> Value {
    json!([{"app_id": [], "app_key": []}])
}

/// The request as a line for a shell.
fn curl(path: &str, more: &str) -> Value {
    let source = format!(
        "curl \"$LIVENESS_URL{path}\" \\\n  \
         -H \"app_id: $LIVENESS_APP_ID\" -H \"app_key: $LIVENESS_APP_KEY\" \\\n  \
         -F selfie=@selfie.jpg {more}"
    );
    json!([{"lang": "Shell", "label": "curl", "source": source}])
}

//! The operations, path by path.

use serde_json::{Value, json};

use super::requests;
use super::responses::{checked, errors, json_answer};
use super::schemas::Schemas;
use crate::batch::BatchAnswer;
use crate::config::Config;
use crate::documented::Of;
use crate::health;
use crate::kairos::KairosAnswer;
use crate::routes::{DOCS, LIVEZ, OPENAPI, READYZ, V0_1, V0_2, V1, V1_BATCH, VERSION};
use crate::takes::Takes;
use crate::v1::V1Answer;
use crate::version::Version;

const KAIROS: &str = "Kairos";
const LIVENESS: &str = "Livegate";
const OPERATION: &str = "Operation";

/// The groups of operations.
pub(super) const TAGS: [(&str, &str); 3] = [
    (KAIROS, "The contract that Kairos documents."),
    (LIVENESS, "The whole report on a selfie."),
    (OPERATION, "For the operator, and for programs that read this description."),
];

/// Every documented path of the main listener.
pub(super) fn paths(schemas: &mut Schemas) -> Value {
    let [v0_1, v0_2] = ["v0.1", "v0.2"].map(|version| kairos(schemas, version));
    let (health, version) = (schemas.of::<health::Body>(), schemas.of::<Version>());
    let alive = json_answer("The service is alive.", &health, &["livez"]);
    let dead = json_answer("The service is dead, for these reasons.", &health, &[]);
    let ready = json_answer("The service is ready.", &health, &["readyz"]);
    let not_ready = json_answer("The service is not ready, for these reasons.", &health, &[]);
    let version = json_answer("The build, the models and the device.", &version, &["version"]);
    let openapi = json!({"type": "object", "required": ["openapi", "info", "paths", "components"]});
    let openapi = json_answer("This document.", &openapi, &[]);
    let mut docs = json_answer("The page.", &json!({"type": "string"}), &[]);
    let page = docs["content"]["application/json"].take();
    docs["content"] = json!({"text/html": page});
    json!({
        (V0_2): {"post": v0_2},
        (V0_1): {"post": v0_1},
        (V1): {"post": v1(schemas)},
        (V1_BATCH): {"post": batch(schemas)},
        (LIVEZ): aside(
            "livez",
            "Whether the service lives: 503 says that only a new start helps.",
            &json!({"200": alive, "503": dead}),
        ),
        (READYZ): aside(
            "readyz",
            "Whether the service should be sent requests. A load balancer asks this.",
            &json!({"200": ready, "503": not_ready}),
        ),
        (VERSION): aside(
            "version",
            "Which build answers, with which models, on what",
            &json!({"200": version}),
        ),
        (OPENAPI): aside("openapi", "This document: OpenAPI 3.1", &json!({"200": openapi})),
        (DOCS): aside(
            "docs",
            "This document as a page, which needs nothing from anywhere else",
            &json!({"200": docs}),
        ),
    })
}

fn kairos(schemas: &mut Schemas, version: &str) -> Value {
    let smallest = match version {
        "v0.1" => " The operator may set another smallest picture for this path.",
        _ => "",
    };
    let answer = schemas.of::<KairosAnswer>();
    let examples = ["kairos_live", "kairos_blank"];
    let description = "The selfie was checked; `response_code` tells the result.";
    let operation = json!({
        "operationId": format!("livenessVerification{}", version.replace(['v', '.'], "")),
        "tags": [KAIROS],
        "summary": "Check a selfie, as Kairos documents it",
        "description": format!(
            "One picture in, one score out. Both versions respond alike.{smallest} Numbers have \
             four decimals at most, and keys come in the order of Kairos."
        ),
        "responses": {"200": checked(description, &answer, &examples)},
        "x-codeSamples": curl(&format!("/{version}/liveness-verification"), "-F threshold=0.6"),
    });
    check(schemas, operation, Takes::Selfie)
}

fn v1(schemas: &mut Schemas) -> Value {
    let answer = schemas.of::<V1Answer<'_>>();
    let examples = ["v1_live", "v1_blank", "v1_every_face"];
    let operation = json!({
        "operationId": "liveness",
        "tags": [LIVENESS],
        "summary": "Check a selfie, and say everything there is to say",
        "description": "The same request, with the same limits. `reasons` tell why the selfie was \
            not assessed, or warn: each has the value measured, the limit, and a hint for the \
            person with the camera.",
        "responses": {"200": checked("The selfie was checked.", &answer, &examples)},
        "x-codeSamples": curl(V1, "-F security_level=standard"),
    });
    check(schemas, operation, Takes::SelfieAndLevel)
}

fn batch(schemas: &mut Schemas) -> Value {
    let answer = schemas.of::<BatchAnswer<'_>>();
    let description = "Every picture has its result, in the order sent.";
    let operation = json!({
        "operationId": "livenessBatch",
        "tags": [LIVENESS],
        "summary": "Check several selfies",
        "description": "One result for each picture; a bad picture fails alone. Pictures are \
            judged one after the other, and share one deadline. Each takes a token of the rate and \
            one of the quota when its turn comes, and counts if it got a report. If none is left \
            for the first picture, the whole request is refused.",
        "responses": {"200": json_answer(description, &answer, &["batch"])},
        "x-codeSamples": curl(V1_BATCH, "-F selfie=@another.jpg"),
    });
    check(schemas, operation, Takes::Selfies(Config::default().max_batch))
}

/// Adds to `operation` the parts that follow from the pictures and terms that a check takes.
fn check(schemas: &mut Schemas, mut operation: Value, takes: Takes) -> Value {
    let errors = errors(schemas, |of| match of {
        Of::Check => true,
        Of::Picture => !matches!(takes, Takes::Selfies(_)),
        Of::V1 => takes.level(),
        Of::Batch => matches!(takes, Takes::Selfies(_)),
        Of::Route => false,
    });
    for (status, error) in errors {
        operation["responses"][status] = error;
    }
    operation["security"] = json!([{"app_id": [], "app_key": []}]);
    operation["requestBody"] = requests::body(takes);
    if takes.level() {
        operation["parameters"] = json!([{
            "name": "faces",
            "in": "query",
            "description": "`all`: each of `faces` (the first 16) has an `assessment` of its own. \
                The rest of the response is the same as with `one`.",
            "schema": {"type": "string", "enum": ["one", "all"], "default": "one"},
        }]);
    }
    operation
}

/// A path that is read without credentials and permit.
fn aside(id: &str, summary: &str, responses: &Value) -> Value {
    json!({
        "get": {
            "operationId": id,
            "tags": [OPERATION],
            "summary": summary,
            "security": [],
            "responses": responses,
        },
    })
}

/// The request as a shell command.
fn curl(path: &str, more: &str) -> Value {
    let source = format!(
        "curl \"$LIVENESS_URL{path}\" \\\n  \
         -H \"app_id: $LIVENESS_APP_ID\" -H \"app_key: $LIVENESS_APP_KEY\" \\\n  \
         -F selfie=@selfie.jpg {more}"
    );
    json!([{"lang": "Shell", "label": "curl", "source": source}])
}

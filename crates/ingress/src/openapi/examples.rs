//! Responses recorded with the pack `starter`. `crates/livegate/tests/program/openapi.rs` records
//! them, and compares them with the present responses.

use serde_json::{Map, Value, json};

/// A recorded response.
#[derive(Debug)]
pub(super) struct Example {
    /// Its name in the document.
    pub name: &'static str,
    pub summary: &'static str,
    /// The body as received.
    pub text: &'static str,
}

macro_rules! examples {
    ($($name:literal $summary:literal)*) => {
        const ALL: &[Example] = &[$(Example {
            name: $name,
            summary: $summary,
            text: include_str!(concat!("examples/", $name, ".json")),
        }),*];
    };
}

examples! {
    "kairos_live" "A living person"
    "kairos_blank" "A picture without a face"
    "v1_live" "A living person"
    "v1_blank" "A picture without a face"
    "v1_every_face" "With `?faces=all`"
    "batch" "A living person, and a picture cut short"
    "livez" "It lives"
    "readyz" "It is ready"
    "version" "With the pack `starter`"
    "missing_selfie" "No picture"
    "invalid_threshold" "A threshold over 1"
    "invalid_security_level" "A level that there is not"
    "invalid_credentials" "A wrong key"
    "unsupported_media_type" "A body of another type"
    "unsupported_image" "No picture of a known kind"
    "unreadable_image" "A picture cut short"
}

/// The example called `name`. An error's example is called by the error's code.
pub(super) fn example(name: &str) -> Option<&'static Example> {
    ALL.iter().find(|example| example.name == name)
}

/// The existing examples of `names`, as the document describes them.
pub(super) fn described(names: &[&str]) -> Map<String, Value> {
    let examples = names.iter().filter_map(|name| example(name));
    let described = examples.map(|Example { name, summary, text }| {
        let value: Value = serde_json::from_str(text).expect("recorded responses are JSON");
        ((*name).to_owned(), json!({"summary": summary, "value": value}))
    });
    described.collect()
}

//! Real answers, recorded from the pack `starter` (`crates/livegate/tests/program/openapi.rs`), which are held against
//! what is answered now.

use serde_json::{Value, json};

/// One answer.
#[derive(Debug)]
pub(super) struct Example {
    /// What the document calls it.
    pub name: &'static str,
    pub summary: &'static str,
    /// As it came.
    pub text: &'static str,
}

macro_rules! examples {
    ($($constant:ident $name:literal $summary:literal)*) => {
        $(pub(super) const $constant: Example = Example {
            name: $name,
            summary: $summary,
            text: include_str!(concat!("examples/", $name, ".json")),
        };)*

        /// All of them.
        pub(super) const ALL: &[Example] = &[$($constant),*];
    };
}

examples! {
    KAIROS_LIVE "kairos_live" "A living person"
    KAIROS_BLANK "kairos_blank" "A picture without a face"
    V1_LIVE "v1_live" "A living person"
    V1_BLANK "v1_blank" "A picture without a face"
    V1_EVERY_FACE "v1_every_face" "With `?faces=all`"
    BATCH "batch" "A living person, and a picture cut short"
    LIVEZ "livez" "It lives"
    READYZ "readyz" "It is ready"
    VERSION "version" "With the pack `starter`"
    MISSING_SELFIE "missing_selfie" "No picture"
    INVALID_THRESHOLD "invalid_threshold" "A threshold over 1"
    INVALID_SECURITY_LEVEL "invalid_security_level" "A level that there is not"
    INVALID_CREDENTIALS "invalid_credentials" "A wrong key"
    UNSUPPORTED_MEDIA_TYPE "unsupported_media_type" "A body of another type"
    UNSUPPORTED_IMAGE "unsupported_image" "No picture of a known kind"
    UNREADABLE_IMAGE "unreadable_image" "A picture cut short"
}

impl Example {
    /// Its name, and what the document says of it.
    pub(super) fn described(&self) -> (String, Value) {
        let value: Value = serde_json::from_str(self.text).expect("recorded answers are JSON");
        (self.name.to_owned(), json!({"summary": self.summary, "value": value}))
    }
}

/// The example called `name`, as it came.
pub(super) fn text(name: &str) -> Option<&'static str> {
    ALL.iter().find(|example| example.name == name).map(|example| example.text)
}

/// The example of an error, which is called as its code.
pub(super) fn of_error(code: &str) -> Option<&'static Example> {
    ALL.iter().find(|example| example.name == code)
}

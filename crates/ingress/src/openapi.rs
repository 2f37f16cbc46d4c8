//! The OpenAPI 3.1 document, made from the types of responses, the table of errors and the paths;
//! and the same as a page.

mod examples;
mod fields;
mod operations;
mod page;
mod requests;
mod responses;
mod schemas;

use serde_json::{Value, json};

use crate::pages::Page;
use crate::routes::{DOCS, DOCS_ICON, DOCS_STYLE, OPENAPI};
use schemas::Schemas;

const DESCRIPTION: &str = "Is this selfie a living person in front of a camera, or a picture of \
    one? Send one picture, get one verdict.\n\n\
    `POST /v0.2/liveness-verification` and `POST /v0.1/liveness-verification` respond as Kairos \
    documents: a client changes its base URL and nothing else. `POST /v1/liveness` takes the same \
    request and responds with the whole report.\n\n\
    Every check needs the headers `app_id` and `app_key`, which the operator gives you; `app-id` \
    and `app-key` are read as well. Every response, errors included, has `X-Request-ID`: quote it \
    when you ask the operator. Header names have no case, times are UTC, and places are in pixels \
    of the picture after its EXIF orientation. Objects have exactly the keys that are described \
    here.\n\n\
    Any other path gets 404 `not_found`; any other method gets 405 `method_not_allowed` with \
    `Allow`.";

/// The service's API as an OpenAPI 3.1 document.
#[must_use]
pub fn document() -> Value {
    let mut schemas = Schemas::new();
    let paths = operations::paths(&mut schemas);
    let responses = responses::shared(&mut schemas);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Livegate API",
            "summary": "Self-hosted face liveness behind the Kairos liveness endpoint",
            "description": DESCRIPTION,
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache License 2.0", "identifier": env!("CARGO_PKG_LICENSE")},
        },
        "servers": [{"url": "/", "description": "The address of this document"}],
        "tags": operations::TAGS.map(|(name, description)| {
            json!({"name": name, "description": description})
        }),
        "paths": paths,
        "components": {
            "securitySchemes": {
                "app_id": api_key("app_id", "The app's id. `app-id` is read as well; if both are sent, \
                    they must be equal."),
                "app_key": api_key("app_key", "The app's key, from the operator. `app-key` is read as \
                    well; if both are sent, they must be equal."),
            },
            "headers": responses::headers(),
            "responses": responses,
            "schemas": schemas.into_components(),
        },
    })
}

fn api_key(header: &str, description: &str) -> Value {
    json!({"type": "apiKey", "in": "header", "name": header, "description": description})
}

/// The document and its page, with the files that the page loads.
pub(crate) fn pages() -> [Page; 4] {
    let document = document();
    [
        Page { path: OPENAPI, body: document.to_string().into() },
        Page { path: DOCS, body: page::html(&document).into() },
        Page::new(DOCS_STYLE, include_str!("openapi/page.css")),
        Page::new(DOCS_ICON, include_str!("console/icon.svg")),
    ]
}

#[cfg(test)]
mod tests;

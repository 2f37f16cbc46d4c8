//! What the service says of itself: OpenAPI 3.1, made of the types that it answers with, of the list of its errors
//! and of the router's paths, so that none of them changes unseen; and the same as a page for people.

mod examples;
mod fields;
mod operations;
mod page;
mod requests;
mod responses;
mod schemas;

use std::borrow::Cow;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::pages::Page;
use schemas::Schemas;

/// Where the document is.
pub(crate) const OPENAPI: &str = "/openapi.json";
/// Where the page is.
pub(crate) const DOCS: &str = "/docs";
const DOCS_STYLE: &str = "/docs.css";
/// Without one a browser asks for `/favicon.ico`, which is 404.
const DOCS_ICON: &str = "/docs.svg";

/// Both, and what the page loads.
pub(crate) const PATHS: [&str; 4] = [OPENAPI, DOCS, DOCS_STYLE, DOCS_ICON];

const DESCRIPTION: &str = "Is this selfie a living person in front of a camera, or a picture of one? Send one picture, \
    get one verdict.\n\n\
    `POST /v0.2/liveness-verification` and `POST /v0.1/liveness-verification` answer as Kairos documents them: a client \
    changes its base URL and nothing else. `POST /v1/liveness` takes the same request and answers everything there is to \
    say.\n\n\
    Every check needs the headers `app_id` and `app_key`, from whoever runs the service; `app-id` and `app-key` are read \
    as well. Every answer, errors included, has `X-Request-ID`: quote it when you ask the operator. Header names have no \
    case, times are UTC, and places are in pixels of the picture as a person sees it, after its EXIF orientation. Objects \
    have exactly the keys that are described here.\n\n\
    A path that is not here is answered 404 `not_found`, another method 405 `method_not_allowed` with `Allow`.";

/// The service's API as an OpenAPI 3.1 document.
#[must_use]
pub fn document() -> Value {
    let mut schemas = Schemas::new();
    let paths = operations::paths(&mut schemas);
    let responses = responses::shared(&mut schemas);
    let key = |name: &str, description: &str| json!({"type": "apiKey", "in": "header", "name": name, "description": description});
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Livegate API",
            "summary": "Self-hosted face liveness behind the Kairos liveness endpoint",
            "description": DESCRIPTION,
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "Apache License 2.0", "identifier": env!("CARGO_PKG_LICENSE")},
        },
        "servers": [{"url": "/", "description": "Wherever this document came from"}],
        "tags": operations::TAGS.map(|(name, description)| {
            json!({"name": name, "description": description})
        }),
        "paths": paths,
        "components": {
            "securitySchemes": {
                "app_id": key("app_id", "Which app is calling. `app-id` is read as well; where both come, they must \
                    say the same."),
                "app_key": key("app_key", "Its key, from whoever runs the service. `app-key` is read as well; where \
                    both come, they must say the same."),
            },
            "headers": responses::headers(),
            "responses": responses,
            "schemas": schemas.into_components(),
        },
    })
}

/// The document as it is served, made once.
static TEXT: LazyLock<String> = LazyLock::new(|| document().to_string());
static PAGE: LazyLock<String> = LazyLock::new(|| page::html(&document()));

/// The document and the page.
pub(crate) fn pages() -> [Page; 4] {
    let json = Page { path: OPENAPI, media_type: "application/json", body: Cow::Borrowed(&TEXT) };
    let style = Page::css(DOCS_STYLE, include_str!("openapi/page.css"));
    let icon = Page::svg(DOCS_ICON, include_str!("console/icon.svg"));
    [json, Page::html(DOCS, &PAGE), style, icon]
}

#[cfg(test)]
mod tests;

//! The operator's page: what `/metrics`, `/readyz` and `/version` say, for people, and the last refusals. Its scripts
//! ask this listener alone, every two seconds.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use crate::pages::Page;
use crate::recent::Refusal;
use crate::router::{Service, json};

/// Every file of it.
pub(crate) fn pages() -> [Page; 6] {
    [
        Page::html("/", include_str!("operator/index.html")),
        Page::css("/operator.css", include_str!("operator/operator.css")),
        Page::svg("/operator.svg", include_str!("operator/operator.svg")),
        Page::js("/operator.js", include_str!("operator/operator.js")),
        Page::js("/operator/exposition.js", include_str!("operator/exposition.js")),
        Page::js("/operator/history.js", include_str!("operator/history.js")),
    ]
}

#[derive(Serialize)]
struct Body {
    refusals: Vec<Refusal>,
}

/// `/recent-refusals`
pub(crate) async fn recent_refusals(State(service): State<Service>) -> Response {
    json(&Body { refusals: service.recent.list() })
}

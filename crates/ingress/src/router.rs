//! Every route and every layer, in order.

use std::sync::Arc;

use accounts::Accounts;
use axum::Router;
use axum::extract::Extension;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Serialize;

use crate::admission::{Admission, admit};
use crate::answer::{Endpoint, answer};
use crate::config::Config;
use crate::cors;
use crate::envelope::{Arrival, envelop};
use crate::linger::linger;
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::workers::Workers;

/// Every path that is answered.
pub(crate) const PATHS: [&str; 3] = [V0_1, V0_2, V1];
/// Requests to any other path, to whoever counts them.
pub(crate) const OTHER: &str = "other";
const V0_1: &str = "/v0.1/liveness-verification";
const V0_2: &str = "/v0.2/liveness-verification";
const V1: &str = "/v1/liveness";

/// What handlers work with.
#[derive(Clone)]
pub(crate) struct Service {
    pub config: Arc<Config>,
    pub accounts: Arc<Accounts>,
    pub workers: Arc<Workers>,
    pub metrics: Arc<Metrics>,
}

/// From the outside in: name and headers, browsers' preflights, reading on after errors, a permit, the
/// route. Handlers then look at credentials, limits, body and picture, in this order.
pub(crate) fn router(service: Service, admission: Admission) -> Router {
    let cors = cors::layer(&service.config.cors_allowed_origins);
    let metrics = Arc::clone(&service.metrics);
    let router = Router::new()
        .route(V0_1, post(|s, a, h, b| answer(Endpoint::KairosV0_1, s, a, h, b)))
        .route(V0_2, post(|s, a, h, b| answer(Endpoint::KairosV0_2, s, a, h, b)))
        .route(V1, post(|s, a, h, b| answer(Endpoint::V1, s, a, h, b)))
        .method_not_allowed_fallback(refuse_method)
        .fallback(refuse_path)
        .with_state(service)
        .layer(from_fn_with_state(admission, admit))
        .layer(from_fn(linger));
    let router = match cors {
        Some(cors) => router.layer(cors).layer(from_fn(cors::refuse_other_options)),
        None => router,
    };
    router.layer(from_fn_with_state(metrics, envelop))
}

async fn refuse_path(Extension(arrival): Extension<Arrival>) -> Response {
    Problem::NotFound.respond(arrival)
}

async fn refuse_method(Extension(arrival): Extension<Arrival>) -> Response {
    Problem::MethodNotAllowed.respond(arrival)
}

/// A JSON body of known length. Its media type is the envelope's business, as every answer has it.
pub(crate) fn json(body: &impl Serialize) -> impl IntoResponse {
    serde_json::to_vec(body).expect("answers hold strings and finite numbers only")
}

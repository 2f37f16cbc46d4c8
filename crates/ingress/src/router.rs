//! Every route and every layer, in order.

use std::sync::Arc;

use accounts::Accounts;
use axum::Router;
use axum::extract::{Extension, State};
use axum::http::header;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;

use crate::admin::{Gauges, metrics};
use crate::admission::{Admission, admit};
use crate::answer::{Endpoint, answer};
use crate::config::Config;
use crate::console;
use crate::cors;
use crate::envelope::{Arrival, Notes, envelop};
use crate::health::{Health, livez, readyz};
use crate::linger::linger;
use crate::metrics::Metrics;
use crate::openapi;
use crate::operator;
use crate::pages;
use crate::problem::Problem;
use crate::recent::Recent;
use crate::version::Version;
use crate::workers::Workers;

/// Every path that is answered.
pub(crate) const PATHS: [&str; 4] = [V0_1, V0_2, V1, V1_BATCH];
pub(crate) const V0_1: &str = "/v0.1/liveness-verification";
pub(crate) const V0_2: &str = "/v0.2/liveness-verification";
pub(crate) const V1: &str = "/v1/liveness";
pub(crate) const V1_BATCH: &str = "/v1/liveness/batch";

pub(crate) const LIVEZ: &str = "/livez";
pub(crate) const READYZ: &str = "/readyz";
pub(crate) const VERSION: &str = "/version";
const METRICS: &str = "/metrics";
const RECENT_REFUSALS: &str = "/recent-refusals";

/// What metrics call every other path.
pub(crate) const OTHER: &str = "other";

/// Whether probes ask there, over and over, or people look there. It is no work of the service: it takes no
/// credentials and no permit, and is not counted.
pub(crate) fn is_aside(path: &str) -> bool {
    [LIVEZ, READYZ, VERSION].contains(&path)
        || openapi::PATHS.contains(&path)
        || console::is_console(path)
}

/// What handlers work with.
#[derive(Clone)]
pub(crate) struct Service {
    pub config: Arc<Config>,
    pub accounts: Arc<Accounts>,
    pub workers: Arc<Workers>,
    pub health: Health,
    pub metrics: Arc<Metrics>,
    pub recent: Arc<Recent>,
    pub version: Arc<Version>,
}

/// From the outside in: name and headers, browsers' preflights, reading on after errors, a permit, the
/// route. Health and pages need no permit. Handlers then look at credentials, limits, body and picture, in this order.
pub(crate) fn router(service: Service, admission: Admission) -> Router {
    let cors = cors::layer(&service.config.cors_allowed_origins);
    let notes =
        Some(Notes { metrics: Arc::clone(&service.metrics), recent: Arc::clone(&service.recent) });
    let api = Router::new()
        .route(V0_1, post(|s, a, r| answer(Endpoint::KairosV0_1, s, a, r)))
        .route(V0_2, post(|s, a, r| answer(Endpoint::KairosV0_2, s, a, r)))
        .route(V1, post(|s, a, r| answer(Endpoint::V1, s, a, r)))
        .route(V1_BATCH, post(|s, a, r| answer(Endpoint::V1Batch, s, a, r)))
        .method_not_allowed_fallback(refuse_method)
        .fallback(refuse_path)
        .with_state(service.clone())
        .layer(from_fn_with_state(admission, admit));
    let pages = if service.config.console { console::PAGES.to_vec() } else { Vec::new() };
    let router = health()
        .merge(pages::routes(pages))
        .merge(pages::routes(openapi::pages()))
        .method_not_allowed_fallback(refuse_method)
        .with_state(service)
        .fallback_service(api)
        .layer(from_fn(linger));
    let router = match cors {
        Some(cors) => router.layer(cors).layer(from_fn(cors::refuse_other_options)),
        None => router,
    };
    router.layer(from_fn_with_state(notes, envelop))
}

/// For those who run it.
pub(crate) fn admin_router(service: Service, gauges: Gauges) -> Router {
    let metrics = Router::new().route(METRICS, get(metrics)).with_state(Arc::new(gauges));
    health()
        .route(RECENT_REFUSALS, get(operator::recent_refusals))
        .merge(pages::routes(operator::pages()))
        .with_state(service)
        .merge(metrics)
        .method_not_allowed_fallback(refuse_method)
        .fallback(refuse_path)
        .layer(from_fn(linger))
        .layer(from_fn_with_state(None, envelop))
}

/// Whether it lives, whether it is to be sent requests, and what it is.
fn health() -> Router<Service> {
    Router::new()
        .route(LIVEZ, get(livez))
        .route(READYZ, get(readyz))
        .route(VERSION, get(async |State(service): State<Service>| json(&*service.version)))
}

async fn refuse_path(Extension(arrival): Extension<Arrival>) -> Response {
    Problem::NotFound.respond(arrival)
}

async fn refuse_method(Extension(arrival): Extension<Arrival>) -> Response {
    Problem::MethodNotAllowed.respond(arrival)
}

/// A JSON body of known length.
pub(crate) fn json(body: &impl Serialize) -> Response {
    let body = serde_json::to_vec(body).expect("answers hold strings and finite numbers only");
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

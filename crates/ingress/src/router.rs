//! Every route and every layer, in order.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::admin::{self, Gauges, metrics};
use crate::answer::{Endpoint, answer};
use crate::arrival::Arrival;
use crate::console;
use crate::cors;
use crate::envelope::envelop;
use crate::health;
use crate::host_header::require_one_host;
use crate::linger::{Drains, linger};
use crate::openapi;
use crate::operator;
use crate::pages;
use crate::problem::Problem;
use crate::respond::json;
use crate::routes::{LIVEZ, METRICS, READYZ, RECENT_REFUSALS, V0_1, V0_2, V1, V1_BATCH, VERSION};
use crate::service::Service;

/// The main listener. Layers from the outside in: id and headers, browsers' preflights, draining
/// bodies after errors, the `Host` header, the route. Handlers then check credentials, the app's
/// place, limits, body and picture, in this order.
pub(crate) fn router(service: Service) -> Router {
    let cors = cors::layer(&service.config.cors_allowed_origins);
    let recorded = Some(service.clone());
    let drains = Drains::new(service.config.max_connections);
    let api = Router::new()
        .route(V0_1, post(|s, a, r| answer(Endpoint::KairosV0_1, s, a, r)))
        .route(V0_2, post(|s, a, r| answer(Endpoint::KairosV0_2, s, a, r)))
        .route(V1, post(|s, a, r| answer(Endpoint::V1, s, a, r)))
        .route(V1_BATCH, post(|s, a, r| answer(Endpoint::V1Batch, s, a, r)))
        .method_not_allowed_fallback(refuse_method)
        .fallback(refuse_path)
        .with_state(service.clone());
    let console = service.config.console.then_some(console::PAGES);
    let router = health_routes()
        .merge(pages::routes(console.into_iter().flatten()))
        .merge(pages::routes(openapi::pages()))
        .method_not_allowed_fallback(refuse_method)
        .with_state(service)
        .fallback_service(api)
        .layer(from_fn(require_one_host))
        .layer(from_fn_with_state(drains, linger));
    let router = match cors {
        Some(cors) => router.layer(cors).layer(from_fn(cors::refuse_other_options)),
        None => router,
    };
    router.layer(from_fn_with_state(recorded, envelop))
}

/// The admin listener, for the operator.
pub(crate) fn admin_router(service: Service, gauges: Gauges) -> Router {
    let metrics = Router::new().route(METRICS, get(metrics)).with_state(Arc::new(gauges));
    health_routes()
        .route(RECENT_REFUSALS, get(recent_refusals))
        .merge(pages::routes(operator::PAGES))
        .with_state(service)
        .merge(metrics)
        .method_not_allowed_fallback(refuse_method)
        .fallback(refuse_path)
        .layer(from_fn(require_one_host))
        .layer(from_fn_with_state(Drains::new(admin::MAX_CONNECTIONS), linger))
        .layer(from_fn_with_state(None, envelop))
}

/// Liveness, readiness and version, on both listeners.
fn health_routes() -> Router<Service> {
    Router::new().route(LIVEZ, get(livez)).route(READYZ, get(readyz)).route(VERSION, get(version))
}

async fn livez(State(service): State<Service>) -> Response {
    tell_health("ok", "dead", health::not_live(&service))
}

async fn readyz(State(service): State<Service>) -> Response {
    tell_health("ready", "not_ready", health::not_ready(&service))
}

fn tell_health(good: &'static str, bad: &'static str, reasons: Vec<String>) -> Response {
    let (code, status) = match reasons[..] {
        [] => (StatusCode::OK, good),
        _ => (StatusCode::SERVICE_UNAVAILABLE, bad),
    };
    (code, json(&health::Body { status, reasons })).into_response()
}

async fn version(State(service): State<Service>) -> Response {
    json(&*service.version)
}

async fn recent_refusals(State(service): State<Service>) -> Response {
    json(&operator::RecentRefusals { refusals: service.recent.list() })
}

async fn refuse_path(Extension(arrival): Extension<Arrival>) -> Response {
    Problem::NotFound.respond(arrival)
}

async fn refuse_method(Extension(arrival): Extension<Arrival>) -> Response {
    Problem::MethodNotAllowed.respond(arrival)
}

//! The outermost layer: a request's id, the headers of every response, and the record of the
//! outcome in metrics, traces and the log.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::FutureExt;
use tracing::{Instrument, Span};

use crate::arrival::{Arrival, ContractTime, REQUEST_ID};
use crate::linger::ReadOn;
use crate::problem::{Failed, Problem};
use crate::recent::Refusal;
use crate::requester::{Requester, proxy_id};
use crate::respond::milliseconds;
use crate::routes::{CHECKS, OK, OTHER, is_aside};
use crate::service::Service;
use crate::trace;
use crate::workers::{WorkerError, panic_message};

/// The headers of every response.
const FIXED: [(HeaderName, HeaderValue); 3] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        header::STRICT_TRANSPORT_SECURITY,
        HeaderValue::from_static("max-age=86400; includeSubDomains"),
    ),
];

/// Gives the request its id and the response its headers. Counts, times and traces the request, and
/// logs one line. Probes and pages are not counted and log at `debug`; so does all of the admin
/// listener, where `service` is `None`.
pub(crate) async fn envelop(
    State(service): State<Option<Service>>,
    mut request: Request,
    next: Next,
) -> Response {
    let arrival = Arrival::now();
    request.extensions_mut().insert(arrival);
    let mut record = Record::begin(arrival, &request, service);
    if let Some(requester) = record.requester() {
        request.extensions_mut().insert(requester);
    }
    // Inner layers and handlers panic only for a bug of the service. Their state is dropped.
    let response = next.run(request).instrument(record.span.clone());
    let response = AssertUnwindSafe(response).catch_unwind().await;
    let mut response = response.unwrap_or_else(|payload| {
        let error = WorkerError::Panicked(panic_message(&*payload));
        Problem::from(error).respond(arrival)
    });
    // Pages and metrics have set a type of their own. Preflights have no body.
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().entry(header::CONTENT_TYPE).or_insert(json);
    for (name, value) in FIXED {
        response.headers_mut().insert(name, value);
    }
    let id = HeaderValue::from_str(&arrival.id.to_string()).expect("a UUID is ASCII");
    response.headers_mut().insert(REQUEST_ID, id);
    record.end(&mut response);
    response
}

/// A request under way. Without [`Record::end`], its drop records that the caller left before the
/// response.
struct Record {
    arrival: Arrival,
    method: Method,
    path: String,
    route: Option<&'static str>,
    /// The id that a proxy gave the request.
    proxy_id: Option<String>,
    requester: Requester,
    /// `None` for probes and pages.
    service: Option<Service>,
    span: Span,
    is_ended: bool,
}

impl Record {
    fn begin(arrival: Arrival, request: &Request, service: Option<Service>) -> Self {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let route = CHECKS.into_iter().find(|route| *route == path);
        let service = service.filter(|_| !is_aside(&path));
        let span = match service {
            Some(_) => trace::begin(&method, route, request.headers(), arrival.id),
            None => Span::none(),
        };
        let proxy_id = proxy_id(request.headers()).map(str::to_owned);
        let requester = Requester::default();
        let is_ended = false;
        Self { arrival, method, path, route, proxy_id, requester, service, span, is_ended }
    }

    /// Takes the request's app, unless that is not to be logged.
    fn requester(&self) -> Option<Requester> {
        let is_logged = self.service.as_ref().is_some_and(|service| service.config.log_app_ids);
        is_logged.then(|| self.requester.clone())
    }

    /// Records the outcome in `response`.
    fn end(&mut self, response: &mut Response) {
        self.is_ended = true;
        let extensions = response.extensions_mut();
        let read_on = extensions.remove::<ReadOn>().map_or(Duration::ZERO, |read_on| read_on.0);
        let failed = extensions.remove::<Failed>();
        let Failed { code, cause } = failed.unwrap_or(Failed { code: OK, cause: None });
        let duration = self.arrival.instant.elapsed().saturating_sub(read_on);
        self.note(response.status(), code, duration);
        let (request_id, status) = (self.arrival.id, response.status().as_u16());
        let (app_id, proxy_request_id) = (self.requester.app_id(), self.proxy_id.as_deref());
        // The caller chooses these: they are cut, and the log's formatter quotes and escapes them.
        let method: String = self.method.as_str().chars().take(20).collect();
        let path: String = self.path.chars().take(100).collect();
        let duration_ms = milliseconds(duration);
        let trace_id = trace::id(&self.span).map(tracing::field::display);
        if let Some(cause) = cause {
            tracing::error!(
                %request_id, proxy_request_id, app_id, %method, path, status, code, duration_ms,
                cause, trace_id, "failed"
            );
        } else if self.service.is_none() {
            tracing::debug!(%request_id, %method, path, status, code, "asked how it is");
        } else {
            let event = if code == OK { "answered" } else { "refused" };
            tracing::info!(
                %request_id, proxy_request_id, app_id, %method, path, status, code, duration_ms,
                trace_id, "{event}"
            );
        }
    }

    /// Counts and traces the outcome, unless the request was for a probe or a page.
    fn note(&self, status: StatusCode, code: &'static str, duration: Duration) {
        let Some(service) = &self.service else { return };
        let route = self.route.unwrap_or(OTHER);
        service.metrics.count_request(route, status, code, duration);
        if status != StatusCode::OK {
            service.recent.add(Refusal {
                requested_at: ContractTime(self.arrival.at),
                request_id: self.arrival.id,
                route,
                status: status.as_u16(),
                code,
                duration_ms: milliseconds(duration),
            });
        }
        trace::note_answer(&self.span, status, code);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        /// As in nginx' logs; no response has this status.
        const STATUS: u16 = 499;
        const CODE: &str = "client_gone";
        if self.is_ended || self.service.is_none() {
            return;
        }
        let status = StatusCode::from_u16(STATUS).expect("it has three digits");
        let duration = self.arrival.instant.elapsed();
        self.note(status, CODE, duration);
        let (request_id, path) = (self.arrival.id, self.route.unwrap_or(OTHER));
        let (app_id, proxy_request_id) = (self.requester.app_id(), self.proxy_id.as_deref());
        let duration_ms = milliseconds(duration);
        let trace_id = trace::id(&self.span).map(tracing::field::display);
        tracing::info!(
            %request_id, proxy_request_id, app_id, path, status = STATUS, code = CODE, duration_ms,
            trace_id, "given up"
        );
    }
}

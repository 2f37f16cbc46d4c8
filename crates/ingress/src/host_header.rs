//! The `Host` header, which every HTTP/1.1 request must have once (RFC 9112, section 3.2): a proxy
//! in front may have chosen this service by another one.

use axum::extract::{Extension, Request};
use axum::http::{Version, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::arrival::Arrival;
use crate::problem::Problem;

/// Refuses a request without `Host`, or with several.
pub(crate) async fn require_one_host(
    Extension(arrival): Extension<Arrival>,
    request: Request,
    next: Next,
) -> Response {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    if request.version() == Version::HTTP_11 && hosts != 1 {
        let message = "An HTTP/1.1 request has one `Host` header; this one has none or several.";
        return Problem::MalformedBody(message).respond(arrival);
    }
    next.run(request).await
}

//! One picture: its place in the quota, and its report, both before the request's deadline.

use std::sync::Arc;

use accounts::{Caller, Hold};
use axum::body::Bytes;
use liveness::Terms;
use tokio::time::sleep_until;
use tracing::{Instrument, info_span};

use crate::admission::Place;
use crate::problem::Problem;
use crate::service::Service;
use crate::trace;
use crate::workers::Checked;

/// Holds one picture of the caller's quota and takes a token of its rate. The hold goes back when
/// it is dropped uncounted.
pub(crate) async fn hold_quota(service: &Service, caller: &Caller) -> Result<Hold, Problem> {
    let hold = service.accounts.hold(caller).instrument(info_span!("limits")).await;
    hold.map_err(|denial| {
        service.metrics.count_denial(&denial);
        Problem::denied(denial, service.config.rate_limited_status)
    })
}

/// Has a worker check one picture, and counts the report.
pub(crate) async fn judge(
    service: &Service,
    selfie: Bytes,
    terms: Terms,
    place: &Arc<Place>,
) -> Result<Checked, Problem> {
    let checking = service.workers.check(selfie, terms, place);
    let checked = in_time(place, checking).await?;
    service.metrics.count_report(checked.queued, &checked.report);
    trace::note_report(&checked.report);
    Ok(checked)
}

/// The outcome of `step`, or a problem at the deadline, or when another app gets the place.
pub(crate) async fn in_time<T, E: Into<Problem>>(
    place: &Place,
    step: impl Future<Output = Result<T, E>>,
) -> Result<T, Problem> {
    tokio::select! {
        biased;
        outcome = step => outcome.map_err(Into::into),
        () = place.lost() => Err(Problem::Overloaded),
        () = sleep_until(place.deadline.into()) => Err(Problem::DeadlineExceeded),
    }
}

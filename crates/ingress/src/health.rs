//! Whether the service lives, and whether it should be sent requests: for orchestrators and load balancers.

use std::sync::Arc;
use std::time::Duration;

use accounts::Accounts;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use crate::life::{Life, Stage};
use crate::router::{Service, json};
use crate::vitals::{Activity, Vitals};
use crate::workers::Workers;

/// A worker that has not inferred for so long is not one to send selfies to. An idle one tries every
/// 20 s.
const INFERRED_WITHIN: Duration = Duration::from_mins(1);
/// A worker that has been busy with one thing for so long will not come back. The slowest picture that is taken costs
/// about ten seconds.
const STUCK_AFTER: Duration = Duration::from_mins(2);

const NOBODY_COUNTS: &str = "the thread for accounts has ended";

/// What is asked when somebody asks how it goes.
#[derive(Debug, Clone)]
pub(crate) struct Health {
    workers: Arc<Workers>,
    accounts: Arc<Accounts>,
    life: Life,
}

/// How it goes.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Health")]
pub(crate) struct Body {
    /// `ok` or `dead` (`/livez`), `ready` or `not_ready` (`/readyz`).
    status: &'static str,
    /// What speaks against it; left out where nothing does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
}

impl Health {
    pub(crate) fn new(workers: Arc<Workers>, accounts: Arc<Accounts>, life: Life) -> Self {
        Self { workers, accounts, life }
    }

    /// What speaks against sending it requests; nothing where it is ready.
    pub(crate) fn not_ready(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.life.stage() != Stage::Serving {
            reasons.push("shutting down".to_owned());
        }
        if !self.accounts.health().is_alive {
            reasons.push(NOBODY_COUNTS.to_owned());
        } else if !self.accounts.lets_in() {
            reasons.push("the accounts store cannot be used".to_owned());
        }
        for (i, Vitals { activity, since, since_inference, .. }) in
            self.workers.vitals().enumerate()
        {
            if activity == Activity::Lost {
                let since = since.as_secs();
                reasons.push(format!("worker {i} cannot infer ({activity} for {since} s)"));
            } else if since_inference > INFERRED_WITHIN {
                let (since, inference) = (since.as_secs(), since_inference.as_secs());
                reasons.push(format!(
                    "worker {i} has not inferred for {inference} s ({activity} for {since} s)"
                ));
            }
        }
        reasons
    }

    /// What only a new start can mend; nothing where it lives.
    pub(crate) fn not_live(&self) -> Vec<String> {
        let stuck = self.workers.vitals().enumerate().filter_map(|(i, vitals)| {
            let Vitals { activity, since, .. } = vitals;
            let is_lost = match activity {
                Activity::Busy => since > STUCK_AFTER,
                Activity::Gone | Activity::Lost => true,
                // It tries again by itself, and a new start would meet the same.
                Activity::Idle | Activity::Rebuilding => false,
            };
            is_lost.then(|| format!("worker {i} is lost ({activity} for {} s)", since.as_secs()))
        });
        let nobody_counts = (!self.accounts.health().is_alive).then(|| NOBODY_COUNTS.to_owned());
        stuck.chain(nobody_counts).collect()
    }
}

/// `/livez`
pub(crate) async fn livez(State(service): State<Service>) -> Response {
    respond("ok", "dead", service.health.not_live())
}

/// `/readyz`
pub(crate) async fn readyz(State(service): State<Service>) -> Response {
    respond("ready", "not_ready", service.health.not_ready())
}

fn respond(good: &'static str, bad: &'static str, reasons: Vec<String>) -> Response {
    let is_good = reasons.is_empty();
    let code = if is_good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = Body { status: if is_good { good } else { bad }, reasons };
    (code, json(&body)).into_response()
}

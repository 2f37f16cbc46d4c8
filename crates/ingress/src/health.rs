//! Liveness and readiness, for orchestrators and load balancers.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use crate::life::Stage;
use crate::service::Service;
use crate::vitals::{Activity, Vitals};

/// A worker that has not inferred for this long makes the service not ready. An idle worker proves
/// itself every 20 s.
const INFERRED_WITHIN: Duration = Duration::from_mins(1);
/// A worker that has been busy with one selfie for this long will not return. The slowest picture
/// takes about 10 s.
const STUCK_AFTER: Duration = Duration::from_mins(2);

const ACCOUNTS_THREAD_ENDED: &str = "the thread for accounts has ended";

/// The state of the service.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Health")]
pub(crate) struct Body {
    /// `ok` or `dead` (`/livez`), `ready` or `not_ready` (`/readyz`).
    pub status: &'static str,
    /// Why the service is dead or not ready; left out otherwise.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

/// The reasons why a load balancer should send no requests; empty if the service is ready.
pub(crate) fn not_ready(service: &Service) -> Vec<String> {
    let mut reasons = Vec::new();
    if service.life.stage() != Stage::Serving {
        reasons.push("shutting down".to_owned());
    }
    if !service.accounts.health().is_alive {
        reasons.push(ACCOUNTS_THREAD_ENDED.to_owned());
    } else if !service.accounts.lets_in() {
        let trouble = service.accounts.trouble();
        let cause = trouble.map_or_else(String::new, |trouble| format!(": {trouble}"));
        reasons.push(format!("the accounts store cannot be used{cause}"));
    }
    for (i, vitals) in service.workers.vitals().enumerate() {
        let Vitals { activity, since, .. } = vitals;
        let (since, since_inference) = (since.elapsed().as_secs(), vitals.since_inference());
        if activity == Activity::Lost {
            reasons.push(format!("worker {i} cannot infer ({activity} for {since} s)"));
        } else if since_inference > INFERRED_WITHIN {
            reasons.push(format!(
                "worker {i} has not inferred for {} s ({activity} for {since} s)",
                since_inference.as_secs()
            ));
        }
    }
    reasons
}

/// The reasons why only a new process can help; empty if the service is alive.
pub(crate) fn not_live(service: &Service) -> Vec<String> {
    let lost = service.workers.vitals().enumerate().filter_map(|(i, vitals)| {
        let (activity, since) = (vitals.activity, vitals.since.elapsed());
        let is_lost = match activity {
            Activity::Busy => since > STUCK_AFTER,
            Activity::Gone | Activity::Lost => true,
            // A rebuilding worker retries by itself, and a new process would fail the same way.
            Activity::Idle | Activity::Rebuilding => false,
        };
        is_lost.then(|| format!("worker {i} is lost ({activity} for {} s)", since.as_secs()))
    });
    let is_counting = service.accounts.health().is_alive;
    lost.chain((!is_counting).then(|| ACCOUNTS_THREAD_ENDED.to_owned())).collect()
}

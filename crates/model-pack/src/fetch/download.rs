//! Plain downloads over HTTPS, or HTTP from a mirror.

use std::io::Read;
use std::time::Duration;

use crate::fetch::{FetchError, REACH_LIMIT};

/// Maximum time of a whole body.
const BODY_LIMIT: Duration = Duration::from_mins(15);

/// The body at `url`. Name lookup, connection and response head get a third of [`REACH_LIMIT`]
/// each.
pub(crate) fn get(url: &str) -> Result<impl Read + use<>, FetchError> {
    let share = REACH_LIMIT / 3;
    let config = ureq::Agent::config_builder()
        .timeout_resolve(Some(share))
        .timeout_connect(Some(share))
        .timeout_recv_response(Some(share))
        .timeout_recv_body(Some(BODY_LIMIT))
        .timeout_per_read(Some(REACH_LIMIT))
        .user_agent(concat!("livegate/", env!("CARGO_PKG_VERSION")))
        .build();
    match ureq::Agent::new_with_config(config).get(url).call() {
        Ok(response) => Ok(response.into_body().into_reader()),
        Err(ureq::Error::Timeout(_)) => Err(FetchError::Unreachable),
        Err(error) => Err(FetchError::Http(Box::new(error))),
    }
}

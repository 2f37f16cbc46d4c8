//! When a request came, its id, and the fields that every body begins with.

use std::time::Instant;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::macros::format_description;
use uuid::Uuid;

/// The header with the id of an answer, and with the id that a proxy gives a request.
pub(crate) const REQUEST_ID: &str = "x-request-id";

/// When a request came, and its id.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    /// Made by the service. An id that the caller sends is only logged beside it.
    pub id: Uuid,
    pub at: OffsetDateTime,
    pub instant: Instant,
}

impl Arrival {
    pub(crate) fn now() -> Self {
        Self { id: Uuid::new_v4(), at: OffsetDateTime::now_utc(), instant: Instant::now() }
    }
}

/// A time as Kairos writes it: UTC, `YYYY-MM-DD HH:MM:SS`.
#[derive(Debug, Clone, Copy, JsonSchema)]
#[schemars(inline)]
pub(crate) struct ContractTime(
    #[schemars(with = "String", regex(pattern = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$"))]
    pub  OffsetDateTime,
);

impl Serialize for ContractTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
        serializer.serialize_str(&self.0.format(&format).map_err(serde::ser::Error::custom)?)
    }
}

/// The fields that every body begins with.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Stamp {
    /// The request's id, new for each request: quote it when you ask the operator. `X-Request-ID`
    /// holds it too.
    api_req_uid: Uuid,
    /// When the answer was ready: UTC, `YYYY-MM-DD HH:MM:SS`.
    processed_at: ContractTime,
    /// When the request came: UTC, `YYYY-MM-DD HH:MM:SS`.
    requested_at: ContractTime,
}

impl Stamp {
    /// For an answer that is ready now.
    pub(crate) fn now(arrival: Arrival) -> Self {
        Self {
            api_req_uid: arrival.id,
            processed_at: ContractTime(OffsetDateTime::now_utc()),
            requested_at: ContractTime(arrival.at),
        }
    }
}

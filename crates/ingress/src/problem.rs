//! Every reason for an error response: its row of the documented table, and its message.

use std::error::Error;

use accounts::{Denial, LimitReached};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use liveness::{CheckError, chain};
use schemars::JsonSchema;
use serde::Serialize;

use crate::admission::NoRoom;
use crate::arrival::{Arrival, Stamp};
use crate::config::RateLimitedStatus;
use crate::documented::{self, Documented, OTHER_RATE_LIMITED};
use crate::respond::json;
use crate::workers::WorkerError;

/// The reason for an error response. Its `Display` text is the message that the caller reads.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The body cannot be parsed; the text says where.
    #[error("{0}")]
    MalformedBody(&'static str),
    /// The body has no picture.
    #[error("Send the picture as `selfie`: a file part, a base64 text part, or a JSON string.")]
    MissingSelfie,
    /// The batch has too many pictures.
    #[error("A batch may have {limit} pictures at most.")]
    TooManySelfies {
        /// The most pictures in a batch.
        limit: usize,
    },
    /// The threshold is not a number from 0 to 1.
    #[error("`threshold` must be a number from 0 to 1.")]
    InvalidThreshold,
    /// `faces` in the query is invalid.
    #[error("`faces` must be `one` or `all`, and sent once.")]
    InvalidFaces,
    /// The security level is unknown, or came together with a threshold; the text says which.
    #[error("{0}")]
    InvalidSecurityLevel(&'static str),
    /// The pack has no threshold for the security level.
    #[error("The security level cannot be used: {0}.")]
    NoSuchLevel(#[source] CheckError),
    /// Credentials are missing, unknown or wrong. The message does not tell which.
    #[error("Send valid credentials in the headers `app_id` and `app_key`.")]
    InvalidCredentials,
    /// The app's quota is spent, or the app is disabled; the text says which.
    #[error("{0}")]
    UsageLimitReached(&'static str),
    /// The app sends requests too fast.
    #[error("This app's requests come too fast; wait {retry_after_s} s.")]
    RateLimited {
        /// The status that the operator chose.
        status: RateLimitedStatus,
        /// Whole seconds until the rate allows a request, at least 1.
        retry_after_s: u64,
    },
    /// The app has as many requests under way as its limit allows.
    #[error("This app's limit of requests at once is {limit}; wait for the answer to one of them.")]
    TooManyAtOnce {
        /// The status that the operator chose.
        status: RateLimitedStatus,
        /// The app's limit.
        limit: u32,
    },
    /// The accounts store cannot be reached.
    #[error("Limits cannot be looked up at the moment; try again shortly.")]
    AccountsUnavailable,
    /// The path does not exist.
    #[error("There is nothing here; POST to /v0.2/liveness-verification or /v1/liveness.")]
    NotFound,
    /// The path does not take this method.
    #[error("Use the method named in the `Allow` header.")]
    MethodNotAllowed,
    /// The body is too large.
    #[error("The body may be {limit_bytes} bytes at most.")]
    BodyTooLarge {
        /// The largest body, bytes.
        limit_bytes: usize,
    },
    /// The body is neither a form nor JSON.
    #[error("Send `multipart/form-data` or `application/json`.")]
    UnsupportedMediaType,
    /// The selfie's bytes are not a picture of a supported kind.
    #[error("The selfie cannot be used: {0}.")]
    UnsupportedImage(#[source] CheckError),
    /// The selfie is damaged or cut short.
    #[error("The selfie cannot be used: {0}.")]
    UnreadableImage(#[source] CheckError),
    /// The selfie has too many pixels.
    #[error("The selfie cannot be used: {0}.")]
    ImageTooLarge(#[source] CheckError),
    /// To check the selfie takes too much memory.
    #[error(
        "The selfie cannot be used: to check it takes {needed_mib} MiB of memory beyond the usual, and {limit_mib} are allowed; send it with fewer pixels."
    )]
    ImageTakesMemory {
        /// Memory that it takes, MiB.
        needed_mib: usize,
        /// The limit, MiB.
        limit_mib: usize,
    },
    /// The caller stopped sending the body.
    #[error("Nothing of the body came for {paused_ms} ms; send it again.")]
    RequestTimeout {
        /// The longest pause, milliseconds.
        paused_ms: u64,
    },
    /// The caller sends the body too slowly.
    #[error("The body came slower than {min_bytes_per_s} bytes a second; send it again.")]
    BodyTooSlow {
        /// The lowest rate, bytes a second.
        min_bytes_per_s: u64,
    },
    /// To check the picture takes more CPU time than one picture may.
    #[error(
        "To check the selfie takes more than {budget_ms} ms of CPU time; send it with fewer pixels, as a baseline JPEG."
    )]
    ImageTooCostly {
        /// The limit, milliseconds.
        budget_ms: u64,
    },
    /// The service holds as many requests, or bytes of bodies, as it may.
    #[error("The service is at its limit; try again shortly.")]
    Overloaded,
    /// The service is shutting down.
    #[error("The service is shutting down; try another replica.")]
    ShuttingDown,
    /// The deadline passed.
    #[error("The request could not be received and answered in time.")]
    DeadlineExceeded,
    /// A fault of the service. The caller does not learn the source.
    #[error("The picture could not be checked because of a fault in the service.")]
    Internal(#[source] Box<dyn Error + Send + Sync>),
}

/// The error code and, for faults of the service, the cause: for the envelope's log line.
#[derive(Debug, Clone)]
pub(crate) struct Failed {
    pub code: &'static str,
    pub cause: Option<String>,
}

/// An error response.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Error")]
pub(crate) struct Body {
    #[serde(flatten)]
    stamp: Stamp,
    /// The problem.
    error: Detail,
}

/// The problem.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ErrorDetail")]
pub(crate) struct Detail {
    /// For programs; stays the same in later versions.
    code: &'static str,
    /// A sentence for people; may change.
    message: String,
}

impl From<CheckError> for Problem {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::NoSuchLevel { .. } => Self::NoSuchLevel(error),
            CheckError::UnsupportedPicture(_) => Self::UnsupportedImage(error),
            CheckError::UnreadablePicture(_) => Self::UnreadableImage(error),
            CheckError::PictureTooLarge(_) => Self::ImageTooLarge(error),
            // The worker tells the causes apart.
            CheckError::Stopped => Self::DeadlineExceeded,
            CheckError::Detect(_) | CheckError::Score(_) => Self::Internal(error.into()),
        }
    }
}

impl From<NoRoom> for Problem {
    fn from(NoRoom: NoRoom) -> Self {
        Self::Overloaded
    }
}

impl From<WorkerError> for Problem {
    fn from(error: WorkerError) -> Self {
        match error {
            WorkerError::Check(error) => error.into(),
            WorkerError::Displaced => Self::Overloaded,
            WorkerError::TooCostly { budget_ms } => Self::ImageTooCostly { budget_ms },
            WorkerError::TooLarge { needed_bytes, limit_bytes } => Self::ImageTakesMemory {
                needed_mib: needed_bytes.div_ceil(1 << 20),
                limit_mib: limit_bytes >> 20,
            },
            WorkerError::TooLate => Self::DeadlineExceeded,
            WorkerError::Panicked(_) | WorkerError::Gone => Self::Internal(error.into()),
        }
    }
}

impl Problem {
    /// The caller's problem where accounts denied a hold.
    pub(crate) fn denied(denial: Denial, rate_limited: RateLimitedStatus) -> Self {
        match denial {
            Denial::Disabled => Self::UsageLimitReached("This app is disabled."),
            Denial::Limit(LimitReached::DayQuotaSpent) => Self::UsageLimitReached(
                "This app's quota for today (UTC) is spent, or held by requests under way.",
            ),
            Denial::Limit(LimitReached::MonthQuotaSpent) => Self::UsageLimitReached(
                "This app's quota for this month (UTC) is spent, or held by requests under way.",
            ),
            Denial::Limit(LimitReached::TooFast { wait_us }) => Self::RateLimited {
                status: rate_limited,
                retry_after_s: wait_us.unsigned_abs().div_ceil(1_000_000).max(1),
            },
            Denial::Unavailable => Self::AccountsUnavailable,
        }
    }

    /// The row of the documented table. A new variant does not compile until it has one.
    fn documented(&self) -> Documented {
        match self {
            Self::MalformedBody(_) => documented::MALFORMED_BODY,
            Self::MissingSelfie => documented::MISSING_SELFIE,
            Self::TooManySelfies { .. } => documented::TOO_MANY_SELFIES,
            Self::InvalidThreshold => documented::INVALID_THRESHOLD,
            Self::InvalidFaces => documented::INVALID_FACES,
            Self::InvalidSecurityLevel(_) | Self::NoSuchLevel(_) => {
                documented::INVALID_SECURITY_LEVEL
            }
            Self::InvalidCredentials => documented::INVALID_CREDENTIALS,
            Self::UsageLimitReached(_) => documented::USAGE_LIMIT_REACHED,
            Self::RateLimited { .. } | Self::TooManyAtOnce { .. } => documented::RATE_LIMITED,
            Self::AccountsUnavailable => documented::ACCOUNTS_UNAVAILABLE,
            Self::NotFound => documented::NOT_FOUND,
            Self::MethodNotAllowed => documented::METHOD_NOT_ALLOWED,
            Self::BodyTooLarge { .. } => documented::BODY_TOO_LARGE,
            Self::UnsupportedMediaType => documented::UNSUPPORTED_MEDIA_TYPE,
            Self::UnsupportedImage(_) => documented::UNSUPPORTED_IMAGE,
            Self::UnreadableImage(_) => documented::UNREADABLE_IMAGE,
            Self::ImageTooLarge(_) | Self::ImageTakesMemory { .. } => documented::IMAGE_TOO_LARGE,
            Self::RequestTimeout { .. } | Self::BodyTooSlow { .. } => documented::REQUEST_TIMEOUT,
            Self::ImageTooCostly { .. } => documented::IMAGE_TOO_COSTLY,
            Self::Overloaded => documented::OVERLOADED,
            Self::ShuttingDown => documented::SHUTTING_DOWN,
            Self::DeadlineExceeded => documented::DEADLINE_EXCEEDED,
            Self::Internal(_) => documented::INTERNAL,
        }
    }

    /// The error code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.documented().code
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        let status = match self {
            Self::RateLimited { status, .. } | Self::TooManyAtOnce { status, .. }
                if *status == RateLimitedStatus::Forbidden =>
            {
                OTHER_RATE_LIMITED
            }
            _ => self.documented().status,
        };
        StatusCode::from_u16(status).expect("documented statuses are valid")
    }

    /// The error with all its causes, for the log and the operator.
    #[must_use]
    pub fn story(&self) -> String {
        self.source().map_or_else(|| self.to_string(), chain)
    }

    /// The cause, where the service is at fault and not the caller.
    pub(crate) fn fault(&self) -> Option<String> {
        matches!(self, Self::Internal(_)).then(|| self.story())
    }

    /// Seconds after which a retry may succeed.
    fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::RateLimited { retry_after_s, .. } => Some(*retry_after_s),
            _ => self.documented().retry_after.then_some(1),
        }
    }

    /// The part of the response that tells the caller about the problem.
    pub(crate) fn detail(&self) -> Detail {
        Detail { code: self.code(), message: self.to_string() }
    }

    /// The response to the request that came as `arrival`.
    pub(crate) fn respond(&self, arrival: Arrival) -> Response {
        let body = Body { stamp: Stamp::now(arrival), error: self.detail() };
        let mut response = (self.status(), json(&body)).into_response();
        if let Some(seconds) = self.retry_after_s() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(Failed { code: self.code(), cause: self.fault() });
        response
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use liveness::{DecodeError, DetectError};

    use super::*;
    use crate::documented::ERRORS;

    #[test]
    fn every_row_of_the_table_is_the_error_of_some_problem() {
        let rate_limited = |status| Problem::RateLimited { status, retry_after_s: 1 };
        let problems = [
            Problem::MalformedBody(""),
            Problem::MissingSelfie,
            Problem::TooManySelfies { limit: 1 },
            Problem::InvalidFaces,
            Problem::InvalidThreshold,
            Problem::InvalidSecurityLevel(""),
            Problem::InvalidCredentials,
            Problem::UsageLimitReached(""),
            rate_limited(RateLimitedStatus::TooManyRequests),
            Problem::AccountsUnavailable,
            Problem::NotFound,
            Problem::MethodNotAllowed,
            Problem::BodyTooLarge { limit_bytes: 1 },
            Problem::RequestTimeout { paused_ms: 1 },
            Problem::UnsupportedMediaType,
            CheckError::UnsupportedPicture(DecodeError::UnknownFormat).into(),
            CheckError::UnreadablePicture(DecodeError::UnknownFormat).into(),
            CheckError::PictureTooLarge(DecodeError::UnknownFormat).into(),
            CheckError::Detect(DetectError::Grid { expected: 1, found: 0 }).into(),
            Problem::ImageTooCostly { budget_ms: 1 },
            Problem::Overloaded,
            Problem::ShuttingDown,
            Problem::DeadlineExceeded,
            WorkerError::Gone.into(),
        ];
        let found = problems.iter().map(|problem| {
            (problem.status().as_u16(), problem.code(), problem.retry_after_s().is_some())
        });
        let documented = ERRORS.iter().map(|error| (error.status, error.code, error.retry_after));
        assert_eq!(documented.collect::<BTreeSet<_>>(), found.collect());
        let forbidden = rate_limited(RateLimitedStatus::Forbidden);
        assert_eq!(forbidden.status().as_u16(), OTHER_RATE_LIMITED);
        assert_eq!(forbidden.code(), "rate_limited");
    }
}

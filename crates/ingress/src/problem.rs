//! Every error a caller can meet: status, code and text, in this one place.

use std::borrow::Cow;
use std::error::Error;

use accounts::{Denial, LimitReached};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use liveness::CheckError;
use schemars::JsonSchema;
use serde::Serialize;

use crate::config::RateLimitedStatus;
use crate::envelope::{Arrival, Stamp};
use crate::router::json;
use crate::workers::WorkerError;

/// Why a request got no answer of its own. Codes are part of the contract; texts are for people.
#[derive(Debug)]
#[non_exhaustive]
pub enum Problem {
    /// The body cannot be parsed; the text says where it stops making sense.
    MalformedBody(&'static str),
    /// The body has no picture.
    MissingSelfie,
    /// There are more pictures than one batch may have.
    TooManySelfies {
        /// The limit.
        limit: usize,
    },
    /// The threshold is not a number from 0 to 1.
    InvalidThreshold,
    /// Which faces are asked for is neither of the two that can be.
    InvalidFaces,
    /// The security level is none, or one that cannot be had here.
    InvalidSecurityLevel(Cow<'static, str>),
    /// Credentials are missing, unknown or wrong: which of them is not said.
    InvalidCredentials,
    /// The app's quota is spent, or the app is disabled; the text says which.
    UsageLimitReached(&'static str),
    /// The app's requests come too fast.
    RateLimited {
        /// As configured.
        status: RateLimitedStatus,
        /// Until there is a token, whole seconds, 1 at least.
        retry_after_s: u64,
    },
    /// Nobody can be let in, because the accounts cannot be asked.
    AccountsUnavailable,
    /// No such path.
    NotFound,
    /// The path is answered for other methods.
    MethodNotAllowed,
    /// The body is larger than is taken.
    BodyTooLarge {
        /// The limit, bytes.
        limit_bytes: usize,
    },
    /// The body is of no type that is taken.
    UnsupportedMediaType,
    /// The picture could not be checked, or we could not.
    Check(CheckError),
    /// The body stopped coming.
    RequestTimeout {
        /// For how long nothing came, milliseconds.
        paused_ms: u64,
    },
    /// As many requests, or bytes of bodies, are held as can be.
    Overloaded,
    /// The service is on its way out.
    ShuttingDown,
    /// It took too long.
    DeadlineExceeded,
    /// A worker panicked or is gone.
    Worker(WorkerError),
}

/// What the envelope logs about an error.
#[derive(Debug, Clone)]
pub(crate) struct Failed {
    pub code: &'static str,
    /// For our own faults only.
    pub cause: Option<String>,
}

/// Why a request got no answer of its own.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Error")]
pub(crate) struct Body {
    #[serde(flatten)]
    stamp: Stamp,
    /// What is wrong.
    error: Detail,
}

/// What is wrong.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ErrorDetail")]
pub(crate) struct Detail {
    /// Stays as it is, for programs.
    code: &'static str,
    /// A sentence for people, which may change.
    message: Cow<'static, str>,
}

impl From<CheckError> for Problem {
    fn from(error: CheckError) -> Self {
        Self::Check(error)
    }
}

impl Problem {
    /// What a denial means to the caller.
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

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.parts().1
    }

    /// Status, code and text. Our own faults have one fixed text.
    fn parts(&self) -> (StatusCode, &'static str, Cow<'static, str>) {
        const INTERNAL: (StatusCode, &str, Cow<'_, str>) = (
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            Cow::Borrowed("The picture could not be checked because of a fault in the service."),
        );
        match self {
            Self::MalformedBody(what) => {
                (StatusCode::BAD_REQUEST, "malformed_body", (*what).into())
            }
            Self::MissingSelfie => (
                StatusCode::BAD_REQUEST,
                "missing_selfie",
                "Send the picture as `selfie`: a file part, a base64 text part, or a JSON string."
                    .into(),
            ),
            Self::TooManySelfies { limit } => (
                StatusCode::BAD_REQUEST,
                "too_many_selfies",
                format!("A batch may have {limit} pictures at most.").into(),
            ),
            Self::InvalidFaces => (
                StatusCode::BAD_REQUEST,
                "invalid_faces",
                "`faces` must be `one` or `all`, and sent once.".into(),
            ),
            Self::InvalidThreshold => (
                StatusCode::BAD_REQUEST,
                "invalid_threshold",
                "`threshold` must be a number from 0 to 1.".into(),
            ),
            Self::InvalidSecurityLevel(what) => {
                (StatusCode::BAD_REQUEST, "invalid_security_level", what.clone())
            }
            Self::InvalidCredentials => (
                StatusCode::UNAUTHORIZED,
                "invalid_credentials",
                "Send valid credentials in the headers `app_id` and `app_key`.".into(),
            ),
            Self::UsageLimitReached(what) => {
                (StatusCode::FORBIDDEN, "usage_limit_reached", (*what).into())
            }
            Self::RateLimited { status, retry_after_s } => (
                match status {
                    RateLimitedStatus::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
                    RateLimitedStatus::Forbidden => StatusCode::FORBIDDEN,
                },
                "rate_limited",
                format!("This app's requests come too fast; wait {retry_after_s} s.").into(),
            ),
            Self::AccountsUnavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "accounts_unavailable",
                "Limits cannot be looked up at the moment; try again shortly.".into(),
            ),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "not_found",
                "There is nothing here; POST to /v0.2/liveness-verification or /v1/liveness."
                    .into(),
            ),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "Use the method named in the `Allow` header.".into(),
            ),
            Self::BodyTooLarge { limit_bytes } => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                format!("The body may be {limit_bytes} bytes at most.").into(),
            ),
            Self::RequestTimeout { paused_ms } => (
                StatusCode::REQUEST_TIMEOUT,
                "request_timeout",
                format!("Nothing of the body came for {paused_ms} ms; send it again.").into(),
            ),
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "Send `multipart/form-data` or `application/json`.".into(),
            ),
            Self::Check(error) => of_check(error).unwrap_or(INTERNAL),
            Self::Worker(_) => INTERNAL,
            Self::Overloaded => (
                StatusCode::SERVICE_UNAVAILABLE,
                "overloaded",
                "The service is at its limit; try again shortly.".into(),
            ),
            Self::ShuttingDown => (
                StatusCode::SERVICE_UNAVAILABLE,
                "shutting_down",
                "The service is shutting down; try another replica.".into(),
            ),
            Self::DeadlineExceeded => (
                StatusCode::GATEWAY_TIMEOUT,
                "deadline_exceeded",
                "The request could not be received and answered in time.".into(),
            ),
        }
    }

    /// What went wrong and what caused it, down to the first cause. Not for callers.
    #[must_use]
    pub fn story(&self) -> String {
        let error: &(dyn Error + 'static) = match self {
            Self::Check(error) => error,
            Self::Worker(error) => error,
            _ => return self.parts().2.into_owned(),
        };
        chain(error)
    }

    /// Whether it is our own fault, and not the caller's or the hour's.
    pub(crate) fn is_ours(&self) -> bool {
        match self {
            Self::Check(error) => error.is_ours(),
            Self::Worker(_) => true,
            _ => false,
        }
    }

    /// When trying again may help, where that is known.
    fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::RateLimited { retry_after_s, .. } => Some(*retry_after_s),
            Self::Overloaded | Self::ShuttingDown | Self::AccountsUnavailable => Some(1),
            _ => None,
        }
    }

    /// The status, and what a caller is told.
    pub(crate) fn told(&self) -> (StatusCode, Detail) {
        let (status, code, message) = self.parts();
        (status, Detail { code, message })
    }

    /// The answer to the request that came as `arrival`.
    pub(crate) fn respond(&self, arrival: Arrival) -> Response {
        let (status, error) = self.told();
        let code = error.code;
        let body = Body { stamp: Stamp::now(arrival), error };
        let mut response = (status, json(&body)).into_response();
        if let Some(seconds) = self.retry_after_s() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
            .extensions_mut()
            .insert(Failed { code, cause: self.is_ours().then(|| self.story()) });
        response
    }
}

/// An error with its causes.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (**error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// What a check that failed means to the caller; nothing where it is no fault of theirs.
fn of_check(error: &CheckError) -> Option<(StatusCode, &'static str, Cow<'static, str>)> {
    let (status, code) = match error {
        CheckError::NoSuchLevel { .. } => (StatusCode::BAD_REQUEST, "invalid_security_level"),
        CheckError::UnsupportedPicture(_) => {
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_image")
        }
        CheckError::UnreadablePicture(_) => (StatusCode::UNPROCESSABLE_ENTITY, "unreadable_image"),
        CheckError::PictureTooLarge(_) => (StatusCode::UNPROCESSABLE_ENTITY, "image_too_large"),
        _ => return None,
    };
    let what = if status == StatusCode::BAD_REQUEST { "security level" } else { "selfie" };
    Some((status, code, format!("The {what} cannot be used: {error}.").into()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use liveness::{DecodeError, DetectError};

    use super::*;
    use crate::documented::{ERRORS, OTHER_RATE_LIMITED, RATE_LIMITED};

    /// One of each. A new one does not compile until it is here.
    fn every_kind() -> Vec<Problem> {
        let gone = WorkerError::Gone;
        let kinds = vec![
            Problem::MalformedBody(""),
            Problem::MissingSelfie,
            Problem::TooManySelfies { limit: 1 },
            Problem::InvalidFaces,
            Problem::InvalidThreshold,
            Problem::InvalidSecurityLevel("".into()),
            Problem::InvalidCredentials,
            Problem::UsageLimitReached(""),
            Problem::RateLimited { status: RateLimitedStatus::default(), retry_after_s: 1 },
            Problem::AccountsUnavailable,
            Problem::NotFound,
            Problem::MethodNotAllowed,
            Problem::BodyTooLarge { limit_bytes: 1 },
            Problem::RequestTimeout { paused_ms: 1 },
            Problem::UnsupportedMediaType,
            Problem::Check(CheckError::UnsupportedPicture(DecodeError::UnknownFormat)),
            Problem::Check(CheckError::UnreadablePicture(DecodeError::UnknownFormat)),
            Problem::Check(CheckError::PictureTooLarge(DecodeError::UnknownFormat)),
            Problem::Check(CheckError::Detect(DetectError::Grid { expected: 1, found: 0 })),
            Problem::Overloaded,
            Problem::ShuttingDown,
            Problem::DeadlineExceeded,
            Problem::Worker(gone),
        ];
        for kind in &kinds {
            match kind {
                Problem::MalformedBody(_)
                | Problem::MissingSelfie
                | Problem::TooManySelfies { .. }
                | Problem::InvalidFaces
                | Problem::InvalidThreshold
                | Problem::InvalidSecurityLevel(_)
                | Problem::InvalidCredentials
                | Problem::UsageLimitReached(_)
                | Problem::RateLimited { .. }
                | Problem::AccountsUnavailable
                | Problem::NotFound
                | Problem::MethodNotAllowed
                | Problem::BodyTooLarge { .. }
                | Problem::RequestTimeout { .. }
                | Problem::UnsupportedMediaType
                | Problem::Check(_)
                | Problem::Overloaded
                | Problem::ShuttingDown
                | Problem::DeadlineExceeded
                | Problem::Worker(_) => {}
            }
        }
        kinds
    }

    #[test]
    fn the_documented_errors_are_those_that_there_are() {
        let real = every_kind().into_iter().map(|problem| {
            let (status, code, _) = problem.parts();
            (status.as_u16(), code, problem.retry_after_s().is_some())
        });
        let documented = ERRORS.iter().map(|error| (error.status, error.code, error.retry_after));
        assert_eq!(documented.collect::<BTreeSet<_>>(), real.collect());
        let page = include_str!("../../../docs/API.md");
        let rows = page.lines().filter_map(|line| {
            let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
            let (status, code) = (cells.next()?, cells.next()?);
            let code = code.strip_prefix('`')?.strip_suffix('`')?;
            Some((status.parse::<u16>().ok()?, code, cells.next()?))
        });
        let documented = ERRORS.iter().map(|error| (error.status, error.code, error.when));
        assert_eq!(rows.collect::<Vec<_>>(), documented.collect::<Vec<_>>());
        for error in ERRORS {
            assert_eq!(error.retry_after, error.when.contains("`Retry-After`"), "{error:?}");
        }
        let forbidden =
            Problem::RateLimited { status: RateLimitedStatus::Forbidden, retry_after_s: 1 };
        let (status, code, _) = forbidden.parts();
        assert_eq!((status.as_u16(), code), (OTHER_RATE_LIMITED, RATE_LIMITED));
    }
}

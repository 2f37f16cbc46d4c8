//! Every error as it is documented: the one list that docs/API.md and the OpenAPI document are held against.

/// One error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Documented {
    pub status: u16,
    pub code: &'static str,
    pub of: Of,
    pub when: &'static str,
    /// Whether it says when to come again.
    pub retry_after: bool,
}

/// Which requests can be answered so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    /// All that check selfies.
    Check,
    /// The same, for something about one picture.
    Picture,
    /// Those under `/v1`.
    V1,
    /// `/v1/liveness/batch` alone.
    Batch,
    /// Those of no path, or of another method than the path's.
    Route,
}

/// The status that an operator may set for `rate_limited` instead.
pub(crate) const OTHER_RATE_LIMITED: u16 = 403;

/// The code that may have [`OTHER_RATE_LIMITED`].
pub(crate) const RATE_LIMITED: &str = "rate_limited";

/// Every error there is, in the order of statuses.
pub(crate) const ERRORS: &[Documented] = &[
    error(400, "malformed_body", Of::Check, "the body cannot be parsed, or a part comes twice"),
    error(400, "missing_selfie", Of::Check, "there is no `selfie` in it"),
    error(
        400,
        "too_many_selfies",
        Of::Batch,
        "`/v1/liveness/batch` only: there are more pictures than one batch may have",
    ),
    error(
        400,
        "invalid_faces",
        Of::V1,
        "`/v1` only: `faces` in the query is neither `one` nor `all`, or comes twice",
    ),
    error(400, "invalid_threshold", Of::Check, "`threshold` is not a number from 0 to 1"),
    error(
        400,
        "invalid_security_level",
        Of::V1,
        "`/v1` only: there is no such level, the pack has no threshold for it, or a threshold came too",
    ),
    error(
        401,
        "invalid_credentials",
        Of::Check,
        "id or key are missing, unknown or wrong; which of them is not said",
    ),
    error(
        403,
        "usage_limit_reached",
        Of::Check,
        "the app's quota is spent, or the app is disabled; the message says which",
    ),
    error(404, "not_found", Of::Route, "there is no such path"),
    error(405, "method_not_allowed", Of::Route, "the path knows other methods, those in `Allow`"),
    error(
        408,
        "request_timeout",
        Of::Check,
        "nothing of the body came for `ingress.body_timeout_ms` (5 s)",
    ),
    error(
        413,
        "body_too_large",
        Of::Check,
        "the body is over the limit; the rest of it is not kept",
    ),
    error(415, "unsupported_media_type", Of::Check, "the body is neither a form nor JSON"),
    error(415, "unsupported_image", Of::Picture, "the picture is none of the kinds above"),
    error(422, "unreadable_image", Of::Picture, "the picture is damaged or cut short"),
    error(422, "image_too_large", Of::Picture, "the picture has too many pixels"),
    retried(
        429,
        RATE_LIMITED,
        "the app's requests come too fast; come again after `Retry-After` seconds (the operator may set the status to 403)",
    ),
    error(
        500,
        "internal",
        Of::Check,
        "a fault of the service; the cause is in its log under `api_req_uid`",
    ),
    retried(503, "overloaded", "as many requests are held as can be; `Retry-After`"),
    retried(503, "shutting_down", "this replica is on its way out; `Retry-After`"),
    retried(503, "accounts_unavailable", "quotas cannot be looked up; `Retry-After`"),
    error(504, "deadline_exceeded", Of::Check, "it was not received and answered in time (10 s)"),
];

const fn error(status: u16, code: &'static str, of: Of, when: &'static str) -> Documented {
    Documented { status, code, of, when, retry_after: false }
}

const fn retried(status: u16, code: &'static str, when: &'static str) -> Documented {
    Documented { status, code, of: Of::Check, when, retry_after: true }
}

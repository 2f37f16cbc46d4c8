//! Every error that a caller can get. `problem.rs`, docs/API.md and the OpenAPI document use this
//! table.

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Documented {
    pub status: u16,
    pub code: &'static str,
    pub of: Of,
    pub when: &'static str,
    /// True where the response has a `Retry-After` header.
    pub retry_after: bool,
}

/// The requests that can get an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    /// All that check selfies.
    Check,
    /// All that check selfies; the error is about one picture.
    Picture,
    /// Those under `/v1`.
    V1,
    /// `/v1/liveness/batch` alone.
    Batch,
    /// Requests to an unknown path, or with a method that the path does not take.
    Route,
}

/// The status of [`RATE_LIMITED`] where the operator chose 403 (`rate_limited_status`).
pub(crate) const OTHER_RATE_LIMITED: u16 = 403;

/// Defines each row as a constant, and the list of all rows.
macro_rules! errors {
    ($($name:ident: $row:expr;)*) => {
        $(pub(crate) const $name: Documented = $row;)*

        /// Every row, ordered by status.
        pub(crate) const ERRORS: &[Documented] = &[$($name),*];
    };
}

errors! {
    MALFORMED_BODY: error(400, "malformed_body", Of::Check,
        "the body cannot be parsed, a part comes twice, or an HTTP/1.1 request has no `Host` or several");
    MISSING_SELFIE: error(400, "missing_selfie", Of::Check, "there is no `selfie` in it");
    TOO_MANY_SELFIES: error(400, "too_many_selfies", Of::Batch,
        "`/v1/liveness/batch` only: there are more pictures than one batch may have");
    INVALID_FACES: error(400, "invalid_faces", Of::V1,
        "`/v1` only: `faces` in the query is neither `one` nor `all`, or comes twice");
    INVALID_THRESHOLD: error(400, "invalid_threshold", Of::Check,
        "`threshold` is not a number from 0 to 1");
    INVALID_SECURITY_LEVEL: error(400, "invalid_security_level", Of::V1,
        "`/v1` only: there is no such level, the pack has no threshold for it, or a threshold came \
         too");
    INVALID_CREDENTIALS: error(401, "invalid_credentials", Of::Check,
        "id or key are missing, unknown or wrong; which of them is not said");
    USAGE_LIMIT_REACHED: error(403, "usage_limit_reached", Of::Check,
        "the app's quota is spent, or the app is disabled; the message says which");
    NOT_FOUND: error(404, "not_found", Of::Route, "there is no such path");
    METHOD_NOT_ALLOWED: error(405, "method_not_allowed", Of::Route,
        "the path knows other methods, those in `Allow`");
    REQUEST_TIMEOUT: error(408, "request_timeout", Of::Check,
        "nothing of the body came for `ingress.body_timeout_ms` (5 s), or less than \
         `ingress.min_body_bytes_per_s` (1024) in the mean");
    BODY_TOO_LARGE: error(413, "body_too_large", Of::Check,
        "the body is over the limit; the rest of it is not kept");
    UNSUPPORTED_MEDIA_TYPE: error(415, "unsupported_media_type", Of::Check,
        "the body is neither a form nor JSON");
    UNSUPPORTED_IMAGE: error(415, "unsupported_image", Of::Picture,
        "the picture is none of the kinds above");
    UNREADABLE_IMAGE: error(422, "unreadable_image", Of::Picture,
        "the picture is damaged or cut short");
    IMAGE_TOO_LARGE: error(422, "image_too_large", Of::Picture,
        "the picture has too many pixels, or takes too much memory to decode; the message says which");
    IMAGE_TOO_COSTLY: error(422, "image_too_costly", Of::Picture,
        "to check the picture takes more CPU time than `ingress.max_picture_cpu_ms` (500 ms)");
    RATE_LIMITED: retried(429, "rate_limited",
        "the app's requests come too fast, or too many at once; come again after `Retry-After` seconds (the operator \
         may set the status to 403)");
    INTERNAL: error(500, "internal", Of::Check,
        "a fault of the service; the cause is in its log under `api_req_uid`");
    OVERLOADED: retried(503, "overloaded", "the app has its share of the requests, or of the bytes, that can be held; `Retry-After`");
    SHUTTING_DOWN: retried(503, "shutting_down", "this replica is on its way out; `Retry-After`");
    ACCOUNTS_UNAVAILABLE: retried(503, "accounts_unavailable",
        "quotas cannot be looked up; `Retry-After`");
    DEADLINE_EXCEEDED: error(504, "deadline_exceeded", Of::Check,
        "it was not received and answered in time (10 s)");
}

const fn error(status: u16, code: &'static str, of: Of, when: &'static str) -> Documented {
    Documented { status, code, of, when, retry_after: false }
}

const fn retried(status: u16, code: &'static str, when: &'static str) -> Documented {
    Documented { status, code, of: Of::Check, when, retry_after: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_in_the_manual_is_this_one() {
        let rows = ERRORS.iter().map(|Documented { status, code, when, retry_after, .. }| {
            assert_eq!(*retry_after, when.contains("`Retry-After`"), "{code}");
            format!("| {status} | `{code}` | {when} |\n")
        });
        let head = "| status | `error.code` | when |\n|---|---|---|\n";
        let table = format!("\n{head}{}\n", rows.collect::<String>());
        let manual = include_str!("../../../docs/API.md");
        assert!(manual.contains(&table), "docs/API.md needs this table of errors:\n{table}");
    }
}

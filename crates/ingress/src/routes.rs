//! Every path that the service answers.

/// Kairos' first version.
pub(crate) const V0_1: &str = "/v0.1/liveness-verification";
/// Kairos' second version.
pub(crate) const V0_2: &str = "/v0.2/liveness-verification";
/// Livegate's own check.
pub(crate) const V1: &str = "/v1/liveness";
/// Livegate's own check of several pictures.
pub(crate) const V1_BATCH: &str = "/v1/liveness/batch";

/// The paths that check selfies. Metrics count requests by these and by [`OTHER`].
pub(crate) const CHECKS: [&str; 4] = [V0_1, V0_2, V1, V1_BATCH];

/// The route label of a request to any path outside [`CHECKS`].
pub(crate) const OTHER: &str = "other";

/// The code of a request that ended without an error, in metrics, logs and traces.
pub(crate) const OK: &str = "ok";

pub(crate) const LIVEZ: &str = "/livez";
pub(crate) const READYZ: &str = "/readyz";
pub(crate) const VERSION: &str = "/version";

/// The OpenAPI document.
pub(crate) const OPENAPI: &str = "/openapi.json";
/// The OpenAPI document as a page.
pub(crate) const DOCS: &str = "/docs";
pub(crate) const DOCS_STYLE: &str = "/docs.css";
/// Named in the page, as browsers would otherwise ask for `/favicon.ico`.
pub(crate) const DOCS_ICON: &str = "/docs.svg";

pub(crate) const CONSOLE: &str = "/console";

/// On the admin listener only.
pub(crate) const METRICS: &str = "/metrics";
/// On the admin listener only.
pub(crate) const RECENT_REFUSALS: &str = "/recent-refusals";

/// True for probes and pages. They need neither credentials nor a place, and are not counted as
/// requests.
pub(crate) fn is_aside(path: &str) -> bool {
    [LIVEZ, READYZ, VERSION, OPENAPI, DOCS, DOCS_STYLE, DOCS_ICON].contains(&path)
        || path.strip_prefix(CONSOLE).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

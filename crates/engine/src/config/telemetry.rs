//! Logs and traces.

use liveness::InvalidSetting;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smart_default::SmartDefault;

/// Logs and traces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, SmartDefault)]
#[serde(default, deny_unknown_fields)]
pub struct Telemetry {
    /// Format of log lines: `text` for people, or `json` with one object a line.
    pub log_format: LogFormat,
    /// URL of the collector that gets traces, by OTLP over HTTP; `/v1/traces` is added. Default: no
    /// traces.
    #[schemars(example = &"http://127.0.0.1:4318")]
    pub otlp_endpoint: Option<String>,
    /// Share of the requests without a `traceparent` that are traced.
    #[schemars(range(min = 0.0, max = 1.0))]
    #[default = 1.0]
    pub sample_ratio: f64,
}

/// Format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line.
    Json,
}

impl Telemetry {
    pub(super) fn validate(&self) -> Result<(), InvalidSetting> {
        let is_url = |url: &String| {
            let has_scheme = url.starts_with("http://") || url.starts_with("https://");
            has_scheme && url.parse::<ureq::http::Uri>().is_ok_and(|url| url.host().is_some())
        };
        InvalidSetting::unless(
            self.otlp_endpoint.as_ref().is_none_or(is_url),
            "telemetry.otlp_endpoint",
            "an http:// or https:// URL, or left out",
        )
    }
}

//! The build, the models and the device of the running service.

use liveness::{ModelProviders, PackIdentity};
use schemars::JsonSchema;
use serde::Serialize;

/// The build, the models and the device, as `/version` gives them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Version {
    /// The program's version.
    pub version: String,
    /// The commit of the build, if git told it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub commit: Option<String>,
    /// The model pack.
    pub pack: PackIdentity,
    /// The device that models run on.
    pub device: String,
    /// The configured device; may be `auto-cpu` or `auto`.
    pub device_asked_for: String,
    /// Why `auto-cpu` or `auto` did not take the best device; null otherwise.
    pub fallback: Option<String>,
    /// The execution providers that ran each model at the start, on the golden vectors; empty if
    /// they are not known.
    pub models: Vec<ModelProviders>,
    /// Why the execution providers are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub models_not_known: Option<String>,
    /// The build of the ONNX Runtime library, in its own words.
    pub onnxruntime: String,
}

//! What is running: for whoever has to know which build answers, with which models, on what.

use liveness::{ModelProviders, PackIdentity};
use schemars::JsonSchema;
use serde::Serialize;

/// What is running. The fields are those of `/version`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Version {
    /// The program's version.
    pub version: String,
    /// The commit that it was built of, where git could tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub commit: Option<String>,
    /// The pack that serves.
    pub pack: PackIdentity,
    /// What models run on.
    pub device: String,
    /// What was asked for: may be `auto`.
    pub device_asked_for: String,
    /// Why `auto` took the CPU, where it did.
    pub fallback: Option<String>,
    /// Which execution providers ran each model when the golden vectors were reproduced; empty where that is not
    /// known.
    pub models: Vec<ModelProviders>,
    /// Why it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub models_not_known: Option<String>,
    /// What the ONNX Runtime library says of its build.
    pub onnxruntime: String,
}

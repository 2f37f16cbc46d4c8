//! HTTP in front of [`liveness`]: the Kairos contract, spoken to the letter.
//!
//! ```text
//! permit -> route -> credentials -> quota -> body bytes (capped) -> queue -> worker thread
//! Report -> JSON        any error -> status + code, in one place (`problem`)
//! ```
//!
//! [`router`](mod@router) shows every route and every layer. Async ends at the queue: behind it each
//! worker thread owns one pipeline.
//!
//! What it does not do: it knows no picture, no model, no file.

mod admin;
mod admission;
mod answer;
mod batch;
mod body;
mod config;
mod connection;
mod console;
mod cors;
mod credentials;
mod documented;
mod envelope;
mod fields;
mod health;
mod kairos;
mod life;
mod linger;
mod listener;
mod metrics;
mod openapi;
mod operator;
mod pages;
mod picture_text;
mod problem;
mod recent;
mod rescan;
mod router;
mod serve;
mod server_timing;
mod tls;
mod trace;
mod v1;
mod version;
mod vitals;
mod workers;

pub use config::{AdminConfig, Config, InvalidStatus, RateLimitedStatus, ResponseCodes, Tls};
pub use metrics::{Closed, ListenerName, Metrics};
pub use openapi::document as openapi;
pub use problem::Problem;
pub use serve::{BindError, Ingress, Signal};
pub use tls::TlsError;
pub use v1::ReportFields;
pub use version::Version;
pub use workers::{StartError, Workers};

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

mod admission;
mod answer;
mod body;
mod config;
mod cors;
mod credentials;
mod envelope;
mod kairos;
mod linger;
mod problem;
mod router;
mod serve;
mod server_timing;
mod v1;
mod version;
mod workers;

pub use config::{AdminConfig, Config, InvalidStatus, RateLimitedStatus, ResponseCodes, Tls};
pub use problem::Problem;
pub use serve::Ingress;
pub use v1::ReportFields;
pub use version::Version;
pub use workers::{StartError, Workers};

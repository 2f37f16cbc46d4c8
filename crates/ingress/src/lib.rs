//! HTTP in front of [`liveness`]: the Kairos contract to the letter, and Livegate's own `/v1`.
//!
//! ```text
//! route -> credentials -> the app's place -> quota -> body (capped) -> fair queue -> worker thread
//! Report -> JSON        any error -> status + code (`problem`, `documented`)
//! ```
//!
//! [`router`](mod@router) shows every route and every layer. Async ends at the queue: behind it
//! each worker thread owns one pipeline. This crate knows no pixels, models or files.

mod address;
mod admin;
mod admission;
mod answer;
mod arrival;
mod batch;
mod body;
mod config;
mod connection;
mod connections;
mod console;
mod cors;
mod credentials;
mod documented;
mod eager;
mod envelope;
mod fields;
mod health;
mod host_header;
mod judge;
mod kairos;
mod life;
mod linger;
mod listener;
mod metrics;
mod multipart;
mod openapi;
mod operator;
mod pages;
mod picture_text;
mod problem;
mod queue;
mod recent;
mod requester;
mod respond;
mod router;
mod routes;
mod serve;
mod server_timing;
mod service;
mod socket;
mod takes;
mod tls;
mod trace;
mod v1;
mod version;
mod vitals;
mod workers;

pub use address::{InvalidAddress, ListenAddress};
pub use config::{AdminConfig, Config, RateLimitedStatus, ResponseCodes, Tls};
pub use metrics::{Closed, ListenerName, Metrics};
pub use openapi::document as openapi;
pub use problem::Problem;
pub use serve::{BindError, Ingress, Signal};
pub use socket::{Handed, HandedSocket};
pub use tls::{TlsError, Usable};
pub use v1::ReportFields;
pub use version::Version;
pub use workers::{StartError, Workers};

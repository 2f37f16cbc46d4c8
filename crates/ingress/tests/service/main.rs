//! The HTTP layer alone: a real server on real sockets, and a checker that obeys the picture.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod batch;
mod bodies;
mod callers;
mod connections;
mod console;
mod contract;
mod health;
mod limits;
mod metrics;
mod neighbours;
mod openapi;
mod operator;
mod support;
mod tls;
mod v1;

use support::Server;

fn server() -> Server {
    Server::start(|_| ())
}

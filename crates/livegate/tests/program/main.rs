//! The program as its users have it: real binary, real models, real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod accounts;
mod architecture;
mod batching;
mod bench;
mod calibrate;
mod config;
mod cuda;
mod doctor;
mod evaluate;
mod openapi;
mod openvino;
mod packs;
mod privacy;
mod replicas;
mod serve;
mod setup;
mod telemetry;
mod verify;

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The program in `home`, with none of the caller's settings.
fn livegate(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_livegate"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LIVEGATE_") {
            command.env_remove(name);
        }
    }
    command.env("LIVEGATE_HOME", home).stdin(Stdio::null());
    command
}

/// What a command printed to standard output and to standard error, and its exit code.
fn finished(output: &Output) -> (String, String, i32) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code().unwrap())
}

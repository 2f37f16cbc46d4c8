//! The program as its users have it: the real binary, real models, real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod accounts;
mod architecture;
mod batching;
mod bench;
mod calibrate;
mod config;
mod cuda;
mod demo;
mod doctor;
mod evaluate;
mod handover;
mod openapi;
mod openvino;
mod packs;
mod privacy;
mod replicas;
mod serve;
mod setup;
mod starting;
mod telemetry;
mod verify;
mod words;

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The binary with this home, and with none of the settings that the tester has set.
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

/// The same as a service with this pack, on a free port of loopback.
fn livegate_serve(home: &Path, pack: &str) -> Command {
    let mut command = livegate(home);
    command.args(["serve", "--offline", "--listen", "127.0.0.1:0", "--pack", pack]);
    command
}

/// The text files that git lists: their names and texts.
fn tracked_texts() -> Vec<(String, String)> {
    let listed = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(testbed::workspace())
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("Cargo.toml"), "the workspace is a git checkout");
    // Git also lists files that are deleted and not yet committed.
    let read = |name: &str| std::fs::read_to_string(testbed::workspace().join(name)).ok();
    let names = listed.split_terminator('\0');
    names.filter_map(|name| Some((name.to_owned(), read(name)?))).collect()
}

/// Standard output, standard error and exit code of a command that has ended.
fn finished(output: &Output) -> (String, String, i32) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code().unwrap())
}

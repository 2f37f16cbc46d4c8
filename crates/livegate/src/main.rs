//! Livegate: self-hosted face liveness behind the Kairos liveness endpoint.
//!
//! The program: flags, configuration, process life. What it does with a selfie is in `liveness`, how
//! it is asked over HTTP in `ingress`, what it is made of in `model-pack`.

mod annotate;
mod bench;
mod calibrate;
mod cli;
mod config;
mod core_files;
mod device;
mod doctor;
mod engine;
mod evaluate;
mod health;
mod host;
mod keys;
#[cfg(debug_assertions)]
mod mortal;
mod packs;
mod progress;
mod runtime;
mod serve;
mod setup;
mod signals;
mod telemetry;
mod usage;
mod verify;

use std::alloc::System;
use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use serde::Serialize;
use zeroizing_alloc::ZeroAlloc;

use crate::cli::{Cli, Command};

/// Overwrites memory when it is freed: bodies, pictures and what is made of them are in hundreds of buffers, most of
/// them other crates'. What C code allocates for itself is not among them (SECURITY.md).
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

/// Exit codes beside those that a command documents for itself (the first two from sysexits.h).
mod exit {
    /// Flags or configuration are wrong.
    pub(crate) const USAGE: u8 = 64;
    /// Something that is needed is not there, or does not work.
    pub(crate) const UNAVAILABLE: u8 = 69;
}

fn main() -> ExitCode {
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too, and are no error.
            let code = if error.use_stderr() { exit::USAGE } else { 0 };
            let _ = error.print();
            return code.into();
        }
    };
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            tell(&format!("livegate: {error:#}"));
            let is_usage = error.is::<config::ConfigError>()
                || error.is::<telemetry::InvalidFilter>()
                || keys::is_usage(&error);
            (if is_usage { exit::USAGE } else { exit::UNAVAILABLE }).into()
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    // How the service's log is written is in its configuration.
    if !matches!(cli.command, Command::Serve(_)) {
        telemetry::log_for_people()?;
    }
    match cli.command {
        Command::Setup(command) => setup::run(&command, &cli.place),
        Command::Verify(command) => verify::run(&command, &cli.place),
        Command::Evaluate(command) => evaluate::run(&command, &cli.place),
        Command::Calibrate(command) => calibrate::run(&command, &cli.place),
        Command::Bench(command) => bench::run(&command, &cli.place),
        Command::Serve(command) => serve::run(&command, &cli.place),
        Command::Doctor(command) => doctor::run(&command, &cli.place),
        Command::Health(command) => health::run(&command),
        Command::Openapi => print_json(&ingress::openapi()).map(|()| ExitCode::SUCCESS),
        Command::Packs(command) => packs::run(&command, &cli.place),
        Command::Keys(command) => keys::run(&command, &cli.place),
        Command::Usage(command) => usage::run(&command, &cli.place),
        Command::Config(command) => config::run(&command, &cli.place),
    }
}

/// What a command answers.
fn print(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout().lock(), "{text}").context("standard output is closed")
}

/// The same as JSON, for people to read too.
fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&serde_json::to_string_pretty(value)?)
}

/// A line for the person at the terminal; what a command answers goes to standard output instead.
#[expect(clippy::print_stderr, reason = "this is where the program speaks to its user")]
fn tell(line: &str) {
    eprintln!("{line}");
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

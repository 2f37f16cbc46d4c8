//! `livegate config check` and `livegate config show`.

use clap::Subcommand;
use serde::Serialize;

use super::exposed_secrets;
use super::keys::{Key, keys};
use super::layers::{Layers, Origin, Settings};
use crate::exit;
use crate::home::Place;
use crate::terminal::{print, print_json, tell};

/// The commands on the configuration.
#[derive(Subcommand)]
#[expect(missing_debug_implementations, reason = "a flag may hold a secret in the wrong place")]
pub enum ConfigCommand {
    /// Say whether the configuration is sound, without starting anything.
    Check {
        /// The layers of the configuration.
        #[command(flatten)]
        settings: Settings,
    },
    /// Print every key, its value and where that came from. Secrets are not shown.
    Show {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// The layers of the configuration.
        #[command(flatten)]
        settings: Settings,
    },
}

/// One key, its value, and the origin of that.
#[derive(Serialize)]
struct Line {
    key: &'static str,
    value: serde_json::Value,
    origin: &'static str,
    /// The file, variable or flag that set it.
    from: Option<String>,
    /// The variable that stands for the key.
    variable: String,
}

/// Runs `command`.
///
/// # Errors
/// When the configuration cannot be used.
pub fn run(command: &ConfigCommand, place: &Place) -> anyhow::Result<u8> {
    let (ConfigCommand::Check { settings } | ConfigCommand::Show { settings, .. }) = command;
    let layers = Layers::load(settings, &[])?;
    let config = layers.config()?;
    match command {
        ConfigCommand::Check { .. } => {
            for warning in exposed_secrets(&layers, &config.accounts_in(&place.home()?)) {
                tell(&format!("WARNING: {warning}"));
            }
            print("the configuration is sound")?;
        }
        ConfigCommand::Show { json, .. } => {
            let settings = serde_json::to_value(&config)?;
            let lines: Vec<Line> = keys().iter().map(|key| line(&layers, key, &settings)).collect();
            if *json {
                print_json(&lines)?;
            } else {
                print(&as_file(&lines))?;
            }
        }
    }
    Ok(exit::SUCCESS)
}

fn line(layers: &Layers, key: &'static Key, settings: &serde_json::Value) -> Line {
    let origin = layers.origin(&key.path);
    let from = (origin != Origin::Default).then(|| origin.to_string());
    let value = key.value_in(settings).cloned().unwrap_or_default();
    Line { key: &key.path, value, origin: (&origin).into(), from, variable: key.variable() }
}

/// One line for each key, as in the file. A key without a value, or with a secret one, is a
/// comment.
fn as_file(lines: &[Line]) -> String {
    let setting = |Line { key, value, .. }: &Line| match value {
        serde_json::Value::Null => format!("# {key} ="),
        value if *value == accounts::REDACTED => format!("# {key} = {}", accounts::REDACTED),
        value => format!("{key} = {value}"),
    };
    let settings: Vec<String> = lines.iter().map(setting).collect();
    let width = settings.iter().map(|setting| setting.chars().count()).max().unwrap_or(0);
    let commented = lines.iter().zip(settings).map(|(line, setting)| {
        let from = line.from.as_deref().unwrap_or(line.origin);
        format!("{setting:<width$}  # {from}")
    });
    commented.collect::<Vec<_>>().join("\n")
}

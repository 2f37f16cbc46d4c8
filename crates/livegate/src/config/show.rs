//! `livegate config check` and `livegate config show`.

use std::process::ExitCode;

use serde::Serialize;

use super::exposed_secrets;
use super::layers::{Layers, Origin, leaves, variable_of};
use crate::cli::{ConfigCommand, Place};
use crate::{print, print_json, setup, tell};

/// One key, what it is set to, and by what.
#[derive(Serialize)]
struct Line {
    key: String,
    value: serde_json::Value,
    origin: &'static str,
    /// The file, variable or flag.
    from: Option<String>,
    /// The variable that would set it.
    variable: String,
}

pub(crate) fn run(command: &ConfigCommand, place: &Place) -> anyhow::Result<ExitCode> {
    let (ConfigCommand::Check { settings } | ConfigCommand::Show { settings, .. }) = command;
    let layers = Layers::load(settings, &[])?;
    let config = layers.config()?;
    match command {
        ConfigCommand::Check { .. } => {
            for warning in exposed_secrets(&layers, &config.accounts_in(&setup::home(place)?)) {
                tell(&format!("WARNING: {warning}"));
            }
            print("the configuration is sound")?;
        }
        ConfigCommand::Show { json, .. } => {
            let lines: Vec<Line> =
                leaves(&config).into_iter().map(|(key, value)| line(&layers, key, value)).collect();
            if *json {
                print_json(&lines)?;
            } else {
                print(&as_file(&lines))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn line(layers: &Layers, key: String, value: serde_json::Value) -> Line {
    let origin = layers.origin(&key);
    let kind = match &origin {
        Origin::Default => "default",
        Origin::File(_) => "file",
        Origin::Variable(_) => "variable",
        Origin::Flag(_) => "flag",
    };
    let from = (origin != Origin::Default).then(|| origin.to_string());
    let variable = variable_of(&key);
    Line { key, value, origin: kind, from, variable }
}

/// A line a key, as the file has it: what has no value, or one that is not shown, is a comment.
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

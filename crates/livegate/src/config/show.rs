//! `livegate config check` and `livegate config show`.

use std::io::Write;
use std::process::ExitCode;

use serde::Serialize;

use super::exposed_secrets;
use super::layers::{Layers, Origin, leaves, variable_of};
use crate::cli::{ConfigCommand, Place};
use crate::{setup, tell};

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
    let mut out = std::io::stdout().lock();
    match command {
        ConfigCommand::Check { .. } => {
            for warning in exposed_secrets(&layers, &config.accounts_in(&setup::home(place)?)) {
                tell(&format!("WARNING: {warning}"));
            }
            writeln!(out, "the configuration is sound")?;
        }
        ConfigCommand::Show { json, .. } => {
            let lines: Vec<Line> =
                leaves(&config).into_iter().map(|(key, value)| line(&layers, key, value)).collect();
            if *json {
                writeln!(out, "{}", serde_json::to_string_pretty(&lines)?)?;
            } else {
                print(&mut out, &lines)?;
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
fn print(out: &mut impl Write, lines: &[Line]) -> std::io::Result<()> {
    let setting = |Line { key, value, .. }: &Line| match value {
        serde_json::Value::Null => format!("# {key} ="),
        value if *value == accounts::REDACTED => format!("# {key} = {}", accounts::REDACTED),
        value => format!("{key} = {value}"),
    };
    let settings: Vec<String> = lines.iter().map(setting).collect();
    let width = settings.iter().map(|setting| setting.chars().count()).max().unwrap_or(0);
    for (line, setting) in lines.iter().zip(settings) {
        let from = line.from.as_deref().unwrap_or(line.origin);
        writeln!(out, "{setting:<width$}  # {from}")?;
    }
    Ok(())
}

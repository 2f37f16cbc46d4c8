//! Where figures go.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::figures::Run;
use super::{plot, shown};
use crate::cli::bench::Bench;
use crate::keys::Unusable;
use crate::{print, print_json};

/// Where figures go.
pub(super) struct Outputs {
    /// To standard output instead of tables.
    prints_json: bool,
    json: Option<PathBuf>,
    plot: Option<PathBuf>,
}

impl Outputs {
    /// What the flags ask for.
    ///
    /// # Errors
    /// When a file cannot be where it is to be: better now than after the run.
    pub(super) fn check(command: &Bench) -> Result<Self, Unusable> {
        let prints_json = command.json.as_deref() == Some(Path::new("-"));
        let json = command.json.clone().filter(|_| !prints_json);
        for file in json.iter().chain(&command.plot) {
            let directory = directory(file);
            if file.file_name().is_none() || file.is_dir() || !directory.is_dir() {
                return Err(Unusable(format!("{} cannot be written", file.display())));
            }
        }
        let is_svg =
            |file: &PathBuf| file.extension().is_some_and(|ext| ext.eq_ignore_ascii_case("svg"));
        if let Some(file) = command.plot.iter().find(|file| !is_svg(file)) {
            return Err(Unusable(format!(
                "--plot {}: the plot is an SVG, name it so",
                file.display()
            )));
        }
        Ok(Self { prints_json, json, plot: command.plot.clone() })
    }

    pub(super) fn write(&self, run: &Run) -> anyhow::Result<()> {
        if self.prints_json {
            print_json(run)?;
        } else {
            print(&shown::text(run))?;
        }
        if let Some(file) = &self.json {
            place(file, &serde_json::to_vec_pretty(run)?)?;
        }
        if let Some(file) = &self.plot {
            place(file, plot::svg(run).as_bytes())?;
        }
        Ok(())
    }
}

fn directory(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes a file whole or not at all.
fn place(file: &Path, content: &[u8]) -> anyhow::Result<()> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let beside = directory(file).join(format!(".{name}.part"));
    std::fs::write(&beside, content)
        .and_then(|()| std::fs::rename(&beside, file))
        .with_context(|| format!("{} cannot be written", file.display()))
}

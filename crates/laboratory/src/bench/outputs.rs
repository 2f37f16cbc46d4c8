//! The outputs of a run: tables or JSON, a JSON file, a plot.

use std::path::{Path, PathBuf};

use engine::terminal::{print, print_json};
use engine::{UsageError, refuse};

use super::flags::Bench;
use super::run::Run;
use super::{plot, shown};
use crate::whole_file::write_whole;

/// Checks the files of the flags, so that a long run does not end in vain.
///
/// # Errors
/// When a file cannot be written at its place, or the plot is not called `.svg`.
pub(super) fn check(command: &Bench) -> Result<(), UsageError> {
    for file in json_file(command).into_iter().chain(command.plot.as_deref()) {
        let directory = file.parent().filter(|parent| *parent != Path::new(""));
        let is_there = directory.is_none_or(Path::is_dir);
        if file.file_name().is_none() || file.is_dir() || !is_there {
            refuse!("{} cannot be written", file.display());
        }
    }
    let is_svg =
        |file: &PathBuf| file.extension().is_some_and(|ext| ext.eq_ignore_ascii_case("svg"));
    if let Some(file) = command.plot.iter().find(|file| !is_svg(file)) {
        let file = file.display();
        refuse!("--plot {file}: the plot is an SVG, name it so");
    }
    Ok(())
}

/// The file for the JSON; none where standard output gets it.
fn json_file(command: &Bench) -> Option<&Path> {
    command.json.as_deref().filter(|file| *file != Path::new("-"))
}

/// Prints the run and writes its files.
pub(super) fn write(command: &Bench, run: &Run) -> anyhow::Result<()> {
    let file = json_file(command);
    if command.json.is_some() && file.is_none() {
        print_json(run)?;
    } else {
        print(&shown::text(run))?;
    }
    if let Some(file) = file {
        write_whole(file, &serde_json::to_vec_pretty(run)?)?;
    }
    if let Some(file) = &command.plot {
        write_whole(file, plot::svg(&run.figures).as_bytes())?;
    }
    Ok(())
}

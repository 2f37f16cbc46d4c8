//! Text for the person at the terminal: results on standard output, remarks on standard error.

use std::io::Write;

use anyhow::Context;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

/// Prints one line of a command's result to standard output.
///
/// # Errors
/// When standard output is closed.
pub fn print(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout().lock(), "{text}").context("standard output is closed")
}

/// Prints a command's result as indented JSON.
///
/// # Errors
/// When standard output is closed.
pub fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    print(&serde_json::to_string_pretty(value)?)
}

/// Writes a remark to standard error. Results go to standard output instead.
#[expect(clippy::print_stderr, reason = "this is where the program speaks to its user")]
pub fn tell(line: &str) {
    eprintln!("{line}");
}

/// An empty table without borders. Two blanks separate the columns, in `head` as in every row.
#[must_use]
pub fn table(head: &str) -> Table {
    let mut table = plain_table();
    table.set_header(head.split("  "));
    table
}

/// The same without a heading.
#[must_use]
pub fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

/// Aligns the columns from number `first` on to the right, as numbers are read.
pub fn align_right(table: &mut Table, first: usize) {
    for column in table.column_iter_mut().skip(first) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

/// A share from 0 to 1 as a percentage with one decimal.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

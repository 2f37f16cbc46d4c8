//! Pictures listed in a CSV file.

use std::collections::BTreeMap;
use std::path::Path;

use csv::{ReaderBuilder, StringRecord, Trim};
use evaluation::{Label, UnknownLabel};

use super::inputs::{Inputs, Listed};
use crate::keys::Unusable;

/// Where the columns are.
struct Columns<'a> {
    file: usize,
    label: usize,
    attack_type: Option<usize>,
    groups: Vec<(&'a str, usize)>,
}

/// Adds the pictures of the manifest at `path`, and everything that is wrong with its rows.
///
/// # Errors
/// When it cannot be read at all, or a column is missing that cannot be done without.
pub(super) fn read(path: &Path, group_by: &[String], inputs: &mut Inputs) -> anyhow::Result<()> {
    let shown = &path.display();
    let unusable = |what: String| Unusable(format!("the manifest {shown} {what}"));
    let text = std::fs::read(path).map_err(|error| unusable(format!("cannot be read: {error}")))?;
    // Rows of any length, so that one which is cut short is named and the others are read.
    let mut reader =
        ReaderBuilder::new().flexible(true).trim(Trim::All).from_reader(text.as_slice());
    let header =
        reader.headers().map_err(|error| unusable(format!("has no header: {error}")))?.clone();
    let columns = Columns::find(&header, group_by).map_err(unusable)?;
    if columns.attack_type.is_none() {
        let what = "it has no column `attack_type`: all attacks count as of one type";
        inputs.problem(shown, what);
    }
    let beside = path.parent().unwrap_or(Path::new(""));
    let mut lines = Lines { text: &text, at: 0, line: 1 };
    for row in reader.records() {
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                let line = lines.of(error.position());
                // Bytes that are no text spoil a row; what cannot be read at all ends the file.
                let is_text = matches!(error.kind(), csv::ErrorKind::Utf8 { .. });
                let what = if is_text { "it is not UTF-8".to_owned() } else { error.to_string() };
                inputs.problem(shown, format!("line {line}: {what}"));
                if is_text {
                    continue;
                }
                break;
            }
        };
        let line = lines.of(row.position());
        match columns.listed(&row, line, beside, inputs) {
            Ok(listed) => inputs.add(listed),
            Err(what) => inputs.problem(shown, format!("line {line}: {what}")),
        }
    }
    Ok(())
}

/// Finds the lines that rows begin in, row after row. What the reader says itself is off by one where lines
/// end as on Windows, and by more behind empty ones.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: usize,
}

impl Lines<'_> {
    fn of(&mut self, position: Option<&csv::Position>) -> usize {
        let start = position.map_or(self.at, |position| position.byte() as usize);
        let rest = self.text.get(self.at..).unwrap_or_default();
        let is_row = |(i, byte): (usize, &u8)| self.at + i >= start && !byte.is_ascii_whitespace();
        let passed = rest.iter().enumerate().position(is_row).unwrap_or(rest.len());
        self.at += passed;
        self.line += rest[..passed].split(|byte| *byte == b'\n').count() - 1;
        self.line
    }
}

impl<'a> Columns<'a> {
    fn find(header: &StringRecord, group_by: &'a [String]) -> Result<Self, String> {
        let find = |name: &str| header.iter().position(|column| column.eq_ignore_ascii_case(name));
        let there = || header.iter().map(|column| format!("`{column}`")).collect::<Vec<_>>();
        let needed = |name: &str| {
            let missing = || {
                let there = there().join(", ");
                format!("has no column `{name}`; separated by commas, it has: {there}")
            };
            find(name).ok_or_else(missing)
        };
        let groups = group_by.iter().map(|name| Ok((name.as_str(), needed(name)?)));
        Ok(Self {
            file: needed("file")?,
            label: needed("label")?,
            attack_type: find("attack_type"),
            groups: groups.collect::<Result<_, String>>()?,
        })
    }

    fn listed(
        &self,
        row: &StringRecord,
        line: usize,
        beside: &Path,
        inputs: &mut Inputs,
    ) -> Result<Listed, String> {
        let value = |column: usize| row.get(column).filter(|value| !value.is_empty());
        let file = value(self.file).ok_or("it names no file")?;
        let label = value(self.label).ok_or_else(|| format!("{file} has no label"))?;
        let label: Label =
            label.parse().map_err(|error: UnknownLabel| format!("{file}: {error}"))?;
        let mut attack_type = self.attack_type.and_then(value).map(str::to_owned);
        if label == Label::Live
            && let Some(attack_type) = attack_type.take()
        {
            let what = "it is live and has the attack type";
            inputs.problem(file, format!("line {line}: {what} `{attack_type}`: that is not used"));
        }
        let group =
            |&(name, column): &(&str, usize)| Some((name.to_owned(), value(column)?.to_owned()));
        let groups: BTreeMap<String, String> = self.groups.iter().filter_map(group).collect();
        Ok(Listed {
            at: format!("line {line}: "),
            file: file.to_owned(),
            path: beside.join(file),
            label,
            attack_type,
            groups,
        })
    }
}

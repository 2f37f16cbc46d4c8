//! Pictures listed in a CSV file.

use std::collections::BTreeMap;
use std::path::Path;

use csv::{ReaderBuilder, StringRecord, Trim};
use evaluation::{Label, UnknownLabel};

use super::inputs::{Inputs, Listed};
use crate::keys::Unusable;

/// So many characters of a text are quoted.
const LONGEST_QUOTED: usize = 120;

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
    let mut rows = reader.records();
    while let Some(row) = rows.next() {
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
        let start = row.position().map_or(0, |position| position.byte() as usize);
        let raw = text.get(start..rows.reader().position().byte() as usize).unwrap_or_default();
        let line = lines.of(row.position());
        let flaw = columns.flaw_of_quotes(&row, header.len(), line, raw);
        match flaw.map_or_else(|| columns.listed(&row, line, beside, inputs), Err) {
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
        let there = || header.iter().map(|column| format!("`{}`", cut(column))).collect::<Vec<_>>();
        let needed = |name: &str| {
            let missing = || {
                let there = there().join(", ");
                format!("has no column `{name}`; separated by commas, it has: {there}")
            };
            find(name).ok_or_else(missing)
        };
        let groups = group_by.iter().map(|name| Ok((name.as_str(), needed(name)?)));
        let used = ["file", "label", "attack_type"].into_iter();
        for name in used.chain(group_by.iter().map(String::as_str)) {
            // Which one is meant would be a guess.
            if header.iter().filter(|column| column.eq_ignore_ascii_case(name)).count() > 1 {
                return Err(format!("has the column `{name}` more than once"));
            }
        }
        Ok(Self {
            file: needed("file")?,
            label: needed("label")?,
            attack_type: find("attack_type"),
            groups: groups.collect::<Result<_, String>>()?,
        })
    }

    /// What is wrong with the quotes of a row, whose text is `raw`. Pictures must not be lost to them silently.
    fn flaw_of_quotes(
        &self,
        row: &StringRecord,
        columns: usize,
        line: usize,
        raw: &[u8],
    ) -> Option<String> {
        let used = [self.file, self.label].into_iter().chain(self.attack_type);
        let mut used = used.chain(self.groups.iter().map(|(_, column)| *column));
        let is_broken = |value: &str| value.contains(['\n', '\r']);
        let is_short = row.len() < columns && row.iter().any(is_broken);
        if is_short || used.clone().filter_map(|column| row.get(column)).any(is_broken) {
            let end = line + raw.trim_ascii().split(|byte| *byte == b'\n').count() - 1;
            return Some(format!(
                "a quote that opens in line {line} is not closed; what follows is lost up to line {end}"
            ));
        }
        // A quote that does not follow the comma at once is text, and the commas in it part columns.
        let is_late = raw.windows(2).any(|pair| pair == b" \"" || pair == b"\t\"");
        let is_quote = |column| row.get(column).is_some_and(|value| value.starts_with('"'));
        (is_late && used.any(is_quote))
            .then(|| "there is a blank before a quote; let the quote follow the comma".to_owned())
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
        let label = value(self.label).ok_or_else(|| format!("{} has no label", cut(file)))?;
        let label: Label =
            cut(label).parse().map_err(|error: UnknownLabel| format!("{}: {error}", cut(file)))?;
        let mut attack_type = self.attack_type.and_then(value).map(str::to_owned);
        if label == Label::Live
            && let Some(attack_type) = attack_type.take()
        {
            let what = "it is live and has the attack type";
            let attack_type = cut(&attack_type);
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

/// The beginning of a text, for messages: what is listed can be as long as the file.
fn cut(text: &str) -> String {
    text.chars().take(LONGEST_QUOTED).collect()
}

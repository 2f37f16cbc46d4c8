//! The manifest: pictures listed in a CSV file.

use std::collections::BTreeMap;
use std::path::Path;

use csv::{ReaderBuilder, StringRecord, Trim};
use engine::UsageError;
use evaluation::{Label, UnknownLabel};

use super::inputs::{Identity, Inputs, Picture};

/// Most characters of a text that a message quotes.
const LONGEST_QUOTED: usize = 120;

/// The numbers of the columns.
struct Columns<'a> {
    file: usize,
    label: usize,
    attack_type: Option<usize>,
    groups: Vec<(&'a str, usize)>,
}

/// Adds the pictures of the manifest at `path`, and the problems with its rows.
///
/// # Errors
/// When it cannot be read, or a needed column is missing.
pub(super) fn read(path: &Path, group_by: &[String], inputs: &mut Inputs) -> anyhow::Result<()> {
    let shown = &path.display();
    let unusable = |what: String| UsageError(format!("the manifest {shown} {what}"));
    let text = std::fs::read(path).map_err(|error| unusable(format!("cannot be read: {error}")))?;
    // Rows of any length: a short row is a problem of its own, and the others are read.
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
                // Bytes that are no text spoil one row. Other errors end the file.
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
            Ok(picture) => inputs.add(&format!("line {line}: "), picture),
            Err(what) => inputs.problem(shown, format!("line {line}: {what}")),
        }
    }
    Ok(())
}

/// Finds the line of each row. The reader's own line numbers are off by one after CRLF, and by more
/// after empty lines.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: usize,
}

impl Lines<'_> {
    /// The line of a row that begins at `position`, behind blank lines.
    fn of(&mut self, position: Option<&csv::Position>) -> usize {
        let start = position.map_or(0, |position| position.byte() as usize).max(self.at);
        let rest = self.text.get(start..).unwrap_or_default();
        let row = start + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let passed = self.text.get(self.at..row).unwrap_or_default();
        self.line += passed.split(|byte| *byte == b'\n').count() - 1;
        self.at = row;
        self.line
    }
}

impl<'a> Columns<'a> {
    fn find(header: &StringRecord, group_by: &'a [String]) -> Result<Self, String> {
        let find = |name: &str| {
            let is_named =
                |(at, column): (usize, &str)| column.eq_ignore_ascii_case(name).then_some(at);
            match header.iter().enumerate().filter_map(is_named).collect::<Vec<_>>()[..] {
                [] => Ok(None),
                [column] => Ok(Some(column)),
                // Either column would be a guess.
                _ => Err(format!("has the column `{name}` more than once")),
            }
        };
        let needed = |name: &str| {
            find(name)?.ok_or_else(|| {
                let there = header.iter().map(|column| format!("`{}`", cut(column)));
                let there = there.collect::<Vec<_>>().join(", ");
                format!("has no column `{name}`; separated by commas, it has: {there}")
            })
        };
        let groups = group_by.iter().map(|name| Ok((name.as_str(), needed(name)?)));
        Ok(Self {
            file: needed("file")?,
            label: needed("label")?,
            attack_type: find("attack_type")?,
            groups: groups.collect::<Result<_, String>>()?,
        })
    }

    /// The problem with the quotes of a row, whose text is `raw`: they must not hide pictures.
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
        // A quote after a blank is text, so that commas behind it separate columns.
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
    ) -> Result<Picture, String> {
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
        Ok(Picture {
            file: file.to_owned(),
            path: beside.join(file),
            label,
            attack_type,
            groups,
            identity: Identity::default(),
        })
    }
}

/// The beginning of a text, for messages: a value can be as long as the file.
fn cut(text: &str) -> String {
    text.chars().take(LONGEST_QUOTED).collect()
}

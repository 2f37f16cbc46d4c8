//! `scores.csv`: presentations and their results as a table, to compute metrics without a model.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

use csv::StringRecord;

use crate::presentation::{Outcome, Presentation, UnknownLabel};

const FIXED: [&str; 9] = [
    "file",
    "label",
    "attack_type",
    "outcome",
    "score",
    "fused",
    "reasons",
    "error_code",
    "error_message",
];
const REQUIRED: [&str; 5] = ["file", "label", "outcome", "score", "fused"];
const MODEL: &str = "model.";
const GROUP: &str = "group.";
const BETWEEN_REASONS: char = ';';

/// A table cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScoresError {
    /// The file cannot be read or written, its rows have unequal lengths, or it is not UTF-8.
    #[error("the table of scores is no table")]
    Table(#[from] csv::Error),
    /// The writer cannot be flushed.
    #[error("the table of scores cannot be written")]
    Write(#[from] std::io::Error),
    /// A column is missing, has a name that means nothing, or the name of another.
    #[error("the table of scores has {0}")]
    Columns(String),
    /// A field does not hold a value of its column.
    #[error("line {line}, column `{column}`: {what}")]
    Field {
        /// The line where the row begins, from 1.
        line: u64,
        /// The column's name.
        column: String,
        /// The fault, with the text.
        what: String,
    },
    /// Reading would not give this presentation again.
    #[error("`{file}` cannot be written: {what}")]
    Unwritable {
        /// The presentation's file.
        file: String,
        /// The fault.
        what: String,
    },
}

/// Writes a row of column names, then one row for each presentation. Reading gives the same numbers
/// to the bit.
///
/// # Errors
/// When `writer` fails, or a presentation has a number outside 0 to 1, an empty reason, or a reason
/// with a semicolon.
pub fn write_scores(writer: impl Write, presentations: &[Presentation]) -> Result<(), ScoresError> {
    let models: BTreeSet<_> = presentations.iter().flat_map(|each| each.models.keys()).collect();
    let groups: BTreeSet<_> = presentations.iter().flat_map(|each| each.groups.keys()).collect();
    let of_models = models.iter().map(|id| format!("{MODEL}{id}"));
    let of_groups = groups.iter().map(|name| format!("{GROUP}{name}"));
    let mut table = csv::Writer::from_writer(writer);
    table.write_record(FIXED.map(str::to_owned).into_iter().chain(of_models).chain(of_groups))?;
    for presentation in presentations {
        let file = || presentation.file.clone();
        let row = fixed(presentation).and_then(|mut row| {
            for id in &models {
                let value = presentation.models.get(*id);
                row.push(value.map_or(Ok(String::new()), |value| written(*value))?);
            }
            Ok(row)
        });
        let mut row = row.map_err(|what| ScoresError::Unwritable { file: file(), what })?;
        row.extend(
            groups.iter().map(|&it| presentation.groups.get(it).cloned().unwrap_or_default()),
        );
        table.write_record(row)?;
    }
    table.flush()?;
    Ok(())
}

/// The fields of the fixed columns.
fn fixed(presentation: &Presentation) -> Result<Vec<String>, String> {
    let Presentation { file, label, attack_type, outcome, .. } = presentation;
    let fields = match outcome {
        Outcome::Scored { score, fused } => {
            ["scored", &written(*score)?, &written(*fused)?, "", "", ""].map(str::to_owned)
        }
        Outcome::NotAssessed { reasons } => {
            let is_bad = |it: &&String| it.is_empty() || it.contains(BETWEEN_REASONS);
            if let Some(bad) = reasons.iter().find(is_bad) {
                return Err(format!("the reason `{bad}` is empty or has a semicolon"));
            }
            let reasons = reasons.join(&BETWEEN_REASONS.to_string());
            ["not_assessed", "", "", &reasons, "", ""].map(str::to_owned)
        }
        Outcome::Failed { code, message } => {
            ["failed", "", "", "", code, message].map(str::to_owned)
        }
    };
    let labels = [file.clone(), label.to_string(), attack_type.clone().unwrap_or_default()];
    Ok(labels.into_iter().chain(fields).collect())
}

fn written(value: f64) -> Result<String, String> {
    if (0.0..=1.0).contains(&value) {
        Ok(value.to_string())
    } else {
        Err(format!("{value} is not between 0 and 1"))
    }
}

/// Reads a table of [`write_scores`], or one made by hand. Columns may have any order, and
/// `attack_type`, `reasons`, `error_code` and `error_message` may be missing. Labels may have any
/// name that [`Label`](crate::Label) knows.
///
/// # Errors
/// When `reader` fails, a column is missing, unknown or double, or a field does not hold a value of
/// its column.
pub fn read_scores(reader: impl Read) -> Result<Vec<Presentation>, ScoresError> {
    let mut table = csv::Reader::from_reader(reader);
    let columns = table.headers()?.clone();
    check(&columns)?;
    table.records().map(|record| read(&columns, &record?)).collect()
}

/// Finds unknown, double and missing columns.
fn check(columns: &StringRecord) -> Result<(), ScoresError> {
    let mut seen = BTreeSet::new();
    for name in columns {
        if !(FIXED.contains(&name) || name.starts_with(MODEL) || name.starts_with(GROUP)) {
            return Err(ScoresError::Columns(format!("a column `{name}`, which means nothing")));
        }
        if !seen.insert(name) {
            return Err(ScoresError::Columns(format!("two columns `{name}`")));
        }
    }
    match REQUIRED.iter().find(|name| !seen.contains(*name)) {
        Some(missing) => Err(ScoresError::Columns(format!("no column `{missing}`"))),
        None => Ok(()),
    }
}

fn read(columns: &StringRecord, record: &StringRecord) -> Result<Presentation, ScoresError> {
    let fields: BTreeMap<&str, &str> = columns.iter().zip(record).collect();
    let text = |column: &str| fields.get(column).copied().unwrap_or_default();
    let wrong = |column: &str, what: String| {
        let line = record.position().map_or(0, csv::Position::line);
        ScoresError::Field { line, column: column.to_owned(), what }
    };
    let number = |column: &str| {
        let number = text(column).trim().parse::<f64>().ok().filter(|it| (0.0..=1.0).contains(it));
        let what = || format!("`{}` is no number from 0 to 1", text(column));
        number.ok_or_else(|| wrong(column, what()))
    };
    let label = text("label").parse();
    let label = label.map_err(|error: UnknownLabel| wrong("label", error.to_string()))?;
    let outcome = match text("outcome") {
        "scored" => Outcome::Scored { score: number("score")?, fused: number("fused")? },
        "not_assessed" => {
            let reasons = text("reasons").split(BETWEEN_REASONS).filter(|it| !it.is_empty());
            Outcome::NotAssessed { reasons: reasons.map(str::to_owned).collect() }
        }
        "failed" => Outcome::Failed {
            code: text("error_code").to_owned(),
            message: text("error_message").to_owned(),
        },
        other => {
            let what = format!("`{other}` is none of scored, not_assessed and failed");
            return Err(wrong("outcome", what));
        }
    };
    let mut presentation = Presentation {
        file: text("file").to_owned(),
        label,
        attack_type: Some(text("attack_type").to_owned()).filter(|text| !text.is_empty()),
        groups: BTreeMap::new(),
        outcome,
        models: BTreeMap::new(),
    };
    for (column, text) in fields.iter().filter(|(_, text)| !text.is_empty()) {
        if let Some(id) = column.strip_prefix(MODEL) {
            presentation.models.insert(id.to_owned(), number(column)?);
        } else if let Some(name) = column.strip_prefix(GROUP) {
            presentation.groups.insert(name.to_owned(), (*text).to_owned());
        }
    }
    Ok(presentation)
}

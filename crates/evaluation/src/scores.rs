//! `scores.csv`: presentations and their answers as a table, so that metrics can be computed again, or by
//! others, without any model.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

use csv::StringRecord;

use crate::presentation::{Label, Outcome, Presentation};

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

/// Why a table could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScoresError {
    /// The file cannot be read or written, or its rows are of unequal length or no UTF-8.
    #[error("the table of scores is no table")]
    Table(#[from] csv::Error),
    /// What was written cannot be brought to its place.
    #[error("the table of scores cannot be written")]
    Write(#[from] std::io::Error),
    /// A column that must be there is not.
    #[error("the table of scores has no column `{0}`")]
    MissingColumn(String),
    /// Columns are `file`, `label` and so on, `model.<id>` or `group.<name>`.
    #[error("the table of scores has a column `{0}`, which means nothing")]
    UnknownColumn(String),
    /// Which of two of one name is meant would be a guess.
    #[error("the table of scores has two columns `{0}`")]
    DoubleColumn(String),
    /// A field does not say what its column should.
    #[error("line {line}, column `{column}`: {what}")]
    Field {
        /// The line of the file where the row begins, from 1.
        line: u64,
        /// The column's name.
        column: String,
        /// What is wrong, with the text.
        what: String,
    },
    /// A presentation cannot be written so that it would be read again as it is.
    #[error("`{file}` cannot be written: {what}")]
    Unwritable {
        /// Which presentation.
        file: String,
        /// What is wrong with it.
        what: String,
    },
}

/// Writes one row for each presentation, after a row of column names. Numbers are written so that reading them
/// gives the same to the bit.
///
/// # Errors
/// When `writer` fails, or a presentation holds what could not be read again: a number that is not between 0 and
/// 1, an empty reason or one with a semicolon.
pub fn write_scores(writer: impl Write, presentations: &[Presentation]) -> Result<(), ScoresError> {
    let models: BTreeSet<&String> =
        presentations.iter().flat_map(|each| each.models.keys()).collect();
    let groups: BTreeSet<&String> =
        presentations.iter().flat_map(|each| each.groups.keys()).collect();
    let mut table = csv::Writer::from_writer(writer);
    let names = FIXED.iter().map(|&name| name.to_owned());
    let names = names.chain(models.iter().map(|id| format!("{MODEL}{id}")));
    table.write_record(names.chain(groups.iter().map(|column| format!("{GROUP}{column}"))))?;
    for presentation in presentations {
        let unwritable = |what| ScoresError::Unwritable { file: presentation.file.clone(), what };
        let mut row = fixed_fields(presentation).map_err(unwritable)?;
        for id in &models {
            let value = presentation.models.get(*id).map(|&value| written(value)).transpose();
            row.push(value.map_err(unwritable)?.unwrap_or_default());
        }
        row.extend(
            groups
                .iter()
                .map(|&column| presentation.groups.get(column).cloned().unwrap_or_default()),
        );
        table.write_record(row)?;
    }
    table.flush()?;
    Ok(())
}

/// The fields of [`FIXED`].
fn fixed_fields(presentation: &Presentation) -> Result<Vec<String>, String> {
    let [mut score, mut fused, mut joined, mut error_code, mut error_message] =
        [const { String::new() }; 5];
    let outcome = match &presentation.outcome {
        Outcome::Scored { score: of, fused: before } => {
            (score, fused) = (written(*of)?, written(*before)?);
            "scored"
        }
        Outcome::NotAssessed { reasons } => {
            if let Some(bad) =
                reasons.iter().find(|it| it.is_empty() || it.contains(BETWEEN_REASONS))
            {
                return Err(format!("the reason `{bad}` is empty or has a semicolon"));
            }
            joined = reasons.join(&BETWEEN_REASONS.to_string());
            "not_assessed"
        }
        Outcome::Failed { code, message } => {
            (error_code, error_message) = (code.clone(), message.clone());
            "failed"
        }
    };
    let (file, label) = (presentation.file.clone(), presentation.label.to_string());
    let attack_type = presentation.attack_type.clone().unwrap_or_default();
    Ok(vec![
        file,
        label,
        attack_type,
        outcome.to_owned(),
        score,
        fused,
        joined,
        error_code,
        error_message,
    ])
}

fn written(value: f64) -> Result<String, String> {
    if (0.0..=1.0).contains(&value) {
        Ok(value.to_string())
    } else {
        Err(format!("{value} is not between 0 and 1"))
    }
}

/// Reads what [`write_scores`] wrote, or a table made by hand: columns may come in any order, `attack_type`,
/// `reasons`, `error_code` and `error_message` may be missing, and labels may have any name that
/// [`Label`] knows.
///
/// # Errors
/// When `reader` fails, a column is missing, unknown or there twice, or a field is not what its column says.
pub fn read_scores(reader: impl Read) -> Result<Vec<Presentation>, ScoresError> {
    let mut table = csv::Reader::from_reader(reader);
    let columns = columns(table.headers()?)?;
    let rows = table.records().map(|record| {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line);
        Row { columns: &columns, record, line }.read()
    });
    rows.collect()
}

/// Where each column is.
fn columns(names: &StringRecord) -> Result<BTreeMap<String, usize>, ScoresError> {
    let mut columns = BTreeMap::new();
    for (at, name) in names.iter().enumerate() {
        if !(FIXED.contains(&name) || name.starts_with(MODEL) || name.starts_with(GROUP)) {
            return Err(ScoresError::UnknownColumn(name.to_owned()));
        }
        if columns.insert(name.to_owned(), at).is_some() {
            return Err(ScoresError::DoubleColumn(name.to_owned()));
        }
    }
    match REQUIRED.iter().find(|&&name| !columns.contains_key(name)) {
        Some(missing) => Err(ScoresError::MissingColumn((*missing).to_owned())),
        None => Ok(columns),
    }
}

struct Row<'a> {
    columns: &'a BTreeMap<String, usize>,
    record: StringRecord,
    line: u64,
}

impl Row<'_> {
    fn read(&self) -> Result<Presentation, ScoresError> {
        let label: Label =
            self.text("label").parse().map_err(|error| self.wrong("label", &error))?;
        let outcome = match self.text("outcome") {
            "scored" => {
                Outcome::Scored { score: self.number("score")?, fused: self.number("fused")? }
            }
            "not_assessed" => {
                let reasons =
                    self.text("reasons").split(BETWEEN_REASONS).filter(|it| !it.is_empty());
                Outcome::NotAssessed { reasons: reasons.map(str::to_owned).collect() }
            }
            "failed" => Outcome::Failed {
                code: self.text("error_code").to_owned(),
                message: self.text("error_message").to_owned(),
            },
            other => {
                let what = format!("`{other}` is none of scored, not_assessed and failed");
                return Err(self.wrong("outcome", &what));
            }
        };
        let attack_type = Some(self.text("attack_type")).filter(|text| !text.is_empty());
        let mut models = BTreeMap::new();
        for (column, id) in self.with_prefix(MODEL) {
            models.insert(id.to_owned(), self.number(column)?);
        }
        let groups = self.with_prefix(GROUP);
        Ok(Presentation {
            file: self.text("file").to_owned(),
            label,
            attack_type: attack_type.map(str::to_owned),
            groups: groups
                .map(|(column, name)| (name.to_owned(), self.text(column).to_owned()))
                .collect(),
            outcome,
            models,
        })
    }

    /// The columns whose names begin so and that hold something here, each with the rest of its name.
    fn with_prefix(&self, prefix: &'static str) -> impl Iterator<Item = (&str, &str)> {
        let named = self
            .columns
            .keys()
            .filter_map(move |column| Some((&**column, column.strip_prefix(prefix)?)));
        named.filter(|(column, _)| !self.text(column).is_empty())
    }

    /// Empty where the column is not there.
    fn text(&self, column: &str) -> &str {
        self.columns.get(column).and_then(|&at| self.record.get(at)).unwrap_or_default()
    }

    fn number(&self, column: &str) -> Result<f64, ScoresError> {
        let text = self.text(column);
        let number = text.trim().parse::<f64>().ok().filter(|number| (0.0..=1.0).contains(number));
        number.ok_or_else(|| self.wrong(column, &format!("`{text}` is no number from 0 to 1")))
    }

    fn wrong(&self, column: &str, what: &dyn std::fmt::Display) -> ScoresError {
        ScoresError::Field { line: self.line, column: column.to_owned(), what: what.to_string() }
    }
}

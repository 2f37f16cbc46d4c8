//! Results as they come, so that a run which was cut short goes on where it stopped.
//!
//! JSON lines: first what the results depend on, then one result a line. It holds no part of a picture.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::inputs::{Identity, Picture};
use super::measure::Measured;
use super::robustness::Alteration;
use crate::keys::Unusable;
use crate::tell;

/// All that a result depends on, beside the picture.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Fingerprint {
    pub livegate: &'static str,
    pub onnxruntime: String,
    pub pack: String,
    pub pack_digest: String,
    pub device: String,
    pub exact: bool,
    pub liveness: liveness::Settings,
    pub min_picture_side_px: usize,
    pub max_body_bytes: usize,
}

/// One result.
#[derive(Serialize, Deserialize)]
struct Line {
    file: String,
    bytes: u64,
    modified_ns: i64,
    altered: Option<Alteration>,
    #[serde(flatten)]
    measured: Measured,
}

/// The file, and what was in it.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    path: PathBuf,
    known: HashMap<(String, Option<Alteration>), (Identity, Measured)>,
}

/// The file alone, which no other run writes as long as this is there.
#[derive(Debug)]
pub(super) struct Locked {
    file: File,
    path: PathBuf,
}

impl Locked {
    /// Takes the journal in `directory`, before any long work.
    ///
    /// # Errors
    /// When it cannot be written, or another run is writing it.
    pub(super) fn take(directory: &Path) -> anyhow::Result<Self> {
        let path = directory.join("journal.jsonl");
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.with_context(|| format!("{} cannot be written", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file, path }),
            Err(TryLockError::WouldBlock) => {
                bail!(
                    "another evaluation is writing to {}; name a different --out",
                    directory.display()
                )
            }
            Err(TryLockError::Error(error)) => Err(error).context("the journal is locked"),
        }
    }
}

impl Journal {
    /// Reads a journal, with the results of an earlier run of the same fingerprint unless `fresh` is asked
    /// for.
    ///
    /// # Errors
    /// When it cannot be read or written, or holds results of another fingerprint: those took long, and are
    /// given up only by who says so.
    pub(super) fn open(
        Locked { mut file, path }: Locked,
        fingerprint: &Fingerprint,
        fresh: bool,
    ) -> anyhow::Result<Self> {
        let mut bytes = Vec::new();
        let read = file.read_to_end(&mut bytes);
        read.with_context(|| format!("{} cannot be read", path.display()))?;
        // A run that was killed may have left half a line.
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let text = String::from_utf8_lossy(&bytes[..whole]);
        let mut lines = text.lines();
        let here = serde_json::to_value(fingerprint)?;
        let there = lines.next().and_then(|line| serde_json::from_str::<Value>(line).ok());
        let there = there.filter(Value::is_object);
        let mut journal = Self { file, path, known: HashMap::new() };
        if there.as_ref() == Some(&here) && !fresh {
            for Line { file, bytes, modified_ns, altered, measured } in
                lines.filter_map(|line| serde_json::from_str(line).ok())
            {
                let identity = Identity { path: PathBuf::from(&file), bytes, modified_ns };
                journal.known.insert((file, altered), (identity, measured));
            }
            journal.cut(whole as u64)?;
            return Ok(journal);
        }
        match &there {
            _ if fresh && !bytes.is_empty() => tell("Measuring anew: --fresh is given"),
            Some(there) if lines.next().is_some() => {
                let out = journal.path.parent().unwrap_or(Path::new("")).display();
                let other = other(&here, there);
                return Err(Unusable(format!(
                    "what is in {out} was measured with {other}; name another --out, or --fresh to begin anew"
                ))
                .into());
            }
            None if !bytes.is_empty() => {
                tell("Measuring anew: the journal of the earlier run cannot be read");
            }
            _ => {}
        }
        journal.cut(0)?;
        journal.write(&here)?;
        Ok(journal)
    }

    /// What is known of `picture` from an earlier run.
    pub(super) fn known(
        &self,
        picture: &Picture,
        altered: Option<Alteration>,
    ) -> Option<&Measured> {
        let file = picture.identity.path.display().to_string();
        let (identity, measured) = self.known.get(&(file, altered))?;
        let Identity { bytes, modified_ns, .. } = &picture.identity;
        (identity.bytes == *bytes && identity.modified_ns == *modified_ns).then_some(measured)
    }

    /// Keeps a result, unless it may be another the next time.
    pub(super) fn keep(
        &mut self,
        picture: &Picture,
        altered: Option<Alteration>,
        measured: &Measured,
    ) -> anyhow::Result<()> {
        if !measured.is_lasting() {
            return Ok(());
        }
        let Identity { path, bytes, modified_ns } = &picture.identity;
        self.write(&Line {
            file: path.display().to_string(),
            bytes: *bytes,
            modified_ns: *modified_ns,
            altered,
            measured: measured.clone(),
        })
    }

    fn cut(&mut self, length: u64) -> anyhow::Result<()> {
        let cut = self.file.set_len(length).and_then(|()| self.file.seek(SeekFrom::End(0)));
        cut.with_context(|| format!("{} cannot be written", self.path.display()))?;
        Ok(())
    }

    /// A line in one piece: whoever is killed leaves whole ones, or half of the last.
    fn write(&mut self, line: &impl Serialize) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(line)?;
        line.push(b'\n');
        let written = self.file.write_all(&line);
        written.with_context(|| format!("{} cannot be written", self.path.display()))
    }
}

/// What an earlier run was measured with that is not as it is here.
fn other(here: &Value, there: &Value) -> String {
    let differs = |key: &str| here.get(key) != there.get(key);
    let shown = |of: &Value, key: &str| {
        of.get(key).and_then(Value::as_str).map_or("nothing".to_owned(), |text| format!("`{text}`"))
    };
    if differs("pack") {
        return format!("another pack ({}, not {})", shown(there, "pack"), shown(here, "pack"));
    }
    if differs("pack_digest") {
        return format!("the pack {} as it was before it changed", shown(here, "pack"));
    }
    for (key, what) in
        [("livegate", "Livegate"), ("onnxruntime", "ONNX Runtime"), ("device", "device")]
    {
        if differs(key) {
            return format!("another {what} ({}, not {})", shown(there, key), shown(here, key));
        }
    }
    let mut settings = Vec::new();
    for (key, value) in here.as_object().into_iter().flatten() {
        match value.as_object() {
            Some(parts) => {
                let old = there.get(key);
                let differ = parts
                    .iter()
                    .filter(|(part, value)| old.and_then(|old| old.get(part)) != Some(value));
                settings.extend(differ.map(|(part, _)| format!("{key}.{part}")));
            }
            None if differs(key) => settings.push(key.clone()),
            None => {}
        }
    }
    format!("other settings ({})", settings.join(", "))
}

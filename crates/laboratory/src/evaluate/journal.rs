//! The journal of results, from which a run that was interrupted continues.
//!
//! JSON lines: first the fingerprint of the run, then one result a line. It holds no part of a
//! picture.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use engine::refuse;
use engine::terminal::tell;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::inputs::{Identity, Picture};
use super::measure::Measured;
use super::robustness::Alteration;

/// One result.
#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    picture: Identity,
    altered: Option<Alteration>,
    #[serde(flatten)]
    measured: Measured,
}

/// The file, which is locked, and the results that were in it.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    path: PathBuf,
    known: HashMap<(Identity, Option<Alteration>), Measured>,
}

impl Journal {
    /// Locks the journal in `directory`.
    ///
    /// # Errors
    /// When it cannot be written, or another run is writing it.
    pub(super) fn lock(directory: &Path) -> anyhow::Result<Self> {
        let path = directory.join("journal.jsonl");
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.with_context(|| format!("{} cannot be written", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file, path, known: HashMap::new() }),
            Err(TryLockError::WouldBlock) => {
                bail!(
                    "another evaluation is writing to {}; name a different --out",
                    directory.display()
                )
            }
            Err(TryLockError::Error(error)) => Err(error).context("the journal is locked"),
        }
    }

    /// Reads the file, with the results of an earlier run of the same fingerprint unless `fresh`
    /// is set.
    ///
    /// # Errors
    /// When it cannot be read or written, or holds results of another fingerprint. Those are
    /// dropped only with `fresh`, as they took long.
    pub(super) fn open(&mut self, fingerprint: &Value, fresh: bool) -> anyhow::Result<()> {
        let mut bytes = Vec::new();
        let read = self.file.read_to_end(&mut bytes);
        read.with_context(|| format!("{} cannot be read", self.path.display()))?;
        // A killed run may have left half a line.
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let text = String::from_utf8_lossy(&bytes[..whole]);
        let mut lines = text.lines();
        let there = lines.next().and_then(|line| serde_json::from_str::<Value>(line).ok());
        let there = there.filter(Value::is_object);
        if there.as_ref() == Some(fingerprint) && !fresh {
            let lines = lines.filter_map(|line| serde_json::from_str(line).ok());
            let known = |Line { picture, altered, measured }| ((picture, altered), measured);
            self.known = lines.map(known).collect();
            return self.cut(whole as u64);
        }
        match &there {
            _ if fresh && !bytes.is_empty() => tell("Measuring anew: --fresh is given"),
            Some(there) if lines.next().is_some() => {
                let out = self.path.parent().unwrap_or(Path::new("")).display();
                let difference = difference(fingerprint, there);
                refuse!(
                    "what is in {out} was measured with {difference}; name another --out, or --fresh \
                     to begin anew"
                );
            }
            None if !bytes.is_empty() => {
                tell("Measuring anew: the journal of the earlier run cannot be read");
            }
            _ => {}
        }
        self.cut(0)?;
        self.write(fingerprint)
    }

    /// The result of an earlier run for `picture`.
    pub(super) fn known(
        &self,
        picture: &Picture,
        altered: Option<Alteration>,
    ) -> Option<&Measured> {
        self.known.get(&(picture.identity.clone(), altered))
    }

    /// Keeps a result, unless the next run may have another.
    pub(super) fn keep(
        &mut self,
        picture: &Picture,
        altered: Option<Alteration>,
        measured: &Measured,
    ) -> anyhow::Result<()> {
        if !measured.is_lasting() {
            return Ok(());
        }
        let measured = measured.clone();
        self.write(&Line { picture: picture.identity.clone(), altered, measured })
    }

    fn cut(&mut self, length: u64) -> anyhow::Result<()> {
        let cut = self.file.set_len(length).and_then(|()| self.file.seek(SeekFrom::End(0)));
        cut.with_context(|| format!("{} cannot be written", self.path.display()))?;
        Ok(())
    }

    /// Writes a line in one piece: a killed run leaves at most half of its last line.
    fn write(&mut self, line: &impl Serialize) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(line)?;
        line.push(b'\n');
        let written = self.file.write_all(&line);
        written.with_context(|| format!("{} cannot be written", self.path.display()))
    }
}

/// The first difference between the fingerprints of this run and of an earlier one.
fn difference(here: &Value, there: &Value) -> String {
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
    for (key, value) in here.as_object().into_iter().flatten().filter(|(key, _)| differs(key)) {
        match value.as_object() {
            Some(parts) => {
                let changed =
                    parts.iter().filter(|(part, value)| there[key].get(part) != Some(value));
                settings.extend(changed.map(|(part, _)| format!("{key}.{part}")));
            }
            None => settings.push(key.clone()),
        }
    }
    format!("other settings ({})", settings.join(", "))
}

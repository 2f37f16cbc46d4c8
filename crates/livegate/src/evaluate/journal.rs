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

impl Journal {
    /// Opens the journal in `directory`, with the results of an earlier run if that was of the same
    /// fingerprint and `fresh` is not asked for.
    ///
    /// # Errors
    /// When it cannot be read or written, or another run is writing it.
    pub(super) fn open(
        directory: &Path,
        fingerprint: &Fingerprint,
        fresh: bool,
    ) -> anyhow::Result<Self> {
        let path = directory.join("journal.jsonl");
        let shown = path.display();
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = file.with_context(|| format!("{shown} cannot be written"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                bail!(
                    "another evaluation is writing to {}; name a different --out",
                    directory.display()
                )
            }
            Err(TryLockError::Error(error)) => return Err(error).context("the journal is locked"),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).with_context(|| format!("{shown} cannot be read"))?;
        // A run that was killed may have left half a line.
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let text = String::from_utf8_lossy(&bytes[..whole]);
        let mut lines = text.lines();
        let here = serde_json::to_value(fingerprint)?;
        let there = lines.next().and_then(|line| serde_json::from_str::<Value>(line).ok());
        let mut journal = Self { file, path, known: HashMap::new() };
        if there.as_ref() == Some(&here) && !fresh {
            for Line { file, bytes, modified_ns, altered, measured } in
                lines.filter_map(|line| serde_json::from_str(line).ok())
            {
                let identity = Identity { path: PathBuf::from(&file), bytes, modified_ns };
                journal.known.insert((file, altered), (identity, measured));
            }
            journal.cut(whole as u64)?;
        } else {
            if !bytes.is_empty() {
                tell(&format!("Measuring anew: {}", why_anew(&here, there.as_ref(), fresh)));
            }
            journal.cut(0)?;
            journal.write(&here)?;
        }
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

/// Why an earlier run's results are of no use.
fn why_anew(here: &Value, there: Option<&Value>, fresh: bool) -> String {
    if fresh {
        return "--fresh is given".to_owned();
    }
    let (Some(here), Some(there)) = (here.as_object(), there.and_then(Value::as_object)) else {
        return "the journal of the earlier run cannot be read".to_owned();
    };
    let differ: Vec<&str> = here
        .iter()
        .filter(|(key, value)| there.get(*key) != Some(value))
        .map(|(key, _)| key.as_str())
        .collect();
    format!("the earlier run here was of another {}", differ.join(", "))
}

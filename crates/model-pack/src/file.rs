//! Regular files: read only when they have the expected length, replaced in one step.

use std::fs::File;
use std::io::{Read, Result, Write};
use std::path::Path;

use tempfile::NamedTempFile;

/// The names of incomplete files begin with this.
pub(crate) const PART_PREFIX: &str = ".part-";

/// Opens a regular file, and returns it with its length. `None` if it is of another kind: opening a
/// pipe would wait for a writer.
pub(crate) fn open(path: &Path) -> Result<Option<(File, u64)>> {
    let metadata = path.metadata()?;
    Ok(if metadata.is_file() { Some((File::open(path)?, metadata.len())) } else { None })
}

/// True if the file has exactly this text. A file of another length is not read.
pub(crate) fn holds(path: &Path, text: &str) -> Result<bool> {
    let expected = text.len() as u64;
    let Some((file, length)) = open(path)? else { return Ok(false) };
    let mut found = Vec::with_capacity(text.len());
    if length == expected {
        file.take(expected + 1).read_to_end(&mut found)?;
    }
    Ok(found == text.as_bytes())
}

/// Writes a file in one step, unless it has this text already.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    if holds(path, text).unwrap_or(false) {
        return Ok(());
    }
    let mut part = new_part(path.parent().unwrap_or(Path::new(".")))?;
    part.write_all(text.as_bytes())?;
    persist(part, path)
}

/// A new file that is written here until it is complete.
pub(crate) fn new_part(directory: &Path) -> Result<NamedTempFile> {
    tempfile::Builder::new().prefix(PART_PREFIX).tempfile_in(directory)
}

/// Moves a complete file into place, readable by all users who may use the home directory.
pub(crate) fn persist(part: NamedTempFile, path: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        part.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    part.as_file().sync_all()?;
    part.persist(path)?;
    Ok(())
}

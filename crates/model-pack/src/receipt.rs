//! What lets a start do without hashing 133 MB of libraries, or 1.6 GB for a GPU: a receipt beside them.
//!
//! It says of each file which digest was found, and the length and the time of change that it had then. As long as
//! those two fit, the file is taken to be the one that was hashed; where they do not (after a copy, say),
//! it is hashed, and the receipt written anew if that can be done. The digests must be those that this version
//! of the program asks for, so that files of another version never pass.
//!
//! What that is worth: a file that was cut short, replaced, or written into is noticed. One that changed under the
//! file system without a new time is not, nor is somebody who may write here and sets the time back: such a one
//! could do as much in the moment between hashing and loading. `livegate setup` hashes every file again.

use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::artifact::{Artifact, PART_PREFIX, persist};
use crate::digest::Digest;

/// Its name beside the files.
const NAME: &str = "installed.toml";
/// Longest that is read, bytes. One of seven files has 1300.
const MOST_BYTES: u64 = 1 << 16;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Receipt {
    files: Vec<Seen>,
}

/// A file as it was when its digest was worked out.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    file: String,
    sha256: Digest,
    size_bytes: u64,
    /// Whole seconds since 1970, as image layers and archives keep no more.
    modified_s: u64,
}

/// Writes down that `artifacts` are in `directory`, each of which was hashed just now.
pub(crate) fn write(artifacts: &[Artifact], directory: &Path) -> std::io::Result<()> {
    let seen = seen(artifacts, directory)?;
    if read(directory).as_ref() == Some(&seen) { Ok(()) } else { replace(&seen, directory) }
}

fn replace(receipt: &Receipt, directory: &Path) -> std::io::Result<()> {
    let receipt = toml::to_string(receipt).map_err(std::io::Error::other)?;
    let mut beside = tempfile::Builder::new().prefix(PART_PREFIX).tempfile_in(directory)?;
    std::io::Write::write_all(&mut beside, receipt.as_bytes())?;
    persist(beside, &directory.join(NAME))
}

/// Whether `directory` holds all of `artifacts`, whole and unchanged.
pub(crate) fn are_in(artifacts: &[Artifact], directory: &Path) -> std::io::Result<bool> {
    let seen = seen(artifacts, directory)?;
    let is_right = |(seen, artifact): (&Seen, &Artifact)| seen.size_bytes == artifact.size_bytes;
    if !seen.files.iter().zip(artifacts).all(is_right) {
        return Ok(false);
    }
    if read(directory).is_some_and(|receipt| receipt == seen) {
        return Ok(true);
    }
    for artifact in artifacts {
        if !artifact.is_in(directory)? {
            return Ok(false);
        }
    }
    // A home that cannot be written to is hashed at each start.
    let _ = replace(&seen, directory);
    Ok(true)
}

/// What there is in `directory` now under the names of `artifacts`, taken to be them.
fn seen(artifacts: &[Artifact], directory: &Path) -> std::io::Result<Receipt> {
    let look = |artifact: &Artifact| {
        let metadata = directory.join(&artifact.file).metadata()?;
        let modified = metadata.modified()?.duration_since(SystemTime::UNIX_EPOCH);
        Ok(Seen {
            file: artifact.file.clone(),
            sha256: artifact.sha256,
            // A directory or a pipe is none of them.
            size_bytes: if metadata.is_file() { metadata.len() } else { 0 },
            modified_s: modified.map_or(0, |since| since.as_secs()),
        })
    };
    Ok(Receipt { files: artifacts.iter().map(look).collect::<std::io::Result<_>>()? })
}

fn read(directory: &Path) -> Option<Receipt> {
    let path = directory.join(NAME);
    let metadata = path.metadata().ok()?;
    if !metadata.is_file() || metadata.len() > MOST_BYTES {
        return None;
    }
    toml::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{File, FileTimes};
    use std::time::Duration;

    fn artifact(file: &str, content: &[u8]) -> Artifact {
        Artifact {
            file: file.into(),
            sha256: Digest::of(content),
            size_bytes: content.len() as u64,
            licence: "CC0-1.0".into(),
            origin: "this test".into(),
            training_data: None,
            sources: vec![],
        }
    }

    /// Two files, and the directory that they are in.
    fn installed() -> (tempfile::TempDir, [Artifact; 2]) {
        let directory = tempfile::tempdir().unwrap();
        let artifacts = [artifact("one", b"first"), artifact("two", b"second")];
        for (artifact, mut content) in artifacts.iter().zip([&b"first"[..], b"second"]) {
            artifact.place(&mut content, directory.path()).unwrap();
        }
        (directory, artifacts)
    }

    fn set_time(path: &Path, time: SystemTime) {
        let file = File::options().write(true).open(path).unwrap();
        file.set_times(FileTimes::new().set_modified(time)).unwrap();
    }

    #[test]
    fn a_file_of_another_content_length_or_version_is_noticed() {
        let (directory, artifacts) = installed();
        let (path, two) = (directory.path(), directory.path().join("two"));
        write(&artifacts, path).unwrap();
        assert!(are_in(&artifacts, path).unwrap());

        std::fs::write(&two, "changed").unwrap();
        assert!(!are_in(&artifacts, path).unwrap());
        std::fs::write(&two, "secend").unwrap();
        set_time(&two, SystemTime::now() + Duration::from_secs(9));
        assert!(!are_in(&artifacts, path).unwrap());
        // Of another version, with a receipt of its own.
        let other = [artifacts[0].clone(), artifact("two", b"secend")];
        write(&other, path).unwrap();
        assert!(are_in(&other, path).unwrap());
        assert!(!are_in(&artifacts, path).unwrap());
        std::fs::remove_file(&two).unwrap();
        assert!(are_in(&artifacts, path).is_err());
    }

    #[test]
    fn files_without_a_receipt_that_fits_are_hashed_and_get_one() {
        let (directory, artifacts) = installed();
        let path = directory.path();
        for spoil in [&|| (), &|| std::fs::write(path.join(NAME), "no receipt").unwrap(), &|| {
            set_time(&path.join("one"), SystemTime::UNIX_EPOCH + Duration::from_secs(1));
        }] as [&dyn Fn(); 3]
        {
            spoil();
            assert!(read(path) != seen(&artifacts, path).ok());
            assert!(are_in(&artifacts, path).unwrap());
            assert_eq!(read(path), seen(&artifacts, path).ok());
        }
    }

    #[test]
    fn with_a_receipt_that_fits_no_file_is_read() {
        let (directory, artifacts) = installed();
        let path = directory.path();
        write(&artifacts, path).unwrap();
        let time = path.join("two").metadata().unwrap().modified().unwrap();
        // What is not noticed, as the text above says.
        std::fs::write(path.join("two"), "secend").unwrap();
        set_time(&path.join("two"), time);
        assert!(are_in(&artifacts, path).unwrap());
        assert!(!artifacts[1].is_in(path).unwrap());
    }
}

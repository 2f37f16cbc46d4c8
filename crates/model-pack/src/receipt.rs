//! A receipt beside installed libraries, so that a start need not hash 133 MB, or 1.6 GB for a GPU.
//!
//! The receipt notes for each file its digest, and its length and time of change when it was
//! hashed. While those two are unchanged, the file counts as unchanged. Otherwise (after a copy,
//! say) all files are hashed, and the receipt is written anew if possible. The digests are those of
//! this version of the program, so files of another version never pass.
//!
//! Limits: the receipt notices a file that was cut short, replaced or overwritten. It does not
//! notice a changed file whose time was set back. A user who can do that could also change the file
//! between hashing and loading. `livegate setup` hashes every file.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use serde::Serialize;

use crate::artifact::Artifact;
use crate::digest::Digest;
use crate::file;

/// The receipt's name beside the files.
const NAME: &str = "installed.toml";

/// A file as it was when it was hashed.
#[derive(Serialize)]
struct Seen {
    file: String,
    sha256: Digest,
    size_bytes: u64,
    /// Whole seconds since 1970: image layers and archives keep no fractions.
    modified_s: u64,
}

/// Writes the receipt for `artifacts` in `directory`, which were hashed just now.
pub(crate) fn write(artifacts: &[Artifact], directory: &Path) -> std::io::Result<()> {
    file::write(&directory.join(NAME), &text(&look(artifacts, directory)?)?)
}

/// True if `directory` has all of `artifacts`, complete and unchanged.
pub(crate) fn are_in(artifacts: &[Artifact], directory: &Path) -> std::io::Result<bool> {
    let receipt = look(artifacts, directory)?;
    let mut pairs = receipt.iter().zip(artifacts);
    if pairs.any(|(seen, artifact)| seen.size_bytes != artifact.size_bytes) {
        return Ok(false);
    }
    let (path, text) = (directory.join(NAME), text(&receipt)?);
    if file::holds(&path, &text).unwrap_or(false) {
        return Ok(true);
    }
    for artifact in artifacts {
        if !artifact.is_in(directory)? {
            return Ok(false);
        }
    }
    // Without a receipt, in a home that cannot be written to, every start hashes the files.
    let _ = file::write(&path, &text);
    Ok(true)
}

/// The receipt of the files that `directory` has now under the names of `artifacts`, with their
/// digests.
fn look(artifacts: &[Artifact], directory: &Path) -> std::io::Result<Vec<Seen>> {
    let look = |artifact: &Artifact| {
        let metadata = directory.join(&artifact.file).metadata()?;
        let modified = metadata.modified()?.duration_since(SystemTime::UNIX_EPOCH);
        Ok(Seen {
            file: artifact.file.clone(),
            sha256: artifact.sha256,
            // Only regular files count.
            size_bytes: if metadata.is_file() { metadata.len() } else { 0 },
            modified_s: modified.map_or(0, |since| since.as_secs()),
        })
    };
    artifacts.iter().map(look).collect()
}

fn text(files: &[Seen]) -> std::io::Result<String> {
    toml::to_string(&BTreeMap::from([("files", files)])).map_err(std::io::Error::other)
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

    /// Two files and their directory.
    fn installed() -> (tempfile::TempDir, [Artifact; 2]) {
        let directory = tempfile::tempdir().unwrap();
        let artifacts = [artifact("one", b"first"), artifact("two", b"second")];
        for (artifact, mut content) in artifacts.iter().zip([&b"first"[..], b"second"]) {
            artifact.place(&mut content, directory.path()).unwrap();
        }
        (directory, artifacts)
    }

    fn has_receipt(artifacts: &[Artifact], path: &Path) -> bool {
        let text = text(&look(artifacts, path).unwrap()).unwrap();
        file::holds(&path.join(NAME), &text).unwrap_or(false)
    }

    fn set_time(path: &Path, time: SystemTime) {
        let file = File::options().write(true).open(path).unwrap();
        file.set_times(FileTimes::new().set_modified(time)).unwrap();
    }

    #[test]
    fn a_file_with_another_content_length_or_version_is_noticed() {
        let (directory, artifacts) = installed();
        let (path, two) = (directory.path(), directory.path().join("two"));
        write(&artifacts, path).unwrap();
        assert!(are_in(&artifacts, path).unwrap());

        std::fs::write(&two, "changed").unwrap();
        assert!(!are_in(&artifacts, path).unwrap());
        std::fs::write(&two, "secend").unwrap();
        set_time(&two, SystemTime::now() + Duration::from_secs(9));
        assert!(!are_in(&artifacts, path).unwrap());
        // Another version, with a receipt of its own.
        let other = [artifacts[0].clone(), artifact("two", b"secend")];
        write(&other, path).unwrap();
        assert!(are_in(&other, path).unwrap());
        assert!(!are_in(&artifacts, path).unwrap());
        std::fs::remove_file(&two).unwrap();
        assert!(are_in(&artifacts, path).is_err());
    }

    #[test]
    fn files_without_a_matching_receipt_are_hashed_and_get_one() {
        let (directory, artifacts) = installed();
        let path = directory.path();
        for spoil in [&|| (), &|| std::fs::write(path.join(NAME), "no receipt").unwrap(), &|| {
            set_time(&path.join("one"), SystemTime::UNIX_EPOCH + Duration::from_secs(1));
        }] as [&dyn Fn(); 3]
        {
            spoil();
            assert!(!has_receipt(&artifacts, path));
            assert!(are_in(&artifacts, path).unwrap());
            assert!(has_receipt(&artifacts, path));
        }
    }

    #[test]
    fn with_a_matching_receipt_no_file_is_read() {
        let (directory, artifacts) = installed();
        let path = directory.path();
        write(&artifacts, path).unwrap();
        let time = path.join("two").metadata().unwrap().modified().unwrap();
        // A change with the time set back is not noticed, as the module's text says.
        std::fs::write(path.join("two"), "secend").unwrap();
        set_time(&path.join("two"), time);
        assert!(are_in(&artifacts, path).unwrap());
        assert!(!artifacts[1].is_in(path).unwrap());
    }
}

//! Picture files that are checked as the service would check their bytes.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use ingress::Problem;
use liveness::CheckError;
use serde::Serialize;

/// The reason why a file has no report.
#[derive(Debug, Clone, Serialize)]
pub struct Unverified {
    /// The service's code for the problem, or [`UNREADABLE_FILE`].
    pub code: &'static str,
    /// The problem in a sentence.
    pub message: String,
}

/// The code of a file that cannot be read. The service has none: it gets bytes.
pub const UNREADABLE_FILE: &str = "unreadable_file";

/// Reads a file of at most `max_bytes`.
///
/// # Errors
/// When the file cannot be read, or is larger.
pub fn read(file: &Path, max_bytes: usize) -> Result<Vec<u8>, Unverified> {
    let mut bytes = Vec::new();
    let opened = File::open(file);
    let read = opened.and_then(|file| file.take(max_bytes as u64 + 1).read_to_end(&mut bytes));
    match read {
        Ok(read) if read <= max_bytes => Ok(bytes),
        Ok(_) => {
            let problem = Problem::BodyTooLarge { limit_bytes: max_bytes };
            let message = format!("the file is larger than {max_bytes} bytes, the limit of bodies");
            Err(Unverified { code: problem.code(), message })
        }
        Err(error) => {
            let message = format!("the file cannot be read: {error}");
            Err(Unverified { code: UNREADABLE_FILE, message })
        }
    }
}

/// Separates a fault of the picture, which is the file's, from a fault of a model.
///
/// # Errors
/// When a model could not be run.
pub fn fault_of_picture(error: CheckError) -> Result<Unverified, CheckError> {
    if matches!(error, CheckError::Detect(_) | CheckError::Score(_)) {
        return Err(error);
    }
    let problem = Problem::from(error);
    Ok(Unverified { code: problem.code(), message: problem.story() })
}

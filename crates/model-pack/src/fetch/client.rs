//! The ordinary package clients, `pip` and `npm`, as whoever runs this has set them up.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use crate::fetch::{FetchError, REACH_LIMIT};

/// How long a client may take in all: a slow line, not a stuck one.
const WHOLE_LIMIT: Duration = Duration::from_mins(15);
/// What a client writes for itself before it has reached anything is less than this, bytes.
const QUIET_LIMIT: u64 = 256 << 10;
/// How often the size of what has come is looked at.
const TICK: Duration = Duration::from_millis(100);

/// Called with the bytes that have come so far.
pub(crate) type OnBytes<'a> = &'a dyn Fn(u64);

/// Has pip put the wheel `requirement` into `directory`, whatever Python this machine has.
pub(crate) fn pip_download(
    requirement: &str,
    platforms: &[String],
    directory: &Path,
    on_bytes: OnBytes<'_>,
) -> Result<PathBuf, FetchError> {
    for pip in [&["python3", "-m", "pip"][..], &["pip3"], &["pip"]] {
        let mut command = Command::new(pip[0]);
        command.args(&pip[1..]).args(["download", "--no-deps", "--only-binary=:all:"]);
        command.args(["--python-version", "3.11", "--implementation", "cp"]);
        command.args(platforms.iter().flat_map(|platform| ["--platform", platform.as_str()]));
        command.args(["--no-input", "--disable-pip-version-check", "--progress-bar", "off"]);
        command.args(["--retries", "0", "--timeout", "5", "--dest"]);
        command
            .arg(directory)
            .arg(requirement)
            .env_remove("PIP_QUIET")
            .env("PYTHONUNBUFFERED", "1")
            .env("TMPDIR", directory);
        let answered = |line: &str| {
            ["Downloading", "Using cached", "Saved "].iter().any(|word| line.contains(word))
        };
        match run("pip", command, answered, directory, on_bytes) {
            Err(FetchError::NoClient(_)) => {}
            Err(FetchError::Client { said, .. }) if said.contains("No module named pip") => {}
            result => return result.and_then(|()| archive_in(directory, "whl", "pip")),
        }
    }
    Err(FetchError::NoClient("pip"))
}

/// Has npm put the archive of `package` into `directory`.
pub(crate) fn npm_pack(
    package: &str,
    directory: &Path,
    on_bytes: OnBytes<'_>,
) -> Result<PathBuf, FetchError> {
    let mut command = Command::new("npm");
    command.args(["pack", package, "--loglevel", "http", "--fetch-retries", "0"]);
    command.args(["--no-update-notifier", "--no-fund", "--no-audit"]);
    command.arg("--pack-destination").arg(directory);
    command.arg("--cache").arg(directory.join("cache")).current_dir(directory);
    let answered = |line: &str| line.contains("http fetch GET 200");
    run("npm", command, answered, directory, on_bytes)?;
    archive_in(directory, "tgz", "npm")
}

/// The one file ending in `extension` that the client has left in `directory`.
fn archive_in(
    directory: &Path,
    extension: &str,
    client: &'static str,
) -> Result<PathBuf, FetchError> {
    let entries = std::fs::read_dir(directory)?.filter_map(Result::ok).map(|entry| entry.path());
    let mut archives = entries.filter(|path| path.extension() == Some(OsStr::new(extension)));
    archives
        .next()
        .ok_or_else(|| FetchError::Client { client, said: format!("it left no .{extension} file") })
}

/// Runs a client to its end, or ends it: when it has not `answered` (seen in what it prints) within
/// [`REACH_LIMIT`], or takes longer than [`WHOLE_LIMIT`].
fn run(
    client: &'static str,
    mut command: Command,
    answered: impl Fn(&str) -> bool,
    directory: &Path,
    on_bytes: OnBytes<'_>,
) -> Result<(), FetchError> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Running(command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => FetchError::NoClient(client),
        _ => FetchError::Io(error),
    })?);
    let (lines, printed) = channel();
    listen(child.0.stdout.take(), lines.clone());
    listen(child.0.stderr.take(), lines);
    let start = Instant::now();
    let mut has_answered = false;
    let mut said: Vec<String> = Vec::new();
    loop {
        match printed.recv_timeout(TICK) {
            Ok(line) => {
                has_answered |= answered(&line);
                said.push(line);
            }
            Err(RecvTimeoutError::Timeout) => {
                let bytes = size_of(directory);
                // A client that was told to be quiet is known by what it brings.
                has_answered |= bytes > QUIET_LIMIT;
                on_bytes(bytes);
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if !has_answered && start.elapsed() > REACH_LIMIT {
            return Err(FetchError::Unreachable);
        }
        if start.elapsed() > WHOLE_LIMIT {
            return Err(FetchError::Client { client, said: "it did not come to an end".into() });
        }
    }
    if child.0.wait()?.success() {
        return Ok(());
    }
    let errors: Vec<String> = said.into_iter().filter(|line| is_complaint(line)).collect();
    Err(FetchError::Client { client, said: errors.join("; ") })
}

/// Whether a client's line says what went wrong.
fn is_complaint(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    line.contains("error") || line.contains("no module named")
}

/// A client that is ended when nobody waits for it any more.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn listen(stream: Option<impl Read + Send + 'static>, lines: Sender<String>) {
    let Some(stream) = stream else { return };
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                break;
            }
        }
    });
}

/// Bytes in all files below `directory`, as far as they can be seen.
fn size_of(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return 0;
    };
    entries
        .filter_map(Result::ok)
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size_of(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

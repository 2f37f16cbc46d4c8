//! The package clients `pip` and `npm`, with the user's own configuration.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::fetch::{FetchError, REACH_LIMIT};

/// Maximum time of a client. A slow line is allowed for, a stuck one is ended.
const WHOLE_LIMIT: Duration = Duration::from_mins(15);
/// Maximum bytes that a client writes before it has reached its registry.
const QUIET_LIMIT: u64 = 256 << 10;
/// Interval of the progress reports.
const TICK: Duration = Duration::from_millis(100);

/// Is called with the bytes of the download so far.
pub(crate) type OnBytes<'a> = &'a dyn Fn(u64);

/// Runs pip to download the wheel `requirement` into `directory`, for any Python of this machine.
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
        let has_responded = |line: &str| {
            ["Downloading", "Using cached", "Saved "].iter().any(|word| line.contains(word))
        };
        match run("pip", command, has_responded, directory, on_bytes) {
            Err(FetchError::NoClient(_)) => {}
            Err(FetchError::Client { message, .. }) if message.contains("No module named pip") => {}
            result => return result.and_then(|()| archive_in(directory, "whl", "pip")),
        }
    }
    Err(FetchError::NoClient("pip"))
}

/// Runs npm to download the archive of `package` into `directory`.
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
    let has_responded = |line: &str| line.contains("http fetch GET 200");
    run("npm", command, has_responded, directory, on_bytes)?;
    archive_in(directory, "tgz", "npm")
}

/// The file with this extension that the client has left in `directory`.
fn archive_in(
    directory: &Path,
    extension: &str,
    client: &'static str,
) -> Result<PathBuf, FetchError> {
    let entries = std::fs::read_dir(directory)?.filter_map(Result::ok).map(|entry| entry.path());
    let mut archives = entries.filter(|path| path.extension() == Some(OsStr::new(extension)));
    let message = || format!("it left no .{extension} file");
    archives.next().ok_or_else(|| FetchError::Client { client, message: message() })
}

/// Runs a client to its end. It is ended earlier if its output does not show within [`REACH_LIMIT`]
/// that its registry `has_responded`, or if it takes longer than [`WHOLE_LIMIT`].
fn run(
    client: &'static str,
    mut command: Command,
    has_responded: impl Fn(&str) -> bool,
    directory: &Path,
    on_bytes: OnBytes<'_>,
) -> Result<(), FetchError> {
    let (reader, writer) = std::io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = Running(command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => FetchError::NoClient(client),
        _ => FetchError::Io(error),
    })?);
    // With this the client has the only writer, so its end is the end of the lines.
    drop(command);
    let (lines, printed) = channel();
    std::thread::spawn(move || {
        let mut read = BufReader::new(reader).lines().map_while(Result::ok);
        read.try_for_each(|line| lines.send(line))
    });
    let start = Instant::now();
    let mut is_reached = false;
    let mut output: Vec<String> = Vec::new();
    loop {
        match printed.recv_timeout(TICK) {
            Ok(line) => {
                is_reached |= has_responded(&line);
                output.push(line);
            }
            Err(RecvTimeoutError::Timeout) => {
                let bytes = size_of(directory);
                // A quiet client shows its progress only by the bytes that it writes.
                is_reached |= bytes > QUIET_LIMIT;
                on_bytes(bytes);
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if !is_reached && start.elapsed() > REACH_LIMIT {
            return Err(FetchError::Unreachable);
        }
        if start.elapsed() > WHOLE_LIMIT {
            return Err(FetchError::Client { client, message: "it did not end".into() });
        }
    }
    if child.0.wait()?.success() {
        return Ok(());
    }
    output.retain(|line| is_complaint(line));
    Err(FetchError::Client { client, message: output.join("; ") })
}

/// True if a client's line is an error message.
fn is_complaint(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    line.contains("error") || line.contains("no module named")
}

/// A client that is ended when this is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // These fail if it has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Bytes in all readable files below `directory`.
fn size_of(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size_of(&entry.path()),
        metadata => metadata.map_or(0, |metadata| metadata.len()),
    });
    sizes.sum()
}

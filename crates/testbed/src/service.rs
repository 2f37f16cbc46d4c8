//! A running `livegate serve`, as a process that tests ask over HTTP.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::client::{Answer, Body, Client};
use crate::process::{self, PATIENCE, awaited};

/// A service that listens; killed when dropped.
#[derive(Debug)]
pub struct Service {
    child: Child,
    url: String,
    printed: Mutex<Printed>,
    /// What it writes to standard error.
    log: tempfile::NamedTempFile,
}

/// The lines of standard output: those that tests have asked for, and those that still come.
#[derive(Debug)]
struct Printed {
    lines: Vec<String>,
    coming: Receiver<String>,
}

impl Service {
    /// Runs `command`, a `livegate serve` on loopback, and waits until it says where it listens.
    ///
    /// # Panics
    /// When it does not start within [`PATIENCE`]; with its log.
    #[must_use]
    pub fn start(command: Command) -> Self {
        Self::try_start(command).expect("the binary can be run")
    }

    /// [`Service::start`] where the system may refuse to run the binary.
    ///
    /// # Errors
    /// When the process cannot be made.
    ///
    /// # Panics
    /// When the process does not say where it listens within [`PATIENCE`]; with its log.
    pub fn try_start(command: Command) -> std::io::Result<Self> {
        let log = tempfile::NamedTempFile::new()?;
        let to = log.reopen()?.into();
        Self::listening(command, log, to)
    }

    /// [`Service::start`] with a log that goes to `to`, as to a pipe that the test reads.
    ///
    /// # Panics
    /// As [`Service::start`].
    #[must_use]
    pub fn start_with_log(command: Command, to: impl Into<Stdio>) -> Self {
        let log = tempfile::NamedTempFile::new().expect("temporary files can be made");
        Self::listening(command, log, to.into()).expect("the binary can be run")
    }

    fn listening(
        mut command: Command,
        log: tempfile::NamedTempFile,
        log_to: Stdio,
    ) -> std::io::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log_to);
        let mut child = command.spawn()?;
        // It has handles of its own: the writing end of a pipe would stay open.
        drop(command);
        let output = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let (sender, coming) = mpsc::channel();
        std::thread::spawn(move || {
            // Read to its end even where no test wants it: the service would block on a full pipe.
            output.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        let printed = Mutex::new(Printed { lines: Vec::new(), coming });
        let mut service = Self { child, url: String::new(), printed, log };
        let first = service.printed(1).remove(0);
        let url = first.strip_prefix("listening on ").unwrap_or_else(|| panic!("{first}"));
        url.clone_into(&mut service.url);
        Ok(service)
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The same without `http://`.
    #[must_use]
    pub fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// The number of its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The first `count` lines that it prints, once they are there.
    ///
    /// # Panics
    /// When they do not come within [`PATIENCE`]; with its log.
    #[must_use]
    pub fn printed(&self, count: usize) -> Vec<String> {
        let mut printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        while printed.lines.len() < count {
            let Ok(line) = printed.coming.recv_timeout(PATIENCE) else {
                panic!("line {count} is not printed; the log: {}", self.log())
            };
            printed.lines.push(line);
        }
        printed.lines[..count].to_vec()
    }

    /// Waits until `/readyz` of its admin listener, at this URL, answers 200.
    ///
    /// # Panics
    /// When that takes longer than [`PATIENCE`].
    pub fn wait_until_ready(&self, admin_url: &str) {
        let client = Client::default();
        awaited("the service is ready", || {
            let answer = client.get(&format!("{admin_url}/readyz")).ok()?;
            (answer.status == 200).then_some(())
        });
    }

    /// Sends `body` to `path` with these headers, over a connection that ends with the answer.
    ///
    /// # Panics
    /// When no answer comes; with its log.
    #[must_use]
    pub fn ask(&self, path: &str, headers: &[(&str, &str)], body: &Body) -> Answer {
        Client::default()
            .post(&format!("{}{path}", self.url), headers, body)
            .unwrap_or_else(|error| panic!("{path}: {error}; the log: {}", self.log()))
    }

    /// What it has logged so far.
    ///
    /// # Panics
    /// When the log cannot be read.
    #[must_use]
    pub fn log(&self) -> String {
        let read = || {
            // The service writes its lines together, some milliseconds after their events.
            std::thread::sleep(Duration::from_millis(25));
            std::fs::read(self.log.path()).expect("the log can be read")
        };
        let (mut before, mut bytes) = (read(), read());
        for _ in 0..40 {
            if before.len() == bytes.len() {
                break;
            }
            (before, bytes) = (bytes, read());
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The file that [`Service::log`] reads.
    #[must_use]
    pub fn log_file(&self) -> &Path {
        self.log.path()
    }

    /// Sends it `signal` (`TERM`, `HUP`).
    ///
    /// # Panics
    /// When it is not running.
    pub fn signal(&self, signal: &str) {
        process::signal(&self.child, signal);
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// When it does not end within [`PATIENCE`].
    pub fn wait(&mut self) -> ExitStatus {
        awaited("the service ends", || self.ended())
    }

    /// How it has ended; nothing while it runs.
    ///
    /// # Panics
    /// When the system cannot tell.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the process was started here")
    }

    /// Ends it as an orchestrator does, by SIGTERM. Gives back its log.
    ///
    /// # Panics
    /// When it does not end within [`PATIENCE`] with exit code 0.
    pub fn stop(&mut self) -> String {
        self.signal("TERM");
        let (status, log) = (self.wait(), self.log());
        assert_eq!(status.code(), Some(0), "{log}");
        log
    }

    /// Every line that it printed, once it has ended.
    #[must_use]
    pub fn all_printed(&self) -> Vec<String> {
        let mut printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        let rest: Vec<String> = printed.coming.iter().collect();
        printed.lines.extend(rest);
        printed.lines.clone()
    }

    /// Kills it, as a machine that goes down does.
    pub fn kill(self) {
        drop(self);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! The service that is measured: this program again, in a process that ends with the run.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use accounts::Key;
use anyhow::{Context, bail};
use engine::Place;
use engine::config::Config;
use model_pack::Home;

use super::flags::Bench;
use super::host::Process;
use super::interrupt::Interrupt;

/// The app id of the callers.
pub(super) const APP_ID: &str = "bench";

/// Longest wait for the start, in which models are loaded.
const START_LIMIT: Duration = Duration::from_mins(5);
/// Longest wait for the end, beyond the service's own grace period.
const STOP_MARGIN: Duration = Duration::from_secs(5);
const TICK: Duration = Duration::from_millis(20);
/// Number of log lines in the message about a failure.
const LAST_LINES: usize = 10;

/// A running service. Dropping it kills the process.
pub(super) struct Service {
    child: Child,
    pub url: String,
    pub key: Key,
    log: File,
    grace: Duration,
}

impl Service {
    /// Starts a service on loopback with the settings of this run, and waits until it listens.
    pub(super) fn start(
        command: &Bench,
        place: &Place,
        home: &Home,
        config: &Config,
        (pack, workers): (&str, usize),
        interrupt: &Interrupt,
    ) -> anyhow::Result<(Self, Process)> {
        let program = std::env::current_exe().context("this program is not to be found")?;
        let log = tempfile::tempfile().context("there is no room for a log")?;
        let key = Key::generate();
        let mut serve = Command::new(program);
        serve.args(["serve", "--demo", "--offline", "--demo-app-id", APP_ID, "--end-with-parent"]);
        serve.arg("--home").arg(home.root());
        if let Some(library) = &place.onnxruntime {
            serve.arg("--onnxruntime").arg(library);
        }
        if let Some(file) = &command.engine.model.on.settings.config {
            serve.arg("--config").arg(file);
        }
        // These come last and so win: loopback only, and the settings of the other mode.
        let own = [
            ("listen", "127.0.0.1:0".to_owned()),
            ("pack", pack.to_owned()),
            ("device", config.device.to_string()),
            ("workers", workers.to_string()),
            // Gives the stages of each request.
            ("ingress.server_timing", "true".to_owned()),
        ];
        let mut settings = command.engine.model.on.settings.set.clone();
        settings.extend(own.map(|(name, value)| (name.to_owned(), value)));
        for (name, value) in settings {
            serve.arg("--set").arg(format!("{name}={value}"));
        }
        serve.env("LIVEGATE_DEMO_APP_KEY", key.reveal());
        if std::env::var_os("LIVEGATE_LOG").is_none_or(|filter| filter.is_empty()) {
            serve.env("LIVEGATE_LOG", "warn");
        }
        serve.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log.try_clone()?);
        let mut child = serve.spawn().context("the service cannot be started")?;
        // The service reads its input to the end before it refuses access to its `/proc` files.
        let process = Process::of(child.id());
        drop(child.stdin.take());
        let output = child.stdout.take().map(lines).context("the service has no output")?;
        let grace = Duration::from_millis(config.ingress.shutdown_grace_ms);
        let mut service = Self { child, url: String::new(), key, log, grace };
        service.url = service.address(&output, interrupt)?;
        Ok((service, process))
    }

    /// The URL, once the service listens.
    fn address(
        &mut self,
        output: &Receiver<String>,
        interrupt: &Interrupt,
    ) -> anyhow::Result<String> {
        let begun = Instant::now();
        loop {
            interrupt.check()?;
            match output.recv_timeout(TICK) {
                Ok(line) => {
                    let url = line.strip_prefix("listening on ").map(str::to_owned);
                    return url.context("the service does not say where it listens");
                }
                Err(RecvTimeoutError::Timeout) if begun.elapsed() < START_LIMIT => {}
                Err(RecvTimeoutError::Timeout) => bail!("the service does not start"),
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("the service did not start: {}", self.last_lines())
                }
            }
        }
    }

    /// An error if the process has ended.
    pub(super) fn check(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait().context("the service cannot be watched")? {
            None => Ok(()),
            Some(status) => bail!("the service ended ({status}): {}", self.last_lines()),
        }
    }

    /// Asks the process to end, and waits for that.
    pub(super) fn stop(mut self) -> anyhow::Result<()> {
        self.check()?;
        self.ask_to_end();
        let begun = Instant::now();
        while begun.elapsed() < self.grace + STOP_MARGIN {
            match self.child.try_wait().context("the service cannot be watched")? {
                Some(status) if status.success() || cfg!(not(unix)) => return Ok(()),
                Some(status) => bail!("the service ended badly ({status}): {}", self.last_lines()),
                None => std::thread::sleep(TICK),
            }
        }
        bail!("the service did not end when asked to")
    }

    #[cfg(unix)]
    fn ask_to_end(&mut self) {
        use rustix::process::{Pid, Signal, kill_process};
        // The process was not waited for, so the id is still its own. It may have ended by itself.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
    }

    #[cfg(not(unix))]
    fn ask_to_end(&mut self) {
        let _ = self.child.kill();
    }

    /// The last lines of its log.
    fn last_lines(&mut self) -> String {
        let mut log = String::new();
        let read = self.log.rewind().and_then(|()| self.log.read_to_string(&mut log));
        let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
        match (read, &*lines) {
            (Err(_), _) | (_, []) => "it said nothing".to_owned(),
            (_, lines) => lines[lines.len().saturating_sub(LAST_LINES)..].join("\n"),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // The process may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of the service's output. All are read, so that the service never waits for a reader.
fn lines(output: ChildStdout) -> Receiver<String> {
    let (send, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // The receiver is gone after the first line.
            let _ = send.send(line);
        }
    });
    lines
}

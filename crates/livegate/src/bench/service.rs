//! The service to measure: this very program, as a process of its own that ends with the run.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use accounts::Key;
use anyhow::{Context, bail};
use model_pack::Home;

use super::host::Process;
use super::interrupt::Interrupt;
use crate::cli::Place;
use crate::cli::bench::Bench;
use crate::config::Config;

/// Who asks.
pub(super) const APP_ID: &str = "bench";

/// How long it may take to load its models.
const START_LIMIT: Duration = Duration::from_mins(5);
/// How much longer than its own grace it may take to end.
const STOP_MARGIN: Duration = Duration::from_secs(5);
const TICK: Duration = Duration::from_millis(20);
/// How much of what it logged is told when it fails.
const LAST_LINES: usize = 10;

/// A running service; ended when dropped.
pub(super) struct Service {
    child: Child,
    url: String,
    key: Key,
    log: File,
    grace: Duration,
}

impl Service {
    /// Starts one on loopback with the settings of this run, and waits until it listens. The process is to look at
    /// what it uses.
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
        if let Some(file) = &command.engine.settings.config {
            serve.arg("--config").arg(file);
        }
        // The last word is ours: loopback alone, and what the other mode is measured with.
        let own = [
            ("listen", "127.0.0.1:0".to_owned()),
            ("pack", pack.to_owned()),
            ("device", config.device.to_string()),
            ("workers", workers.to_string()),
            // What each answer's time went into.
            ("ingress.server_timing", "true".to_owned()),
        ];
        let mut settings = command.engine.settings.set.clone();
        settings.extend(own.map(|(name, value)| (name.to_owned(), value)));
        for (name, value) in settings {
            serve.arg("--set").arg(format!("{name}={value}"));
        }
        serve.env("LIVEGATE_DEMO_APP_KEY", key.reveal());
        if std::env::var_os("LIVEGATE_LOG").is_none() {
            serve.env("LIVEGATE_LOG", "warn");
        }
        serve.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log.try_clone()?);
        let mut child = serve.spawn().context("the service cannot be started")?;
        // It waits for the end of its input before it keeps others from looking.
        let process = Process::of(child.id());
        drop(child.stdin.take());
        let said = child.stdout.take().map(first_line).context("the service has no output")?;
        let grace = Duration::from_millis(config.ingress.shutdown_grace_ms);
        let mut service = Self { child, url: String::new(), key, log, grace };
        service.url = service.address(&said, interrupt)?;
        Ok((service, process))
    }

    /// Where it listens, once it does.
    fn address(
        &mut self,
        said: &Receiver<String>,
        interrupt: &Interrupt,
    ) -> anyhow::Result<String> {
        let begun = Instant::now();
        loop {
            interrupt.check()?;
            match said.recv_timeout(TICK) {
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

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn key(&self) -> &str {
        self.key.reveal()
    }

    /// An error if it has ended.
    pub(super) fn check(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait().context("the service cannot be looked after")? {
            None => Ok(()),
            Some(status) => bail!("the service ended ({status}): {}", self.last_lines()),
        }
    }

    /// Asks it to end, and waits until it has.
    pub(super) fn stop(mut self) -> anyhow::Result<()> {
        self.check()?;
        self.ask_to_end();
        let begun = Instant::now();
        while begun.elapsed() < self.grace + STOP_MARGIN {
            match self.child.try_wait().context("the service cannot be looked after")? {
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
        // It is not waited for yet, so the id is still its own; it may have ended by itself.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
    }

    #[cfg(not(unix))]
    fn ask_to_end(&mut self) {
        let _ = self.child.kill();
    }

    /// What it logged last.
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
        // It may have ended by itself, or when it was asked to.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Hands on the first line, and reads the others so that nothing waits for a reader.
fn first_line(said: ChildStdout) -> Receiver<String> {
    let (send, first) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(said).lines().map_while(Result::ok) {
            // Nobody waits for more than one.
            let _ = send.send(line);
        }
    });
    first
}

//! What a command that takes its time is doing: bars on a terminal, plain lines elsewhere.

use std::cell::{Cell, RefCell};
use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};
use model_pack::Event;

use crate::tell;

/// Shows an installer's events on standard error.
#[derive(Debug)]
pub(crate) struct Progress {
    is_terminal: bool,
    bar: RefCell<Option<ProgressBar>>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { is_terminal: std::io::stderr().is_terminal(), bar: RefCell::default() }
    }

    pub(crate) fn show(&self, event: &Event<'_>) {
        match event {
            Event::Waiting => tell("Another setup is at work here; waiting for it ..."),
            Event::Present(artifact) => tell(&format!("  {}: already there", artifact.file)),
            Event::Fetching { artifact, from, total_bytes } => {
                self.begin(&artifact.file, from, *total_bytes);
            }
            Event::Received(bytes) => {
                if let Some(bar) = &*self.bar.borrow() {
                    bar.set_position(*bytes);
                }
            }
            Event::Failed(attempt) => {
                self.end();
                tell(&format!("  not from {}: {}", attempt.from, attempt.why));
            }
            Event::Installed(artifact) => {
                self.end();
                tell(&format!("  {}: installed ({} licence)", artifact.file, artifact.licence));
            }
            _ => {}
        }
    }

    fn begin(&self, file: &str, from: &str, total_bytes: Option<u64>) {
        self.end();
        if !self.is_terminal {
            tell(&format!("  {file}: asking {from}"));
            return;
        }
        let bar = ProgressBar::new(total_bytes.unwrap_or_default());
        let template = "  {msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(file.to_owned());
        *self.bar.borrow_mut() = Some(bar);
    }

    fn end(&self) {
        if let Some(bar) = self.bar.borrow_mut().take() {
            bar.finish_and_clear();
        }
    }
}

/// Counts things that are done, on standard error.
#[derive(Debug)]
pub(crate) struct Count {
    /// Where there is a terminal.
    bar: Option<ProgressBar>,
    done: Cell<usize>,
    total: usize,
    what: &'static str,
}

impl Count {
    /// `what` happens to each of `total`, as in "measured".
    pub(crate) fn new(total: usize, what: &'static str) -> Self {
        let bar = (std::io::stderr().is_terminal() && total > 0).then(|| {
            let bar = ProgressBar::new(total as u64);
            let template = "  {msg} {wide_bar} {human_pos}/{human_len}, {eta} left";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.set_message(what);
            bar
        });
        Self { bar, done: Cell::new(0), total, what }
    }

    pub(crate) fn one_more(&self) {
        /// Plain lines are few.
        const LINES: usize = 10;
        let (before, done) = (self.done.get(), self.done.get() + 1);
        self.done.set(done);
        match &self.bar {
            Some(bar) => bar.inc(1),
            None if before * LINES / self.total < done * LINES / self.total => {
                tell(&format!("  {} {done} of {}", self.what, self.total));
            }
            None => {}
        }
    }

    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Shows where a sweep of measured points is, on standard error.
#[derive(Debug)]
pub(crate) struct Sweep {
    /// Where there is a terminal.
    bar: Option<ProgressBar>,
    done: usize,
    total: usize,
}

impl Sweep {
    /// Steps of the bar in one point.
    const STEPS: usize = 1000;

    pub(crate) fn new(total: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new((total * Self::STEPS) as u64);
            if let Ok(style) = ProgressStyle::with_template("  {msg} {wide_bar} {eta} left") {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, done: 0, total }
    }

    /// The next point is `what`.
    pub(crate) fn begin(&self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(what.to_owned());
        }
    }

    /// This share of the point, 0 to 1, is measured.
    pub(crate) fn at(&self, share: f64) {
        if let Some(bar) = &self.bar {
            let step = (share * Self::STEPS as f64) as usize;
            bar.set_position((self.done * Self::STEPS + step) as u64);
        }
    }

    /// The point is measured, and this is what came of it.
    pub(crate) fn measured(&mut self, what: &str) {
        self.done += 1;
        match &self.bar {
            Some(bar) => bar.set_position((self.done * Self::STEPS) as u64),
            None => tell(&format!("  {} of {}: {what}", self.done, self.total)),
        }
    }
}

impl Drop for Sweep {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

//! Progress of long work on standard error: bars on a terminal, plain lines elsewhere.

use std::cell::RefCell;

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use model_pack::Event;

use crate::terminal::tell;

/// A bar that is cleared when it is dropped. It is hidden where standard error is no terminal.
fn bar(total: usize, template: &str, message: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).expect("the templates here are sound");
    let bar = ProgressBar::new(total as u64).with_finish(ProgressFinish::AndClear);
    bar.with_style(style).with_message(message.to_owned())
}

/// Shows an installer's events.
#[derive(Debug, Default)]
pub struct Progress(RefCell<Option<ProgressBar>>);

impl Progress {
    /// Shows one event.
    pub fn show(&self, event: &Event<'_>) {
        match event {
            Event::Waiting => tell("Another setup is at work here; waiting for it ..."),
            Event::Present(artifact) => tell(&format!("  {}: already there", artifact.file)),
            Event::Fetching { artifact, from, total_bytes } => {
                let template = "  {msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec}";
                let bar = bar(total_bytes.unwrap_or_default() as usize, template, &artifact.file);
                if bar.is_hidden() {
                    tell(&format!("  {}: asking {from}", artifact.file));
                }
                self.0.replace(Some(bar));
            }
            Event::Received(bytes) => {
                if let Some(bar) = &*self.0.borrow() {
                    bar.set_position(*bytes);
                }
            }
            Event::Failed(attempt) => {
                self.0.take();
                tell(&format!("  not from {}: {}", attempt.from, attempt.error));
            }
            Event::Installed(artifact) => {
                self.0.take();
                tell(&format!("  {}: installed ({} licence)", artifact.file, artifact.licence));
            }
        }
    }
}

/// Counts finished things.
#[derive(Debug)]
pub struct Count {
    bar: ProgressBar,
    total: usize,
    what: &'static str,
}

impl Count {
    /// `what` happens to each of `total`, as in "measured".
    #[must_use]
    pub fn new(total: usize, what: &'static str) -> Self {
        let template = "  {msg} {wide_bar} {human_pos}/{human_len}, {eta} left";
        Self { bar: bar(total, template, what), total, what }
    }

    /// One more is done.
    pub fn one_more(&self) {
        /// The number of plain lines.
        const LINES: usize = 10;
        self.bar.inc(1);
        let done = self.bar.position() as usize;
        let is_at_line = (done - 1) * LINES / self.total < done * LINES / self.total;
        if self.bar.is_hidden() && is_at_line {
            tell(&format!("  {} {done} of {}", self.what, self.total));
        }
    }
}

/// Shows the steps of long work, each with its result.
#[derive(Debug)]
pub struct Steps {
    bar: ProgressBar,
    done: usize,
    total: usize,
}

impl Steps {
    /// Positions of the bar in one step.
    const POSITIONS: usize = 1000;

    /// Work of `total` steps.
    #[must_use]
    pub fn new(total: usize) -> Self {
        let bar = bar(total * Self::POSITIONS, "  {msg} {wide_bar} {eta} left", "");
        Self { bar, done: 0, total }
    }

    /// Begins a step.
    pub fn begin(&self, name: &str) {
        self.bar.set_message(name.to_owned());
    }

    /// The share of the step that is done, 0 to 1.
    pub fn at(&self, share: f64) {
        let part = (share * Self::POSITIONS as f64) as usize;
        self.bar.set_position((self.done * Self::POSITIONS + part) as u64);
    }

    /// Ends a step with its result.
    pub fn end(&mut self, result: &str) {
        self.done += 1;
        self.at(0.0);
        if self.bar.is_hidden() {
            tell(&format!("  {} of {}: {result}", self.done, self.total));
        }
    }
}

//! What setup is doing: bars on a terminal, plain lines elsewhere.

use std::cell::RefCell;
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

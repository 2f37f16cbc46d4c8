//! The log's lines on their way to standard error. A thread writes them, so that no request waits
//! for the reader of the log: a pipe that is not read blocks its writer after 64 KiB.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

/// Most bytes of lines that wait: some 5,000 requests. Further lines are dropped. The thread may
/// hold as many again that it is writing.
const MAX_WAITING_BYTES: usize = 1 << 20;

/// The pause after each writing: where thousands of requests are refused each second, their lines
/// are written together, and do not wake the thread one by one.
const PAUSE: Duration = Duration::from_millis(2);

/// The target of the line about dropped lines, which is never dropped itself.
const TARGET: &str = module_path!();

/// Longest wait at the end for the reader of the log.
const MAX_FLUSH: Duration = Duration::from_secs(3);

/// The waiting lines. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Shared>);

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Notified when a line waits, when the queue is closed, and when the thread ends.
    changed: Condvar,
    /// Lines dropped since the start.
    dropped: Arc<AtomicU64>,
}

#[derive(Default)]
struct Queue {
    /// Whole lines.
    waiting: Vec<u8>,
    is_closed: bool,
    /// True until the thread has written the last line.
    is_written_to: bool,
}

impl Lines {
    /// Starts the thread, which writes the lines to `output`.
    ///
    /// # Errors
    /// When the system does not start a thread.
    pub(super) fn start_writer(&self, output: impl Write + Send + 'static) -> io::Result<()> {
        let lines = self.clone();
        self.queue().is_written_to = true;
        let started = std::thread::Builder::new().name("log".into()).spawn(move || {
            lines.write_to(output);
            lines.queue().is_written_to = false;
            lines.0.changed.notify_all();
        });
        started.map(drop).inspect_err(|_| self.queue().is_written_to = false)
    }

    /// Waits until the lines are written, for at most [`MAX_FLUSH`]. Later lines are dropped.
    pub(crate) fn close(&self) {
        let mut queue = self.queue();
        queue.is_closed = true;
        self.0.changed.notify_all();
        let is_written_to = |queue: &mut Queue| queue.is_written_to;
        drop(self.0.changed.wait_timeout_while(queue, MAX_FLUSH, is_written_to));
    }

    /// The number of lines dropped since the start.
    pub(crate) fn dropped(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.0.dropped)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // No code that holds the lock panics.
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: &[u8], must_fit: bool) {
        let mut queue = self.queue();
        let fits = !must_fit || queue.waiting.len() + line.len() <= MAX_WAITING_BYTES;
        if queue.is_closed || !fits {
            self.count_dropped(1);
        } else {
            // The thread waits to be notified only while there is no line.
            if queue.waiting.is_empty() {
                self.0.changed.notify_all();
            }
            queue.waiting.extend_from_slice(line);
        }
    }

    fn count_dropped(&self, lines: u64) {
        self.0.dropped.fetch_add(lines, Ordering::Relaxed);
    }

    /// The lines that wait, once there are any. `None` after the last ones of a closed queue.
    fn take(&self) -> Option<Vec<u8>> {
        let queue = self
            .0
            .changed
            .wait_while(self.queue(), |queue| queue.waiting.is_empty() && !queue.is_closed);
        let mut queue = queue.unwrap_or_else(PoisonError::into_inner);
        (!queue.waiting.is_empty()).then(|| std::mem::take(&mut queue.waiting))
    }

    /// Writes until the queue is closed and empty. Says how many lines were dropped, once lines can
    /// be written again.
    fn write_to(&self, mut output: impl Write) {
        let mut told = 0;
        while let Some(lines) = self.take() {
            if output.write_all(&lines).is_err() {
                self.count_dropped(lines.split(|byte| *byte == b'\n').skip(1).count() as u64);
                continue;
            }
            let dropped = self.0.dropped.load(Ordering::Relaxed);
            if dropped > told {
                let lines = dropped - told;
                tracing::warn!(target: TARGET, lines, "log lines were dropped: standard error was not read");
                told = dropped;
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// Adds a line when it is complete.
pub(crate) struct Line<'a> {
    lines: &'a Lines,
    must_fit: bool,
}

impl Write for Line<'_> {
    /// The formatter calls this once, with a whole line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.lines.push(line, self.must_fit);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { lines: self, must_fit: true }
    }

    fn make_writer_for(&'a self, of: &Metadata<'_>) -> Line<'a> {
        Line { lines: self, must_fit: of.target() != TARGET }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// A pipe has room for 64 KiB, and the queue for 1 MiB. The thread may hold as much again, if
    /// the queue was full as it took the lines.
    #[test]
    fn lines_beyond_the_bound_are_dropped_and_counted_and_said_once() {
        let (mut reader, pipe) = io::pipe().unwrap();
        let lines = Lines::default();
        let dropped = lines.dropped();
        lines.start_writer(pipe).unwrap();
        for _ in 0..4_000 {
            lines.make_writer().write_all(&[&[b'x'; 999][..], b"\n"].concat()).unwrap();
        }
        let lost = dropped.load(Ordering::Relaxed);
        assert!((1_800..3_000).contains(&lost), "{lost}");
        let text = std::thread::spawn(move || {
            let mut text = String::new();
            reader.read_to_string(&mut text).unwrap();
            text
        });
        lines.close();
        assert_eq!(text.join().unwrap().lines().count() as u64, 4_000 - lost);
    }

    #[test]
    fn the_line_about_dropped_lines_always_fits() {
        let lines = Lines::default();
        lines.queue().waiting = vec![b'x'; MAX_WAITING_BYTES];
        let log = tracing_subscriber::fmt::layer().with_writer(lines.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(log), || {
            tracing::info!(target: "ingress", "another line");
            tracing::warn!(target: super::TARGET, "of the thread");
        });
        assert_eq!(lines.dropped().load(Ordering::Relaxed), 1);
        let queue = lines.queue();
        assert!(String::from_utf8_lossy(&queue.waiting).contains("of the thread"));
    }
}

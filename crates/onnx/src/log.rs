//! What ONNX Runtime says while it works: on to our log, and the last error for whoever asks why something failed.

use std::cell::RefCell;

use ort::logging::LogLevel;

thread_local! {
    /// The last error that was said in this thread.
    static LAST_ERROR: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Takes a message of ONNX Runtime's.
pub(crate) fn say(level: LogLevel, place: &str, message: &str) {
    let message = message.trim_end();
    match level {
        LogLevel::Verbose => tracing::trace!(target: "ort", place, "{message}"),
        LogLevel::Info => tracing::info!(target: "ort", place, "{message}"),
        LogLevel::Warning => tracing::warn!(target: "ort", place, "{message}"),
        LogLevel::Error | LogLevel::Fatal => {
            tracing::error!(target: "ort", place, "{message}");
            LAST_ERROR.with_borrow_mut(|last| *last = Some(message.to_owned()));
        }
    }
}

/// What `work` gives, and the last error that ONNX Runtime logged meanwhile: it logs why a library cannot be
/// loaded, and returns only that.
pub(crate) fn listening<T>(work: impl FnOnce() -> T) -> (T, Option<String>) {
    LAST_ERROR.take();
    let done = work();
    (done, LAST_ERROR.take())
}

/// The part of `message` that is for people.
pub(crate) fn plainly(message: &str) -> &str {
    let tail = |start: &str| message.split_once(start).map(|(_, tail)| tail);
    tail(" : FAIL : ").or_else(|| tail("[ERROR] ")).unwrap_or(message)
}

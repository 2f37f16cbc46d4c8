//! What ONNX Runtime says while it works: on to our log, and the last error for whoever asks why something failed.

use std::cell::RefCell;

use ort::logging::LogLevel;

thread_local! {
    /// The last error that was said in this thread.
    static LAST_ERROR: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Takes a message of ONNX Runtime's.
pub(crate) fn say(level: LogLevel, message: &str) {
    let message = message.trim_end();
    match level {
        LogLevel::Verbose => tracing::trace!(target: "ort", "{message}"),
        LogLevel::Info => tracing::info!(target: "ort", "{message}"),
        LogLevel::Warning => tracing::warn!(target: "ort", "{message}"),
        LogLevel::Error | LogLevel::Fatal => {
            tracing::error!(target: "ort", "{message}");
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

/// What `message` says of a library that is missing.
pub(crate) fn plainly(message: &str) -> String {
    if message.ends_with("Device CPU is not available") {
        // It tells no more of its plugins.
        return "OpenVINO cannot load libopenvino_intel_cpu_plugin.so".to_owned();
    }
    message.split_once(" : FAIL : ").map_or(message, |(_, said)| said).to_owned()
}

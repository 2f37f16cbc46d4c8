//! ONNX Runtime's messages: forwarded to the service's log, the last error kept for error texts.

use std::cell::RefCell;

use ort::logging::LogLevel;

thread_local! {
    /// The last error that ONNX Runtime logged in this thread.
    static LAST_ERROR: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Forwards a message of ONNX Runtime to `tracing`.
pub(crate) fn forward(level: LogLevel, message: &str) {
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

/// The result of `work`, and the last error that ONNX Runtime logged meanwhile. ONNX Runtime logs
/// why a library cannot be loaded, and does not return it.
pub(crate) fn with_last_error<T>(work: impl FnOnce() -> T) -> (T, Option<String>) {
    LAST_ERROR.take();
    let result = work();
    (result, LAST_ERROR.take())
}

/// The part of `message` that names the library that is missing.
pub(crate) fn missing_library(message: &str) -> String {
    // OpenVINO says nothing else of its plugins.
    if message.ends_with("Device CPU is not available") {
        return "OpenVINO cannot load libopenvino_intel_cpu_plugin.so".to_owned();
    }
    message.split_once(" : FAIL : ").map_or(message, |(_, reason)| reason).to_owned()
}

//! The end of the process, and the exit codes of all commands (sysexits.h), beside those that a
//! command documents for itself.

use std::io::Write;

/// The command did what it was asked for.
pub const SUCCESS: u8 = 0;
/// Flags or configuration are wrong.
pub const USAGE: u8 = 64;
/// A defect of the program: it panicked.
pub const DEFECT: u8 = 70;
/// A needed file or service is missing, or does not work.
pub const UNAVAILABLE: u8 = 69;

/// Ends the process at once. Destructors of libraries do not run: another thread may be inside ONNX
/// Runtime, and faults when its globals are gone.
pub fn end(code: u8) -> ! {
    // A closed standard output is no reason to stay.
    let _ = std::io::stdout().flush();
    end_now(code.into())
}

#[cfg(unix)]
use signal_hook::low_level::exit as end_now;

/// Other systems end threads before they run destructors.
#[cfg(not(unix))]
#[expect(clippy::exit, reason = "this is where the process ends")]
fn end_now(code: i32) -> ! {
    std::process::exit(code)
}

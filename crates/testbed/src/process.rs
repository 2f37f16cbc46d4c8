//! Processes that tests start: their ports, their signals, and waiting for them.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for a process to start, to become ready or to end; a busy machine needs it.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// A port of loopback that was free a moment ago.
///
/// # Panics
/// When none is free.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("the listener has an address").port()
}

/// Sends `signal` (`TERM`, `STOP`) to `child`, which must still be running.
///
/// # Panics
/// When there is no such process, or no `kill`.
pub fn signal(child: &Child, signal: &str) {
    let pid = child.id().to_string();
    let status = Command::new("kill").args([&format!("-{signal}"), &pid]).status();
    assert!(status.expect("`kill` is installed").success(), "no process {pid}");
}

/// Asks `look` again and again until it finds something, for at most [`PATIENCE`]. `what` is named
/// when it does not.
///
/// # Panics
/// When nothing is found in that time.
pub fn awaited<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    found_within(PATIENCE, what, look)
}

/// [`awaited`] with a limit of the caller's.
///
/// # Panics
/// When nothing is found within `limit`.
pub fn found_within<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < limit, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// `program` as the last words of `wrapper` (`strace ...`, `sh -c ...`), with the variables that
/// `program` sets and removes.
#[must_use]
pub fn wrapped(mut wrapper: Command, program: &Command) -> Command {
    wrapper.arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => wrapper.env(name, value),
            None => wrapper.env_remove(name),
        };
    }
    wrapper.stdin(Stdio::null());
    wrapper
}

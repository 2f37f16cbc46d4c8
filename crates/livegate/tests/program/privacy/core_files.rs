//! A crash leaves no file with the process's memory in it.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use testbed::process::{awaited, wrapped};
use testbed::service::Service;

use super::marked;
use super::requests::{Request, Way};
use crate::demo::demo;

/// The number of Debian's user without files of its own.
const UNPRIVILEGED: u32 = 65534;

/// `program` in `directory`, where core files of any size are allowed.
fn with_cores_allowed(directory: &Path, program: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -c unlimited && exec \"$0\" \"$@\""]).current_dir(directory);
    wrapped(shell, program)
}

/// Sends `signal` to process `id` until `ended` says how it ended. One SIGSEGV is not enough:
/// Rust's runtime handles the first, to report stack overflows.
fn kill(id: u32, signal: &str, mut ended: impl FnMut() -> Option<ExitStatus>) -> ExitStatus {
    awaited("the process ends", || {
        let mut kill = Command::new("kill");
        kill.args([&format!("-{signal}"), &id.to_string()]).stderr(Stdio::null());
        // It may have ended meanwhile.
        let _ = kill.status().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(100));
        ended()
    })
}

fn files_in(directory: &Path) -> Vec<String> {
    let names = std::fs::read_dir(directory).unwrap();
    names.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

/// Shows that the next test can fail on this machine.
#[test]
fn a_crash_of_another_program_leaves_a_core_file() {
    let directory = tempfile::tempdir().unwrap();
    let mut sleep = Command::new("sleep");
    let sleep = with_cores_allowed(directory.path(), sleep.arg("60")).spawn();
    let mut sleep = sleep.unwrap();
    let name = format!("/proc/{}/comm", sleep.id());
    awaited("the shell becomes `sleep`", || {
        (std::fs::read_to_string(&name).unwrap().trim() == "sleep").then_some(())
    });
    let status = kill(sleep.id(), "ABRT", || sleep.try_wait().unwrap());
    if !status.core_dumped() {
        testbed::left_out_without(
            "a system that writes core files",
            "that the service leaves none",
        );
    }
}

#[test]
fn a_crash_leaves_no_core_file() {
    for signal in ["ABRT", "SEGV"] {
        let directory = tempfile::tempdir().unwrap();
        let command = with_cores_allowed(directory.path(), &demo("starter"));
        let mut service = Service::start(command);
        let id = service.id();

        let limits = std::fs::read_to_string(format!("/proc/{id}/limits")).unwrap();
        let limit = limits.lines().find_map(|line| line.strip_prefix("Max core file size"));
        let limit: Vec<&str> = limit.unwrap().split_whitespace().collect();
        assert_eq!(limit, ["0", "0", "bytes"]);

        // The picture is in its memory while it crashes.
        let picture = marked::good().swap_remove(0);
        let connection = Request::of_demo(&picture, Way::Form).begin(service.address());
        let status = kill(id, signal, || service.ended());
        drop(connection);
        assert!(status.signal().is_some() && !status.core_dumped(), "{status}");
        assert_eq!(files_in(directory.path()), [""; 0], "{signal}");
    }
}

/// The files in `/proc` of a process that is not dumpable belong to root, so that not even its own
/// user's other processes can read its memory.
#[test]
fn only_root_can_read_the_memory_of_a_service() {
    if !rustix::process::getuid().is_root() {
        testbed::left_out_for_want_of(
            "the right to start it as another user",
            "who can read memory",
        );
        return;
    }
    let mut command = demo("starter");
    command.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
    let Ok(service) = Service::try_start(command) else {
        testbed::left_out_for_want_of("a checkout that everyone can read", "who can read memory");
        return;
    };
    let owner =
        |name: &str| std::fs::metadata(format!("/proc/{}/{name}", service.id())).unwrap().uid();
    // The directory itself stays its user's.
    let owners = ["", "mem", "environ", "fd"].map(owner);
    assert_eq!(owners, [UNPRIVILEGED, 0, 0, 0]);
}

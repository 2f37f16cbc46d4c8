//! A crash leaves no file with the process's memory in it.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::marked;
use super::requests::{Request, Way};
use crate::livegate;
use crate::serve::DEMO_KEY;

/// A user that owns nothing.
const NOBODY: u32 = 65534;

/// Runs `words` in `directory` where core files of any size are allowed.
fn with_cores_allowed(directory: &Path, words: &str) -> Command {
    let mut command = livegate(testbed::home().root());
    let program = command.get_program().to_owned();
    let variables: Vec<_> =
        command.get_envs().map(|(k, v)| (k.to_owned(), v.map(ToOwned::to_owned))).collect();
    command = Command::new("sh");
    for (name, value) in variables {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.arg("-c").arg(format!("ulimit -c unlimited && exec {words}")).env("PROGRAM", program);
    command.current_dir(directory).stdin(Stdio::null()).stderr(Stdio::null());
    command
}

/// Sends `signal` until the process has ended: the runtime handles the first SIGSEGV, to tell of stack overflows.
fn killed(child: &mut Child, signal: &str) -> ExitStatus {
    let began = Instant::now();
    loop {
        let kill = format!("kill -{signal} {}", child.id());
        // It may have ended meanwhile.
        let _ = Command::new("sh").arg("-c").arg(kill).stderr(Stdio::null()).status().unwrap();
        std::thread::sleep(Duration::from_millis(100));
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(began.elapsed() < Duration::from_mins(1), "{signal} does not end it");
    }
}

fn files_in(directory: &Path) -> Vec<String> {
    let names = std::fs::read_dir(directory).unwrap();
    names.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

/// Otherwise the next test could not fail.
#[test]
fn a_crash_of_another_program_is_seen_to_leave_a_core() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = with_cores_allowed(directory.path(), "sleep 60").spawn().unwrap();
    let began = Instant::now();
    let name = format!("/proc/{}/comm", child.id());
    while std::fs::read_to_string(&name).unwrap().trim() != "sleep" {
        assert!(began.elapsed() < Duration::from_mins(1), "it does not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    let status = killed(&mut child, "ABRT");
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
        let words = "\"$PROGRAM\" serve --demo --offline --listen 127.0.0.1:0 --pack starter";
        let mut command = with_cores_allowed(directory.path(), words);
        command.env("LIVEGATE_DEMO_APP_KEY", DEMO_KEY).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap();

        let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
        let limit = limits.lines().find_map(|line| line.strip_prefix("Max core file size"));
        let limit: Vec<&str> = limit.unwrap().split_whitespace().collect();
        assert_eq!(limit, ["0", "0", "bytes"]);

        // In its memory while it crashes.
        let picture = marked::good().swap_remove(0);
        let connection = Request::of_demo(&picture, Way::Form).begin(address);
        let status = killed(&mut child, signal);
        drop(connection);
        assert!(status.signal().is_some() && !status.core_dumped(), "{status}");
        assert_eq!(files_in(directory.path()), [""; 0], "{signal}");
    }
}

/// Also where its user's other processes could: the files of a process in `/proc` are root's where it is not dumpable.
#[test]
fn a_service_lets_only_root_look_into_its_memory() {
    if !rustix::process::getuid().is_root() {
        testbed::left_out_for_want_of("the right to start it as another user", "who looks into it");
        return;
    }
    let mut command = livegate(testbed::home().root());
    command.args(["serve", "--demo", "--offline", "--listen", "127.0.0.1:0", "--pack", "starter"]);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).uid(NOBODY).gid(NOBODY);
    let Ok(mut child) = command.spawn() else {
        testbed::left_out_for_want_of("a checkout that everyone can read", "who looks into it");
        return;
    };
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let of = |name: &str| std::fs::metadata(format!("/proc/{}/{name}", child.id())).unwrap().uid();
    // The directory stays that of whoever runs it.
    let owners = ["", "mem", "environ", "fd"].map(of);
    let _ = child.kill();
    let _ = child.wait();
    assert!(line.starts_with("listening on"), "{line}");
    assert_eq!(owners, [NOBODY, 0, 0, 0]);
}

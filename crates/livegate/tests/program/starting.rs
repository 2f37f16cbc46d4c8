//! Starts that are ended early, or that get too few threads. No process ends by a fault: while one
//! thread ends it, others are inside ONNX Runtime.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use testbed::process::{signal, wrapped};

use crate::demo::demo_on;

/// A demo that loads two workers' models on OpenVINO if it is installed, as a service does.
fn serve() -> Command {
    let mut command = demo_on("auto-cpu", "silent-face");
    command.args(["--workers", "2"]);
    command
}

/// The end of a start that gets SIGTERM after `pause`.
fn ended_after(pause: Duration) -> Output {
    let mut command = serve();
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    std::thread::sleep(pause);
    if child.try_wait().unwrap().is_none() {
        signal(&child, "TERM");
    }
    child.wait_with_output().unwrap()
}

/// 143 is what shells say of SIGTERM; before the program listens to the signal, that ends it; after
/// the start it is a graceful shutdown.
#[test]
fn a_signal_while_models_load_ends_the_process_without_a_fault() {
    use std::os::unix::process::ExitStatusExt;
    const TERM: i32 = 15;
    for start in 0..20 {
        let output = ended_after(Duration::from_millis(40 * start));
        let is_ended = match (output.status.code(), output.status.signal()) {
            (Some(code), _) => code == 143 || code == 0,
            (None, signal) => signal == Some(TERM),
        };
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(is_ended, "start {start}: {:?}: {log}", output.status);
    }
}

/// Root is not limited, so the process runs as another user.
#[test]
fn a_start_without_threads_says_so_and_exits_with_69() {
    const USER: &str = "4711";
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|process| {
        use std::os::unix::fs::MetadataExt;
        process.uid() == 0
    });
    let can_run = || {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", USER, "--regid", USER, "--clear-groups"]);
        let library = testbed::home().root().join("runtime");
        let output = command.arg("ls").arg(library).output();
        output.is_ok_and(|output| output.status.success())
    };
    if !is_root || !can_run() {
        testbed::left_out_without(
            "root, setpriv and files that every user can read",
            "a start without threads",
        );
        return;
    }
    // The sixth and last thread is the second worker.
    for threads in (2..12).map(|start| start / 2) {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", USER, "--regid", USER, "--clear-groups", "bash", "-c"]);
        command.args([&format!("ulimit -u {threads} && exec \"$@\""), "bash"]);
        let mut command = wrapped(command, &serve());
        let output = command.output().unwrap();
        let log = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(69), "{threads}: {:?}: {log}", output.status);
        assert!(log.contains("thread"), "{threads}: {log}");
    }
}

//! Sockets that stay open while one process follows another, handed over as systemd does.

use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rustix::io::{FdFlags, fcntl_setfd};
use testbed::client::{Body, Client};
use testbed::process::wrapped;
use testbed::service::Service;

use crate::demo::{CREDENTIALS, V1, demo, portrait_file};
use crate::{finished, livegate};

/// A socket that child processes inherit.
fn listening() -> TcpListener {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    fcntl_setfd(&socket, FdFlags::empty()).unwrap();
    socket
}

/// `program` with `sockets` as its files from 3 on, and with the variables of `sd_listen_fds(3)`.
fn handed(program: &Command, sockets: &[&TcpListener], names: &str, pid: &str) -> Command {
    let moved = (103..).zip(sockets).map(|(to, it)| format!("exec {to}<&{}", it.as_raw_fd()));
    let placed = (3..).take(sockets.len()).map(|to| format!("exec {to}<&{}", to + 100));
    let redirected: Vec<String> = moved.chain(placed).collect();
    let count = sockets.len();
    let mut shell = Command::new("bash");
    shell.args(["-c", &format!("{}; LISTEN_PID={pid} exec \"$@\"", redirected.join("; ")), "bash"]);
    let mut command = wrapped(shell, program);
    command.env("LISTEN_FDS", count.to_string()).env("LISTEN_FDNAMES", names);
    command
}

fn port(socket: &TcpListener) -> u16 {
    socket.local_addr().unwrap().port()
}

#[test]
fn ten_restarts_under_load_refuse_and_cut_no_request() {
    const RESTARTS: usize = 10;
    let socket = listening();
    let mut command = demo("starter");
    // The next process begins when the former has ended, and callers wait.
    command.args(["--set", "ingress.shutdown_delay_ms=100"]);
    let start = || Service::start(handed(&command, &[&socket], "main", "$$"));
    let (is_over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    let url = format!("http://127.0.0.1:{}{V1}", port(&socket));
    let body = Body::form(&portrait_file());
    let ask = || {
        while !is_over.load(Ordering::Relaxed) {
            // A connection of its own for each request.
            let answer = Client::default().post(&url, &CREDENTIALS, &body);
            let answer = answer.unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(answer.status, 200, "{}", answer.body);
            answered.fetch_add(1, Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        let mut service = start();
        assert_eq!(service.url(), format!("http://127.0.0.1:{}", port(&socket)));
        let callers: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        for _ in 0..RESTARTS {
            let before = answered.load(Ordering::Relaxed);
            while answered.load(Ordering::Relaxed) < before + 20 {
                assert!(callers.iter().all(|caller| !caller.is_finished()), "a request failed");
                std::thread::sleep(Duration::from_millis(5));
            }
            service.stop();
            service = start();
        }
        is_over.store(true, Ordering::Relaxed);
        for caller in callers {
            caller.join().unwrap();
        }
        service.stop();
    });
    assert!(answered.load(Ordering::Relaxed) >= RESTARTS * 20);
}

#[test]
fn each_socket_is_what_its_name_says() {
    let (first, second) = (listening(), listening());
    let mut service =
        Service::start(handed(&demo("starter"), &[&first, &second], "admin:main", "$$"));
    assert_eq!(service.url(), format!("http://127.0.0.1:{}", port(&second)));
    let get = |socket: &TcpListener, path: &str| {
        let url = format!("http://127.0.0.1:{}{path}", port(socket));
        Client::default().get(&url).unwrap().status
    };
    assert_eq!((get(&first, "/metrics"), get(&second, "/metrics")), (200, 404));
    service.stop();
    // Variables for another process change nothing.
    let mut service = Service::start(handed(&demo("starter"), &[&first], "main", "1"));
    assert_ne!(service.url(), format!("http://127.0.0.1:{}", port(&first)));
    service.stop();
}

#[test]
fn sockets_without_a_known_name_are_refused() {
    let (first, second) = (listening(), listening());
    let connected = std::net::TcpStream::connect(first.local_addr().unwrap()).unwrap();
    fcntl_setfd(&connected, FdFlags::empty()).unwrap();
    let connected = TcpListener::from(OwnedFd::from(connected));
    for (sockets, names, says) in [
        (&[&first][..], "", "LISTEN_FDNAMES has 0 names for 1 sockets"),
        (&[&first, &second], "main", "LISTEN_FDNAMES has 1 names for 2 sockets"),
        (&[&first], "livegate.socket", "no listener `livegate.socket`"),
        (&[&first, &second], "main:main", "two are named `main`"),
        (&[&connected], "main", "`main` cannot be listened on"),
    ] {
        let mut program = livegate(testbed::home().root());
        program.args(["serve", "--offline", "--demo", "--pack", "starter", "--device", "cpu"]);
        let output = handed(&program, sockets, names, "$$").output().unwrap();
        let (_, said, code) = finished(&output);
        assert!(said.contains(says) && code == 64, "{names}: {code}: {said}");
    }
}

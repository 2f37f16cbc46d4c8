//! A real Valkey or Redis server on loopback, from the system's packages (Debian: `redis-server`).

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server with a directory and a port of its own; both end with it.
#[derive(Debug)]
pub struct ValkeyServer {
    child: Child,
    directory: tempfile::TempDir,
    port: u16,
    arguments: Vec<String>,
}

impl ValkeyServer {
    /// Starts one with `arguments` after ours. Where no server is installed, nothing, and that is said;
    /// in CI it is an error.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start(arguments: &[&str]) -> Option<Self> {
        let directory = tempfile::tempdir().expect("there is room for a directory");
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
        let port = free.local_addr().expect("it has an address").port();
        drop(free);
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let Some(child) = spawn(directory.path(), port, &arguments) else {
            crate::left_out_without("valkey-server or redis-server", "shared accounts");
            return None;
        };
        let server = Self { child, directory, port, arguments };
        server.wait_until_up();
        Some(server)
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Ends it at once, as a crash would.
    ///
    /// # Panics
    /// When it cannot be ended.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        self.child.wait().expect("it was started here");
    }

    /// Has it hang: it keeps its connections and answers nothing.
    ///
    /// # Panics
    /// When there is no `kill`.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Has it go on, with all that it was asked meanwhile.
    ///
    /// # Panics
    /// When there is no `kill`.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{signal}"), &pid]).status();
        assert!(sent.expect("there is a kill").success());
    }

    /// Starts it again, on the same port and with what it has on disk.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start_again(&mut self) {
        self.child = spawn(self.directory.path(), self.port, &self.arguments)
            .expect("it could be started before");
        self.wait_until_up();
    }

    /// Any answer means that it is up: one that asks for a password too.
    fn wait_until_up(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        let answers = || {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
            stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
            stream.write_all(b"PING\r\n").ok()?;
            let mut answer = [0; 8];
            let read = stream.read(&mut answer).ok()?;
            // While it reads its log it answers `-LOADING`.
            (read > 0 && !answer.starts_with(b"-LOAD")).then_some(())
        };
        while answers().is_none() {
            assert!(Instant::now() < deadline, "the server does not come up");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for ValkeyServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(directory: &Path, port: u16, arguments: &[String]) -> Option<Child> {
    ["valkey-server", "redis-server"].iter().find_map(|program| {
        Command::new(program)
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--dir", &directory.display().to_string()])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()
    })
}
